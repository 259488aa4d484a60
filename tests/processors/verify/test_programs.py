"""What a code problem may say of its tests, reports as they are kept, and when two outputs are the same."""

from __future__ import annotations

import pytest

from processors.verify.programs import FORMS, TestedProgram, TestReport, is_same_output, read_tests
from schemas.identity import canonical_json


def test_fields_that_are_left_out_are_plain() -> None:
    told = read_tests({"tests": "assert f() == 1"})
    assert told == {
        "language": "python",
        "form": "asserts",
        "tests": "assert f() == 1",
        "entry_point": "",
        "setup": "",
        "cases": [],
        "tolerance": 0.0,
    }
    assert read_tests({"cases": [["1", "2"]]})["form"] == "stdin"
    assert set(FORMS) == {"check", "asserts", "stdin"}


@pytest.mark.parametrize(
    ("judged_by", "message"),
    [
        ([], "judged_by is list, expected an object"),
        ({"tests": 3}, "judged_by.tests is int, expected text"),
        ({"form": "pytest", "tests": "x"}, "judged_by.form is 'pytest', expected one of check, asserts, stdin"),
        ({"form": "asserts", "tests": " "}, "judged_by has form asserts and no tests"),
        ({"form": "stdin", "tests": "x"}, "judged_by has form stdin and no cases"),
        ({"form": "check", "tests": "x"}, "judged_by has form check and no entry_point"),
        ({"cases": [["1"]]}, "judged_by.cases is not a list of"),
        ({"cases": [["1", 2]]}, "judged_by.cases is not a list of"),
        ({"cases": [["1", "2"]], "tolerance": 1}, "judged_by.tolerance is 1, expected"),
        ({"cases": [["1", "2"]], "tolerance": True}, "judged_by.tolerance is True, expected"),
        ({"cases": [["1", "2"]], "tolerance": "0.1"}, "judged_by.tolerance is '0.1', expected"),
    ],
)
def test_what_cannot_be_tested_says_why(judged_by: object, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        read_tests(judged_by)
    assert message in str(raised.value)


def test_a_digest_is_of_program_and_tests() -> None:
    one = canonical_json({"tests": "assert f() == 1"})
    digests = {TestedProgram(program, judged_by).digest() for program in ("a", "b") for judged_by in (one, one + " ")}
    assert len(digests) == 4
    assert TestedProgram("a\ud800", one).digest() == TestedProgram("a\ud800", one).digest()


def test_a_report_is_the_same_after_it_was_kept() -> None:
    report = TestReport("wrong", "failed", "line 2: 'é\ud800'", 2, 3)
    kept = TestReport.from_bytes(report.to_bytes())
    assert kept == TestReport("wrong", "failed", "line 2: 'é?'", 2, 3)
    assert kept.to_bytes() == report.to_bytes()
    assert kept.verdict().why == "line 2: 'é?' (2 of 3 passed)"
    assert TestReport("right", "passed", "3 of 3 passed", 3, 3).verdict().why == "3 of 3 passed"


@pytest.mark.parametrize(
    ("printed", "expected", "tolerance", "same"),
    [
        ("1 2\n", "1 2", 0.0, True),
        ("1\n2", "1 2\n\n", 0.0, True),
        ("1  2 \r\n", "1 2", 0.0, True),
        ("12", "1 2", 0.0, False),
        ("1 2 3", "1 2", 0.0, False),
        ("", "", 0.0, True),
        ("", "0", 0.0, False),
        ("1.0", "1", 0.0, False),
        ("1.0", "1", 1e-6, True),
        ("0.3333333", "0.33333333333", 1e-6, True),
        ("1000001", "1000000", 1e-6, True),
        ("1000002", "1000000", 1e-6, False),
        ("0.000002", "0", 1e-6, False),
        ("yes", "Yes", 1e-6, False),
        ("nan", "1", 1e-6, False),
        ("inf", "1", 1e-6, False),
        ("nan", "nan", 1e-6, True),
        ("1e400", "1", 1e-6, False),
        ("1e999999999", "1", 1e-6, False),
        ("-1", "1", 1e-6, False),
    ],
)
def test_outputs(printed: str, expected: str, tolerance: float, same: bool) -> None:
    assert is_same_output(printed, expected, tolerance) is same
