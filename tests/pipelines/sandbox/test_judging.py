"""What tests may do with a program, from another process: honest programs are right, wrong ones wrong, and the rest is not told."""

from __future__ import annotations

import pytest

from pipelines.sandbox.engine import SandboxEngine
from processors.verify.programs import TestedProgram, TestReport
from schemas.identity import canonical_json

# name: (tests, program) or (tests, program, setup, entry point)
RIGHT = {
    "changes a list in place": ("a = [3, 1, 2]\nassert f(a) is None\nassert a == [1, 2, 3]", "def f(a): a.sort()"),
    "changes nested containers": (
        "a = {'k': [1, {2}], 'n': 0}\nf(a)\nassert a == {'k': [1, {2, 3}], 'n': 1}",
        "def f(a):\n    a['k'][1].add(3)\n    a['n'] += 1",
    ),
    "gives the list that it was given": ("a = [1]\nassert f(a) is a\nassert a == [1, 2]", "def f(a):\n    a.append(2)\n    return a"),
    "one list twice": ("a = []\nf(a, a)\nassert a == [1, 2]", "def f(x, y):\n    x.append(1)\n    y.append(2)"),
    "a list within itself": ("a = []\na.append(a)\nb = f(a)\nassert b[0] is b", "def f(a): return [a][0]"),
    "keyword arguments": ("assert f(1, b=2, *[3]) == (1, 3, 2)", "def f(a, c, *, b): return (a, c, b)"),
    "a function of the tests": ("assert f([1, 2], lambda x: x * 10) == [10, 20]", "def f(a, g): return [g(x) for x in a]"),
    "builtin functions": (
        "import operator\nassert f([2, 3], operator.mul) == 6\nassert f(['a', 'b'], max) == 'b'",
        "import functools\ndef f(a, g): return functools.reduce(g, a)",
    ),
    "an exception of a function of the tests": (
        "def bad(x):\n    raise KeyError(x)\nassert f(bad) == 'k'",
        "def f(g):\n    try:\n        g('k')\n    except KeyError as error:\n        return error.args[0]",
    ),
    "a function that gives a function": ("add = f(2)\nassert add(3) == 5 and f(1)(1) == 2", "def f(a): return lambda b: a + b"),
    "a function back and forth": ("def g(x):\n    return x + 1\nassert f(g)(1) == 3", "def f(g): return lambda x: g(g(x))"),
    "an iterator of the tests": ("assert f(iter([1, 2, 3])) == 6\nassert f(x for x in (4, 5)) == 9", "def f(a): return sum(a)"),
    "a generator": (
        "assert list(f(3)) == [0, 1, 2]\nassert sum(f(4)) == 6\nassert sorted(f(2)) == [0, 1]",
        "def f(n): yield from range(n)",
    ),
    "an endless generator": (
        "import itertools\nassert list(itertools.islice(f(), 3)) == [1, 2, 4]\ng = f()\nassert next(g) == 1 and next(g) == 2",
        "def f():\n    n = 1\n    while True:\n        yield n\n        n *= 2",
    ),
    "lazy builtins": (
        "assert list(f([1, 2])) == [2, 3]\nassert set(f([1])) == {2}\nassert tuple(f([])) == ()",
        "def f(a): return map(lambda x: x + 1, a)",
    ),
    "views of a dictionary": ("assert sorted(f({'a': 1})) == ['a']\nassert len(f({'b': 2})) == 1", "def f(a): return a.keys()"),
    "a class": (
        "a = Account(5)\na.add(3)\nassert a.total == 8\na.total = 1\nassert a.total == 1 and len(a) == 1 and str(a) == '<1>' and a[0] == 1",
        "class Account:\n    def __init__(self, n): self.total = n\n    def add(self, n): self.total += n\n    def __len__(self): return 1\n    def __str__(self): return f'<{self.total}>'\n    def __getitem__(self, i): return self.total",
        "",
        "Account",
    ),
    "an exception of the program": (
        "try:\n    f(-1)\n    assert False\nexcept Negative as error:\n    assert str(error) == 'no -1'\ntry:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
        "class Bad(ValueError): pass\nclass Negative(Bad): pass\ndef f(n):\n    raise Negative(f'no {n}')",
    ),
    "an isinstance of its class": (
        "assert isinstance(f(), Node)\nassert not isinstance(3, Node)",
        "class Node: pass\ndef f(): return Node()",
    ),
    "a context": (
        "with f() as g:\n    assert g == 3\nassert done() == [1]",
        "import contextlib\nlog = []\n@contextlib.contextmanager\ndef f():\n    yield 3\n    log.append(1)\ndef done(): return log",
    ),
    "one object stays one": (
        "a = f()\nassert a is f() and g() is not a and a in [a]",
        "class C: pass\none = C()\ndef f(): return one\ndef g(): return C()",
    ),
    "assertions of numpy": ("import numpy as np\nnp.testing.assert_allclose(f(), [1.0, 2.0])", "def f(): return [1.0, 2.0]"),
    "a constant": ("assert LIMIT == 3 and f(1) == 3", "LIMIT = 3\ndef f(n): return n * LIMIT"),
    "linked nodes of the problem": (
        "def to_list(node):\n    out = []\n    while node:\n        out.append(node.val)\n        node = node.next\n    return out\nassert to_list(f(Node(1, Node(2)))) == [2, 1]",
        "def f(head):\n    last = None\n    while head:\n        head.next, last, head = last, head, head.next\n    return last",
        "class Node:\n    def __init__(self, val=0, next=None):\n        self.val, self.next = val, next\n",
    ),
    "rare plain types": (
        "from collections import Counter, OrderedDict, defaultdict, deque\nfrom decimal import Decimal\nfrom fractions import Fraction\nimport datetime, math\n"
        "for v in (Counter('aab'), OrderedDict(a=1), deque([1], 3), Decimal('1.50'), Fraction(1, 3), datetime.date(2024, 2, 29), datetime.timedelta(1, 2), b'\\x00', bytearray(b'a'),"
        " 1 + 2j, float('inf'), 10**400, -(2**70), frozenset({(1, 2)}), range(3), None, {(1, 2): {3}}, 'é\\ud800', ..., True, -0.0, int, [[]], {1: {}}):\n"
        "    r = f(v)\n    assert r == v and type(r) is type(v)\nassert math.isnan(f(float('nan')))\nd = f(defaultdict(list))\nd['x'].append(1)\nassert d == {'x': [1]}",
        "def f(v): return v",
    ),
    "classes that add to plain ones": (
        "assert f() == (1, 2)\nassert g() == 3\nassert h() == {'a': 1}",
        "import collections, enum\nPair = collections.namedtuple('Pair', 'x y')\nclass E(enum.IntEnum):\n    A = 3\nclass D(dict): pass\ndef f(): return Pair(1, 2)\ndef g(): return E.A\ndef h(): return D(a=1)",
    ),
    "numbers of numpy": (
        "assert f([1, 2]) == 1.5\nassert g([1, 2]) == [1, 2]",
        "import numpy as np\ndef f(a): return np.mean(a)\ndef g(a): return [x for x in np.array(a)]",
    ),
    "prints": (
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as out:\n    f('a')\nassert out.getvalue() == 'hello a\\n'",
        "def f(n): print('hello', n)",
    ),
    "a helper of the problem": (
        "assert f(helper(2)) == 9",
        "def f(n): return n * 3",
        "def helper(n):\n    return n + 1\n\ndef f(n):\n    '''Three times.'''\n",
        "f",
    ),
    "asks for types": ("assert type(f()) is int and type(f()) == int and isinstance(f(), int)", "def f(): return 3"),
    "only functions": (
        "def test_one():\n    assert f(1) == 2\ndef test_two():\n    assert f(2) == 3\nclass TestMore:\n    def test_three(self):\n        assert f(3) == 4",
        "def f(n): return n + 1",
    ),
    "only check": ("def check(g):\n    assert g(1) == 2", "def f(n): return n + 1", "", "f"),
    "pytest": (
        "import pytest\n@pytest.mark.parametrize('n, m', [(1, 0.1), (2, 0.2)])\ndef test_f(n, m):\n    assert f(n) == pytest.approx(m)\ndef test_bad():\n    with pytest.raises(ZeroDivisionError, match='division'):\n        f(None)",
        "def f(n):\n    return 1 / 0 if n is None else 0.1 * n + 1e-12",
    ),
    "imports the program": ("from solution import f as g, h\nassert g(1) == 2 and h() == 3", "def f(n): return n + 1\ndef h(): return 3"),
    "a method of a class": (
        "def check(g):\n    assert g([1]) == 1",
        "class Solution:\n    def first(self, a): return a[0]",
        "",
        "Solution().first",
    ),
    "a dataclass in tests": (
        "from dataclasses import dataclass\n@dataclass\nclass Case:\n    n: int\nassert f(Case(2).n) == 3",
        "def f(n): return n + 1",
    ),
    "dataclasses and pickles of the program": (
        "assert f() == 3",
        "import pickle\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(): return pickle.loads(pickle.dumps(P(3))).x",
    ),
    "deep recursion": ("assert f(900) == 900", "def f(n): return 0 if n == 0 else 1 + f(n - 1)"),
    "a name like a builtin": ("def check(g):\n    assert g([1, 2]) == 4", "def sum(a): return 4", "", "sum"),
    "random numbers of the tests": (
        "import random\nfor _ in range(5):\n    n = random.randint(0, 9)\n    assert f(n) == n + 1",
        "def f(n): return n + 1",
    ),
    "future annotations": (
        "assert f(1) == 1",
        "from __future__ import annotations\ndef f(n: Missing) -> Nothing: return n",
        "import math\ndef f(n):\n    '''Same.'''\n",
        "f",
    ),
}

# name: (tests, program, words of why) or with setup and entry point
WRONG = {
    "a list that it should not change": (
        "a = [1]\nassert f(a) == [2]\nassert a == [1]",
        "def f(a):\n    a[0] += 1\n    return a",
        "line 3: assert a == [1]: [2] against [1]",
    ),
    "true is not one's text": ("assert f() == 'True'", "def f(): return True", "True against 'True'"),
    "one is not 1.0 by type": ("assert isinstance(f(), float)", "def f(): return 1", "line 1"),
    "no value": ("assert abs(f(1.5) - 0.5) < 1e-6", "def f(x): x % 1", "raise TypeError"),
    "raises": ("assert f(0) == 0", "def f(n):\n    return 1 // n", "ZeroDivisionError"),
    "raises another exception": (
        "try:\n    f()\n    assert False, 'nothing raised'\nexcept ValueError:\n    pass",
        "def f():\n    raise KeyError('x')",
        "KeyError",
    ),
    "does not raise": (
        "import pytest\ndef test_f():\n    with pytest.raises(ValueError):\n        f()",
        "def f(): return 1",
        "nothing was raised",
    ),
    "too few arguments": ("assert f(1, 2) == 3", "def f(a): return a", "TypeError"),
    "does not compile": ("assert f() == 1", "def f()\n    return 1", "does not compile"),
    "is not there": ("def check(g):\n    assert g() == 1", "def g(): return 1", "does not define f", "", "f"),
    "none of what the tests call is there": ("assert f() == 1", "def g(): return 1", "does not define f"),
    "only the prompt's head": (
        "def check(g):\n    assert g() is None",
        "x = 1",
        "does not define f",
        "def f():\n    '''Nothing.'''\n",
        "f",
    ),
    "cannot be called": ("def check(g):\n    assert g() is None", "f = 3", "cannot be called", "", "f"),
    "breaks as it is loaded": (
        "assert f() == 1",
        "limit = 1 // 0\ndef f(): return 1",
        "raises as it is loaded: ZeroDivisionError",
    ),
    "a generator for a list": ("assert f() == [1]", "def f(): yield 1", "an object of type generator against [1]"),
    "the second test": ("assert f(1) == 1\nassert f(2) == 3", "def f(n): return n", "line 2"),
    "an order": ("assert f() == [1, 2]", "def f(): return [2, 1]", "[2, 1] against [1, 2]"),
}

CANNOT_TELL = {
    "an equality of its own": (
        "assert Point(1) == Point(1)",
        "class Point:\n    def __init__(self, x): self.x = x\n    def __eq__(self, other): return self.x == other.x",
        "not_plain_data",
    ),
    "an array": ("assert f() == 3", "import numpy\ndef f(): return numpy.array([3])", "not_plain_data"),
    "a class of the problem that decides": (
        "tree = Tree(3)\nassert f(tree).equals(Tree(4))",
        "class Tree:\n    def __init__(self, x): pass\n    def equals(self, other): return True\ndef f(tree): return tree",
        "not_plain_data",
        "class Tree:\n    def __init__(self, x): self.x = x\n    def equals(self, other): return self.x == other.x\n",
        "f",
    ),
    "objects that it says are one": (
        "assert f(Tree(3)) == Tree(4)",
        "from pipelines.sandbox import tested\ntested.Tested._handle = lambda self, value: (self.handles.append(value), ['h', 0 if type(value) is Tree else len(self.handles) - 1, 'Tree', 'c'])[1]\ndef f(tree): return Tree(9)",
        "not_plain_data",
        "class Tree:\n    def __init__(self, x): self.x = x\n",
        "f",
    ),
    "arithmetic of its own": (
        "assert f() + 1 == 2",
        "class N:\n    def __add__(self, other): return 2\ndef f(): return N()",
        "not_plain_data",
    ),
    "a swallowed doubt": (
        "try:\n    f() + 1\nexcept BaseException:\n    pass\nassert True",
        "class N: pass\ndef f(): return N()",
        "not_plain_data",
    ),
    "an object of the tests": ("class C: pass\nassert f(C()) == 1", "def f(c): return 1", "not_plain_data"),
    "tests without assertions": ("f()", "def f(): return 1", "bad_tests"),
    "tests without the program": ("assert True", "def f(): return 1", "bad_tests"),
    "tests that do not compile": ("assert f( == 1", "def f(): return 1", "bad_tests"),
    "tests that lack a module": ("import nothing_like_this\nassert f() == 1", "def f(): return 1", "bad_tests"),
    "tests that lack a name": ("assert f() == 1\nassert f() == missing", "def f(): return 1", "bad_tests", "", "f"),
    "tests that break first": ("x = [][0]\nassert f() == 1", "def f(): return 1", "bad_tests"),
    "tests that leave": ("import os\nf()\nos._exit(0)", "def f(): return 1", "bad_tests"),
    "tests that write the report": ("import os\nf()\nos.write(4, b'{')\nassert f() == 1", "def f(): return 1", "bad_tests"),
    "tests that run what they are given": ("assert eval(f()) == 4", "def f(): return '2 + 2'", "needs_same_process"),
    "tests that patch": (
        "import unittest.mock\nwith unittest.mock.patch('builtins.input', return_value='3'):\n    assert f() == 3",
        "def f(): return int(input())",
        "needs_same_process",
    ),
    "a list that the program keeps": (
        "log = []\na = A(log)\na.add(1)\nassert log == [1]",
        "class A:\n    def __init__(self, log): self.log = log\n    def add(self, x): self.log.append(x)",
        "needs_same_process",
    ),
    "a list that the tests change later": (
        "log = [1]\na = A(log)\nlog.append(2)\nassert a.size() == 2",
        "class A:\n    def __init__(self, log): self.log = log\n    def size(self): return len(self.log)",
        "needs_same_process",
    ),
    "a broken setup": ("assert f() == 1", "def f(): return 1", "bad_tests", "import nothing_like_this\n", "f"),
    "a module that is not here": ("assert f() == 1", "import nothing_like_this\ndef f(): return 1", "missing_module"),
    "a module that is not here, later": ("assert f() == 1", "def f():\n    import nothing_like_this", "missing_module"),
    "another language": ("assert f() == 1", "def f(): return 1", "bad_tests", "", "", "javascript"),
}


@pytest.fixture(scope="module")
def found() -> dict[str, TestReport]:
    """Every report, from one opened engine."""
    asked = {}
    for group, cases in (("right", RIGHT), ("wrong", WRONG), ("cannot_tell", CANNOT_TELL)):
        for name, (tests, program, *more) in cases.items():
            setup, entry_point, language = [*(more if group == "right" else more[1:]), "", "", ""][:3]
            form = "check" if tests.startswith("def check") and name != "only check" else "asserts"
            told = {"form": form, "tests": tests, "entry_point": entry_point, "setup": setup, "language": language or "python"}
            asked[f"{group}: {name}"] = TestedProgram(program, canonical_json(told))
    with SandboxEngine(cpu_s=5.0, wall_s=30.0).open() as run:
        return dict(zip(asked, run(list(asked.values())), strict=True))


@pytest.mark.parametrize("name", RIGHT)
def test_right(name: str, found: dict[str, TestReport]) -> None:
    report = found[f"right: {name}"]
    assert (report.value, report.cause) == ("right", "passed"), report
    assert report.num_passed == report.num_run > 0


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str, found: dict[str, TestReport]) -> None:
    report = found[f"wrong: {name}"]
    assert (report.value, report.cause) == ("wrong", "failed"), report
    assert WRONG[name][2] in report.why


@pytest.mark.parametrize("name", CANNOT_TELL)
def test_cannot_tell(name: str, found: dict[str, TestReport]) -> None:
    report = found[f"cannot_tell: {name}"]
    assert (report.value, report.cause) == ("cannot_tell", CANNOT_TELL[name][2]), report


def test_a_judge_that_is_done_at_once_stops_nothing() -> None:
    """The program's process may be ended before it has begun: tests that do not compile need no program."""
    bad = TestedProgram("def f(): return 1", canonical_json({"form": "asserts", "tests": "assert f( == 1"}))
    with SandboxEngine(cpu_s=5.0, wall_s=30.0).open() as run:
        assert {report.cause for report in run([bad] * 40)} == {"bad_tests"}
