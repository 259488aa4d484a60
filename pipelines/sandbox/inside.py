"""What runs behind the wall at the host's word: the judge, and the program that it tests. Each has a wall of its own around it."""

from __future__ import annotations

import gc
import json
import os
import random

from pipelines.sandbox import tested as program_side
from pipelines.sandbox.judge import Judge
from pipelines.sandbox.plain import Line
from pipelines.sandbox.trial import try_program

LINE, REPORT = 3, 4  # descriptors: the socket between the two, and the judge's own pipe to the host


def judge(payload: bytes) -> None:
    """Tests the program at the other end of the line; `payload` is JSON of form, tests, entry_point and setup."""
    gc.set_threshold(50_000)
    report = try_program(Judge(Line(LINE)), json.loads(payload))
    data = json.dumps(report).encode()
    while data:
        data = data[os.write(REPORT, data) :]


def tested(payload: bytes) -> None:
    """Loads the program that is the payload's text, and serves the judge."""
    random.seed(0)
    program_side.test(LINE, payload.decode("utf-8", "surrogatepass"))
