"""One corpus through all checks: every row once for those that read, a keyed sample of rows for those that train."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from model.rows import CorpusRows
from model.validate.contract import Contract, canvas_pixels, image_problems
from model.validate.facts import Facts
from model.validate.gradients import check_gradients
from model.validate.learning import check_ablation, check_learning, check_memory
from model.validate.longest import check_longest
from model.validate.pairing import MAX_ROWS, check_pairing
from model.validate.pictures import Seams
from model.validate.preferences import check_preferences
from model.validate.report import Check, State, Validation, not_applicable
from model.validate.settings import DEFAULT, Settings
from model.validate.sound import Sound
from model.validate.training import num_tokens
from model.validate.views import View, thumbnail, view_of
from schemas.identity import keyed_rng, keyed_uniform
from schemas.records import Record, images_of

TRAINING_CHECKS = ("gradients", "memory", "learning", "ablation", "longest_row", "pack", "preferences")


def validate(path: Path, stage: str, settings: Settings = DEFAULT) -> Validation:
    """All checks of a corpus that is listed for `stage` ("A2", "V1-V2").

    Raises:
        CorpusError, SchemaError: the folder is no finished corpus.
        KeyError: no such stage.
    """
    rows = CorpusRows(path)
    read = Reading(settings.seed, len(rows))
    for number in range(len(rows)):
        read.see(number, rows[number])
    checks = read.checks()
    fits = read.contract.num_bad_rows == 0 and len(rows) > 0
    if settings.trains and fits:
        checks += training_checks(rows, read, stage, settings)
    else:
        why = "training was not asked for" if fits else "rows do not fit the contract, so that nothing was trained"
        checks += [not_applicable(name, why) for name in TRAINING_CHECKS]
    return Validation(rows.name, path, stage, rows.kind, len(rows), tuple(checks))


@dataclass
class Reading:
    """What one pass over all rows collects: faults, statistics, and which rows there are. Memory: about 100 bytes a row, 256 views."""

    seed: int
    num_rows: int
    contract: Contract = field(default_factory=Contract)
    facts: Facts = field(default_factory=Facts)
    seams: Seams = field(default_factory=Seams)
    sound: Sound = field(default_factory=Sound)
    views: list[View] = field(default_factory=list)
    order: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def see(self, number: int, record: Record) -> None:
        problems = self.contract.see(record)
        self.order.append(keyed_uniform(self.seed, "sample", record.key))
        self.tokens.append(0 if problems else num_tokens(record))
        self.facts.see(record)
        self.sound.see(record)
        thumbnails = []
        for image in images_of(record):
            canvas = image.canvas
            if canvas is not None and next(image_problems(image), None) is None:
                pixels = canvas_pixels(canvas)
                self.seams.see(canvas, pixels)
                thumbnails.append(thumbnail(pixels, canvas.content_width, canvas.content_height))
        if self.first_view <= number < self.first_view + MAX_ROWS:
            view = view_of(record, thumbnails)
            if view is not None:
                self.views.append(view)

    @property
    def first_view(self) -> int:
        """Where the run of rows begins that is looked at for pairing."""
        return int(keyed_rng(self.seed, "run of rows", str(self.num_rows)).integers(0, max(self.num_rows - MAX_ROWS, 0) + 1))

    def checks(self) -> list[Check]:
        return [
            self.contract.check(),
            self.facts.check(),
            self.seams.check(),
            *self.sound.checks(),
            check_pairing(self.views, self.seed),
        ]

    def sample(self) -> np.ndarray:
        """Row numbers in keyed order. Shapes: (rows,)."""
        return np.argsort(np.array(self.order), kind="stable")


def training_checks(rows: CorpusRows, read: Reading, stage: str, settings: Settings) -> list[Check]:
    """The checks that run the model, on rows drawn by key."""
    wanted = 2 * max(settings.memory_rows, settings.learning_rows, settings.ablation_rows)
    records = [rows[int(number)] for number in read.sample()[:wanted]]
    longest = rows[int(np.argmax(read.tokens))]
    checks = [check_gradients(records, stage, settings)]
    if checks[0].state is State.FAIL and "not finite" in checks[0].sentence:
        return [*checks, *(not_applicable(name, "the loss is not finite") for name in TRAINING_CHECKS[1:])]
    checks += [check_memory(records, settings), check_learning(records, settings), *check_ablation(records, settings)]
    pack: list[Record] = []
    room = settings.pack_tokens
    for number in read.sample():
        if room <= 0:
            break
        pack.append(rows[int(number)])
        room -= read.tokens[int(number)]
    return [*checks, *check_longest(longest, pack, settings), check_preferences(records, settings)]
