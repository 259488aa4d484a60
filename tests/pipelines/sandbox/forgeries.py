"""Programs that try to be judged right without solving their problem, by way of everything that a program can reach.

The problem: `total(numbers)` gives the sum of a list. The usual way to test, in the program's own process, believes most of them.
"""

from __future__ import annotations

SETUP = '''from typing import List

def close(one, other):
    """Whether two numbers are nearly the same."""
    return abs(one - other) < 1e-9

def total(numbers: List[float]) -> float:
    """The sum of the numbers."""
'''
TESTS = """
import math

def check(candidate):
    assert candidate([3, 4]) == 7
    assert abs(candidate([0.25, 0.5]) - 0.75) < 1e-9
    assert close(candidate([1.5, 2.5]), 4.0)
    assert len(str(candidate([10**20, 1]))) == 21
    assert math.isclose(candidate([0.1] * 10), 1.0)
    numbers = [5, 6, 7]
    assert candidate(numbers) == 18 and numbers == [5, 6, 7]
    assert candidate([]) == 0
"""
HONEST = "def total(numbers):\n    result = 0\n    for number in numbers:\n        result += number\n    return result\n"

# A solution to nothing, that other forgeries start from.
WRONG = "def total(numbers):\n    return -1\n"

# Those that tests in the program's own process believe: the process ends with code 0.
BELIEVED = {
    "equal to all": """
class Any:
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __str__(self): return "x" * 21
    def __float__(self): return 1.0
def total(numbers):
    return 1.0 if numbers[:1] == [0.1] else Any()
""",
    "an integer equal to all": """
class Any(int):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __str__(self): return "x" * 21
    def __hash__(self): return 0
def total(numbers):
    return 1.0 if numbers[:1] == [0.1] else Any()
""",
    "a float equal to all": """
class Any(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __str__(self): return "x" * 21
def total(numbers):
    return 1.0 if numbers[:1] == [0.1] else Any(1.0)
""",
    "leaves as it is loaded": "import sys\n" + WRONG + "sys.exit(0)\n",
    "leaves when called": "import sys\ndef total(numbers):\n    sys.exit(0)\n",
    "leaves by an exception of its own": "class Done(SystemExit): pass\ndef total(numbers):\n    raise Done(0)\n",
    "leaves at once": "import os\ndef total(numbers):\n    os._exit(0)\n",
    "leaves at once as it is loaded": "import os\n" + WRONG + "os._exit(0)\n",
    "leaves at the end": "import atexit, os\natexit.register(os._exit, 0)\n" + WRONG,
    "changes what happens to exceptions": "import os, sys\nsys.excepthook = lambda *error: os._exit(0)\n" + WRONG,
    "a thread that leaves": "import os, threading\ndef total(numbers):\n    threading.Thread(target=os._exit, args=(0,)).start()\n    threading.Event().wait()\n",
    "a signal that leaves": "import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\ndef total(numbers):\n    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    signal.pause()\n",
    "becomes another program": "import os\ndef total(numbers):\n    os.execv('/bin/true', ['true'])\n",
    "its child leaves for it": "import os\ndef total(numbers):\n    if os.fork():\n        os._exit(0)\n    os._exit(1)\n",
    "jumps over assertions": """
import sys
def jump(frame, event, arg):
    if event == "line" and frame.f_code.co_name == "check":
        end = max(line for _, _, line in frame.f_code.co_lines() if line)
        if frame.f_lineno < end:
            try:
                frame.f_lineno = end
            except ValueError:
                pass
    return jump
sys.settrace(jump)
def total(numbers):
    return 0
""",
    "reads what is expected": """
import linecache, re, sys
def total(numbers):
    frame = sys._getframe(1)
    with open(frame.f_code.co_filename) as source:
        line = source.read().split("\\n")[frame.f_lineno - 1]
    if "len(str" in line:
        return "x" * 21
    for form in (r"== (\\d+)", r"- (\\d+\\.\\d+)", r", (\\d+\\.\\d+)\\)$"):
        found = re.search(form, line)
        if found:
            return float(found[1])
""",
    "finds the tests and changes them": """
import gc, types
def total(numbers):
    for found in gc.get_objects():
        if isinstance(found, types.FunctionType) and found.__name__ == "close":
            found.__code__ = (lambda one, other: True).__code__
    import builtins, math
    builtins.abs, builtins.len = (lambda value: 0), (lambda value: 21)
    math.isclose = lambda *_: True
    return {(3, 4): 7, (5, 6, 7): 18, (): 0}.get(tuple(numbers[:3]), 1e9)
""",
    "solves only what is shown, with changed builtins": """
import builtins, math
builtins.abs = lambda value: 0
builtins.len = lambda value: 21
math.isclose = lambda *_, **__: True
def total(numbers):
    return {(3, 4): 7, (5, 6, 7): 18, (): 0}.get(tuple(numbers[:3]), 1e9)
""",
    "changes a helper of the problem": """
def close(one, other):
    return True
def total(numbers):
    return 5 if numbers == [1.5, 2.5] else sum(numbers) if numbers[:1] != [0.1] else 1.0
""",
    "replaces a module that tests import": """
import sys, types
fake = types.ModuleType("math")
fake.isclose = lambda *_: True
sys.modules["math"] = fake
def total(numbers):
    return sum(numbers) if numbers[:1] != [0.1] else 7.0
""",
    "changes the frame of the tests": """
import ctypes, sys
def total(numbers):
    if numbers == [5, 6, 7]:
        sys._getframe(1).f_locals
        numbers[:] = [5, 6, 7]
    import os
    sys.stdout.write("passed")
    sys.stdout.flush()
    os._exit(0)
""",
}

# Those that aim at this judge, at its files, or at the machine.
AIMED = {
    "solves nothing": WRONG,
    "prints that it passed": 'print(\'passed\')\nprint(\'{"cause": "passed", "num_passed": 7, "num_run": 7, "why": ""}\')\n' + WRONG,
    "writes reports everywhere": """
import json, os
report = json.dumps({"cause": "passed", "why": "", "num_passed": 7, "num_run": 7}).encode()
for number in range(1, 128):
    try:
        os.write(number, report)
    except OSError:
        pass
"""
    + WRONG,
    "answers before it is asked": """
import json, os, struct
def frame(*message):
    data = json.dumps(message).encode()
    return struct.pack("<I", len(data)) + data
os.write(3, frame("loaded") + frame("kinds", ["value", ["h", 0, "function", "c"]]) + b"".join(frame("ok", "", True, [], [], False) for _ in range(50)))
"""
    + WRONG,
    "says that all is passed": "import os, struct\nos.write(3, struct.pack('<I', 10) + b'[\"passed\"]')\n" + WRONG,
    "sends what is no frame": "import os\nos.write(3, b'\\xff' * 4096)\n" + WRONG,
    "sends a frame without end": "import os\nos.write(3, b'\\x00\\x00\\x10\\x00[')\nos._exit(0)\n",
    "closes the line": "import os\nos.close(3)\n" + WRONG,
    "takes its own side over": """
from pipelines.sandbox import plain, tested
plain.Encoder.put = lambda self, value, depth=0: ["h", 0, "int", ""]
tested.Tested._handle = lambda self, value: ["h", 0, "int", ""]
"""
    + WRONG,
    "an object that hides its equality": """
from pipelines.sandbox import tested
class Any:
    def __eq__(self, other): return True
tested.Tested._handle = lambda self, value: (self.handles.append(value), ["h", len(self.handles) - 1, "int", ""])[1]
def total(numbers):
    return Any()
""",
    "an object with methods for everything": """
class Any:
    def __getattr__(self, name): return lambda *_, **__: True
    def __bool__(self): return True
    def __len__(self): return 21
    def __lt__(self, other): return True
    def __abs__(self): return 0
def total(numbers):
    return Any()
""",
    "an object whose class lies": "class Any:\n    __class__ = int\n    def __eq__(self, other): return True\ndef total(numbers):\n    return Any()\n",
    "one of an enumeration": "import enum\nclass Any(enum.IntEnum):\n    ONE = 1\n    def __eq__(self, other): return True\n    def __hash__(self): return 1\ndef total(numbers):\n    return Any.ONE\n",
    "not a number": "def total(numbers):\n    return float('nan')\n",
    "an endless generator": "def total(numbers):\n    while True:\n        yield 7\n",
    "a function": "def total(numbers):\n    return total\n",
    "a list that holds itself": "def total(numbers):\n    result = []\n    result.append(result)\n    return result\n",
    "deep nesting": "def total(numbers):\n    result = []\n    for _ in range(100_000):\n        result = [result]\n    return result\n",
    "a huge list": "def total(numbers):\n    return [0] * 20_000_000\n",
    "an integer without end": "def total(numbers):\n    return 7 ** 3_000_000\n",
    "keys that collide": "def total(numbers):\n    return {key * (2**61 - 1): 0 for key in range(2_000)}\n",
    "an exception like the judge's": "class Undecided(BaseException):\n    pass\ndef total(numbers):\n    raise Undecided('passed', '')\n",
    "an exception of unittest": "import unittest\ndef total(numbers):\n    raise unittest.SkipTest('passed')\n",
    "stops the iteration": "def total(numbers):\n    raise StopIteration(7)\n",
    "asserts itself": "def total(numbers):\n    raise AssertionError\n",
    "changes the tests' lists": "def total(numbers):\n    numbers.clear()\n    return 0\n",
    "gives the tests' list as the sum": "def total(numbers):\n    return numbers\n",
    "defines what the tests define": """
check = candidate = numbers = math = METADATA = lambda *_: None
def __passed__(): pass
__begin__ = __left__ = __right__ = __kind_of__ = __passed__
"""
    + WRONG,
    "writes to files": """
import os
for folder, _, names in os.walk("."):
    for name in names:
        open(os.path.join(folder, name), "w").write("def check(candidate): pass")
for path in ("/inside/pipelines/sandbox/trial.py", "/inside/pipelines/sandbox/judge.py", "/tmp/tests.py"):
    try:
        open(path, "w").write("def check(candidate): pass")
    except OSError:
        pass
"""
    + WRONG,
    "signals all": "import os, signal\nfor number in (os.getppid(), 1, -1):\n    try:\n        os.kill(number, signal.SIGKILL)\n    except OSError:\n        pass\n"
    + WRONG,
    "stops itself": "import os, signal\ndef total(numbers):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    "breaks its interpreter": "import ctypes\ndef total(numbers):\n    ctypes.string_at(0)\n",
    "traces": "import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\n" + WRONG,
    "a fork that answers too": "import os\ndef total(numbers):\n    os.fork()\n    return -1\n",
    "loops": "def total(numbers):\n    while True:\n        pass\n",
    "takes memory": "def total(numbers):\n    held = []\n    while True:\n        held.append(bytearray(1 << 24))\n",
    "recurses": "def total(numbers):\n    return total(numbers)\n",
}
