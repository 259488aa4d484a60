"""No program is judged right that does not solve its problem, whatever it tries; and the usual way to test believes those that try."""

from __future__ import annotations

import pytest

from pipelines.sandbox.engine import SandboxEngine
from pipelines.sandbox.limits import Limits, Program
from pipelines.sandbox.sandbox import Sandbox
from processors.verify.code_blocks import whole_program
from processors.verify.programs import TestedProgram
from processors.verify.verdict import PASSED, RIGHT
from schemas.identity import canonical_json
from tests.pipelines.sandbox.forgeries import AIMED, BELIEVED, HONEST, SETUP, TESTS, WRONG

JUDGED_BY = canonical_json({"form": "check", "tests": TESTS, "entry_point": "total", "setup": SETUP})
ENGINE = SandboxEngine(cpu_s=1.0, wall_s=4.0, memory_bytes=512 << 20)


def reports(programs: list[str], judged_by: str = JUDGED_BY):
    with ENGINE.open() as run:
        return run([TestedProgram(program, judged_by) for program in programs])


def test_no_forgery_is_judged_right() -> None:
    forgeries = {**BELIEVED, **AIMED}
    assert len(forgeries) >= 55
    found = dict(zip(forgeries, reports(list(forgeries.values())), strict=True))
    assert {name: report for name, report in found.items() if report.value == RIGHT} == {}
    assert found["solves nothing"].cause == "failed"
    assert found["equal to all"].cause == "not_plain_data"
    assert found["an integer equal to all"].cause == "not_plain_data"
    assert found["leaves at once"].cause == "crashed"
    assert found["changes a helper of the problem"].why.startswith("line 7: assert close(")
    assert found["loops"].cause == "timeout"
    assert found["traces"].cause == "unsafe"
    assert found["gives the tests' list as the sum"].cause == "failed"


def test_the_honest_program_is_right_after_all_of_them() -> None:
    """Nothing that a forgery did reaches the next program."""
    programs = [program for forgery in list(BELIEVED.values())[:12] for program in (forgery, HONEST)]
    found = reports(programs)
    assert [report.value for report in found[1::2]] == [RIGHT] * 12
    assert {(report.cause, report.num_passed, report.num_run) for report in found[1::2]} == {(PASSED, 7, 7)}


@pytest.mark.parametrize("name", BELIEVED)
def test_tests_in_the_same_process_believe_it(name: str, sandbox: Sandbox) -> None:
    """The mutant: tests after the program in one file, right where the process ends with code 0. A wrong program is not believed."""
    assert _same_process(sandbox, BELIEVED[name]).exit_code == 0


def test_tests_in_the_same_process_refuse_a_plain_wrong_program(sandbox: Sandbox) -> None:
    assert _same_process(sandbox, WRONG).exit_code == 1
    assert _same_process(sandbox, HONEST).exit_code == 0


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as opened:
        yield opened


def _same_process(sandbox: Sandbox, program: str):
    source = f"{whole_program(SETUP, program, 'total')}\n{TESTS}\ncheck(total)\n"
    return sandbox.run(Program(source, limits=Limits(cpu_s=2.0, wall_s=5.0)))


def test_a_limit_of_waiting_says_nothing_and_one_of_work_says_wrong() -> None:
    """The first may be the machine's doing, the second is the program's, as is what it asks of the memory."""
    sleeping = TestedProgram("import time\ndef total(numbers):\n    time.sleep(60)\n    return 7\n", JUDGED_BY)
    with SandboxEngine(cpu_s=5.0, wall_s=1.0).open() as run:
        (found,) = run([sleeping])
    assert (found.value, found.cause) == ("cannot_tell", "timeout")
    with SandboxEngine(cpu_s=0.5, wall_s=60.0).open() as run:
        (loops,) = run([TestedProgram(AIMED["loops"], JUDGED_BY)])
    with SandboxEngine(cpu_s=20.0, wall_s=60.0, memory_bytes=256 << 20).open() as run:
        (memory,) = run([TestedProgram(AIMED["takes memory"], JUDGED_BY)])
    assert (loops.value, loops.cause) == ("wrong", "timeout")
    assert (memory.value, memory.cause) == ("wrong", "memory")


UNITTEST = """
import unittest
from solution import total

class TestTotal(unittest.TestCase):
    def test_two(self):
        self.assertEqual(total([3, 4]), 7)
    def test_none(self):
        self.assertEqual(total([]), 0)
    @unittest.skip("not today")
    def test_skipped(self):
        self.assertEqual(total([]), 1)

if __name__ == "__main__":
    unittest.main()
"""


def test_unittest_cannot_be_patched_from_the_program() -> None:
    judged_by = canonical_json({"form": "asserts", "tests": UNITTEST, "entry_point": "total"})
    forgeries = [
        "import unittest\nunittest.TestCase.assertEqual = lambda *_: None\n" + WRONG,
        "import unittest\nunittest.TestCase.run = lambda *_: None\n" + WRONG,
        "import unittest\ndef total(numbers):\n    raise unittest.SkipTest('no')\n",
    ]
    honest, *forged = reports([HONEST, *forgeries], judged_by)
    assert (honest.value, honest.num_passed, honest.num_run) == (RIGHT, 2, 2)
    assert [report.value for report in forged] == ["wrong"] * 3
