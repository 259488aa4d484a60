"""Programs in other languages that read and print: found in an answer by their fence, and judged by what they print."""

from __future__ import annotations

import shutil

import pytest

from pipelines.sandbox.engine import SandboxEngine
from processors.verify.code_blocks import program_in
from processors.verify.programs import TestedProgram
from schemas.identity import canonical_json

CASES = [["2 3\n", "5\n"], ["10 -4\n", "6"]]
PROGRAMS = {
    "bash": ("sh", "bash", "read a b\necho $((a {} b))"),
    "perl": ("perl", "perl", "my ($a, $b) = split ' ', <STDIN>;\nprint $a {} $b, \"\\n\";"),
    "c": ("c", "gcc", '#include <stdio.h>\nint main(void) {{ int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a {} b); return 0; }}'),
}


@pytest.fixture(scope="module")
def run():
    with SandboxEngine(num_workers=1).open() as test:
        yield test


@pytest.mark.parametrize("language", PROGRAMS)
def test_what_it_prints_decides(language: str, run) -> None:
    tag, needed, text = PROGRAMS[language]
    if shutil.which(needed) is None:
        pytest.skip(f"no {needed} here")
    judged_by = canonical_json({"language": language, "form": "stdin", "cases": CASES})
    found = [
        run([TestedProgram(program_in(f"So:\n```{tag}\n{text.format(sign)}\n```\nThat is all.", language=language), judged_by)])[0]
        for sign in "+-"
    ]
    assert [(report.value, report.num_passed, report.num_run) for report in found] == [("right", 2, 2), ("wrong", 0, 1)]


def test_tests_that_call_functions_are_not_run_in_other_languages(run) -> None:
    judged_by = canonical_json({"language": "c", "form": "asserts", "tests": "assert(f(1) == 2);", "entry_point": "f"})
    (report,) = run([TestedProgram("int f(int a) { return a + 1; }", judged_by)])
    assert (report.value, report.cause) == ("cannot_tell", "bad_tests")
    assert "in c are not run" in report.why


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("```cpp\nint a;\n```", "cpp", "int a;"),
        ("```c++\nint a;\n```", "cpp", "int a;"),
        ("```python\na = 1\n```\n```js\nlet a\n```", "javascript", "let a"),
        ("```\nfn main() {}\n```", "rust", "fn main() {}"),
        ("```rust\nfn one() {}\n```\n```\noutput\n```", "rust", "fn one() {}"),
        ("```go\nfirst\n```\n```go\nsecond\n```", "go", "second"),
        ("```python\nprint(1)\n```", "cpp", ""),
        ("<think>```c\nint a;\n```</think>I do not know.", "c", ""),
        ("int main() {}", "c", ""),
    ],
)
def test_the_program_is_the_last_block_of_its_language(text: str, language: str, found: str) -> None:
    assert program_in(text, language=language) == found
