"""Whether every row opens and fits: turns, loss mask, media and their token counts, the context, and the facts that say so.

What is checked is what the model will be given: ids and labels are made by the contract itself, media are decoded. Nothing is sampled.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image as PillowImage

from model.config import CONTEXT
from model.validate.report import Check, failed, passed
from processors import tokens
from processors.audio.log_mel import num_audio_tokens
from processors.contract import CONTRACT_FACTS, NUM_TOKENS, ROLES, contract_facts, texts_of, token_ids
from processors.image.crops import WHITE, canvas_num_tokens
from processors.packing import NOT_LEARNED, check_packed, encoded
from schemas.parts import CROP, NUM_MEL_BANDS, Audio, Canvas, Image, Text, ToolCall
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, Turn, audios_of, images_of, turns_of

# ln of the most power that one band can have: samples at 64 times full scale (the front end's own bound), all in phase through a
# window of 400 samples and the pre-emphasis, and 4 bins' weights at most.
MAX_LOG_MEL = 2 * np.log(32_768.0 * 64 * 400 * 1.97) + np.log(4.0)
FLOOR = 0.0  # ln of the floor 1.0
MAX_NAMED = 5


@dataclass
class Contract:
    """Collects what is wrong over all rows; `check` gives the outcome."""

    num_rows: int = 0
    num_images: int = 0
    num_audios: int = 0
    num_tokens: int = 0
    longest_tokens: int = 0
    num_bad_rows: int = 0
    named: list[str] = field(default_factory=list)

    def see(self, record: Record) -> list[str]:
        """Counts a row in; gives what is wrong with it."""
        problems = list(row_problems(record))
        self.num_rows += 1
        self.num_images += sum(1 for _ in images_of(record))
        self.num_audios += sum(1 for _ in audios_of(record))
        stated = record.facts.get(NUM_TOKENS.name, 0)
        self.num_tokens += int(stated)
        self.longest_tokens = max(self.longest_tokens, int(stated))
        if problems:
            self.num_bad_rows += 1
            if len(self.named) < MAX_NAMED:
                self.named.append(f"row {record.key}: {problems[0]}")
        return problems

    def check(self) -> Check:
        figures = {
            "num_rows": self.num_rows,
            "num_bad_rows": self.num_bad_rows,
            "num_images": self.num_images,
            "num_audios": self.num_audios,
            "num_tokens": self.num_tokens,
            "longest_tokens": self.longest_tokens,
        }
        if not self.num_rows:
            return failed("contract", "the corpus has no rows; expected one or more", **figures)
        if self.num_bad_rows:
            return failed("contract", f"{self.num_bad_rows} of {self.num_rows} rows do not fit: {'; '.join(self.named)}", **figures)
        return passed("contract", f"all {self.num_rows} rows open and fit, the longest has {self.longest_tokens} tokens", **figures)


def row_problems(record: Record) -> Iterator[str]:
    """What is wrong with a row, most telling first."""
    yield from _loss_mask_problems(record)
    for number, image in enumerate(images_of(record), 1):
        yield from (f"image {number}: {problem}" for problem in image_problems(image))
    for number, audio in enumerate(audios_of(record), 1):
        yield from (f"audio {number}: {problem}" for problem in audio_problems(audio))
    if isinstance(record, PackedSequence):
        yield from _packed_problems(record)
    for text in texts_of(record):
        found = tokens.special_in(text)
        if found:
            yield f"a text spells the special token {found}, which the model's tokeniser would parse"
    yield from _count_problems(record)


# ---- turns and loss mask


def _loss_mask_problems(record: Record) -> Iterator[str]:
    """Learned are the assistant's turns, and no others."""
    if isinstance(record, Conversation):
        yield from _learned_problems("turn", record.turns)
        if not any(turn.learned for turn in record.turns):
            yield "no turn is learned"
        elif not record.turns[-1].learned:
            yield f"the last turn, of the {record.turns[-1].role}, is not learned; expected the assistant's answer"
        if record.turns and record.turns[0].role == "assistant":
            yield "the first turn is the assistant's; expected something that it answers"
    elif isinstance(record, Preference):
        for number, turn in enumerate(record.prompt, 1):
            if turn.learned:
                yield f"turn {number} of the prompt, of the {turn.role}, is learned; expected loss on the two answers alone"
        for name in ("chosen", "rejected"):
            side: tuple[Turn, ...] = getattr(record, name)
            yield from _learned_problems(f"{name} turn", side)
            if not any(turn.learned for turn in side):
                yield f"nothing of the {name} answer is learned"
        if record.chosen == record.rejected:
            yield "the chosen and the rejected answer are the same"


def _learned_problems(what: str, turns: tuple[Turn, ...]) -> Iterator[str]:
    for number, turn in enumerate(turns, 1):
        if turn.role not in ROLES:
            yield f"{what} {number} has role {turn.role!r}; expected one of {', '.join(ROLES)}"
        elif turn.learned and turn.role != "assistant":
            yield f"{what} {number}, of the {turn.role}, carries loss; expected it on the assistant's turns alone"
        elif turn.role == "assistant" and not any(isinstance(part, ToolCall) or _says(part) for part in turn.parts):
            yield f"{what} {number}, of the assistant, says nothing"
        if turn.learned and any(isinstance(part, (Image, Audio)) for part in turn.parts):
            yield f"{what} {number} is learned and holds an image or audio, whose placeholders carry no loss"


def _says(part: object) -> bool:
    return isinstance(part, Text) and bool(part.text.strip())


# ---- media


def image_problems(image: Image) -> Iterator[str]:
    """The canvas opens, is whole crops, white beside its content, and costs what is stated."""
    canvas = image.canvas
    if canvas is None or canvas.encoded is None:
        yield "has no canvas"
        return
    columns, rows = canvas.grid
    width, height = canvas.content_width, canvas.content_height
    if not (1 <= width <= CROP * columns and 1 <= height <= CROP * rows):
        yield f"content of {width}x{height} px does not fit a canvas of {columns}x{rows} crops of {CROP} px"
        return
    if width != CROP * columns and height != CROP * rows:
        yield f"content of {width}x{height} px fills neither side of its {columns}x{rows} crops; a resized image fills one"
    wanted = canvas_num_tokens(canvas.grid, width, height)
    if image.num_tokens != wanted:
        yield f"is stated as {image.num_tokens} tokens; its {columns}x{rows} crops with content of {width}x{height} px give {wanted}"
    yield from _pixel_problems(canvas)


def canvas_pixels(canvas: Canvas) -> np.ndarray:
    """The pixels of a stored canvas. Shapes: (TH, TW, 3) uint8.

    Raises:
        OSError, SyntaxError, ValueError: the PNG is damaged.
    """
    if canvas.pixels is not None:
        return canvas.pixels
    with PillowImage.open(io.BytesIO(canvas.encoded or b""), formats=["PNG"]) as opened:
        if opened.mode != "RGB":
            raise ValueError(f"the PNG has mode {opened.mode}, expected RGB")
        return np.asarray(opened)


def _pixel_problems(canvas: Canvas) -> Iterator[str]:
    try:
        pixels = canvas_pixels(canvas)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow tells damaged PNGs in these three ways
        yield f"its PNG does not open: {error}"
        return
    height, width = pixels.shape[:2]
    if height % CROP or width % CROP:
        yield f"the canvas has {width}x{height} px, expected multiples of {CROP}"
    for side, beside in (("right", pixels[:, canvas.content_width :]), ("bottom", pixels[canvas.content_height :])):
        if beside.size and beside.min() < WHITE:
            yield f"the padding at the {side} is not white: its darkest value is {int(beside.min())}, expected {WHITE}"


def audio_problems(audio: Audio) -> Iterator[str]:
    """The log-Mel is (frames, 80), finite, between the floor and what a full-scale signal can give, and costs what is stated."""
    mel = audio.log_mel
    if mel is None or mel.ndim != 2 or mel.shape[1] != NUM_MEL_BANDS or not len(mel):
        yield f"log-Mel has shape {None if mel is None else mel.shape}, expected (frames, {NUM_MEL_BANDS}) with a frame or more"
        return
    wanted = num_audio_tokens(len(mel))
    if audio.num_tokens != wanted:
        yield f"is stated as {audio.num_tokens} tokens; its {len(mel)} frames give {wanted}"
    low, high = float(mel.min()), float(mel.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        yield "the log-Mel holds NaN or infinite values"
    elif low < FLOOR or high > MAX_LOG_MEL:
        yield f"log-Mel values lie between {low:.2f} and {high:.2f}, expected {FLOOR:g} (the floor) to {MAX_LOG_MEL:.1f}"


# ---- packed sequences


def _packed_problems(record: PackedSequence) -> Iterator[str]:
    yield from check_packed(record)
    ids = record.input_ids
    if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= tokens.VOCABULARY):
        yield f"token ids lie between {ids.min()} and {ids.max()}, expected 0 to {tokens.VOCABULARY - 1}"
    learned = record.labels != NOT_LEARNED
    bad = learned & ~_may_be_learned(record)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        yield f"token {at} ({tokens.decode([int(ids[at])])!r}) carries loss outside the assistant's turns"


def _may_be_learned(record: PackedSequence) -> np.ndarray:
    """Every token of a document; of a conversation, what follows `<|assistant|>` up to its end, and the end of the text. Shapes: (n,) bool."""
    allowed = np.ones(len(record.input_ids), bool)
    start = 0
    roles = set(ROLES.values())
    for piece in record.pieces:
        stop = min(start + piece.num_tokens, len(record.input_ids))
        ids = record.input_ids[start:stop]
        if len(ids) and int(ids[0]) in roles:  # a conversation begins with a role
            is_role = np.isin(ids, list(roles))
            last_role = np.maximum.accumulate(np.where(is_role, np.arange(len(ids)), -1))
            allowed[start:stop] = (ids[last_role] == ROLES["assistant"]) & ~is_role
        start = stop
    return allowed


# ---- counts


def _count_problems(record: Record) -> Iterator[str]:
    try:
        counted = contract_facts(record)
    except (ValueError, TypeError) as error:
        yield f"its tokens cannot be counted: {error}"
        return
    missing = [fact.name for fact in CONTRACT_FACTS if fact.name not in record.facts]
    if missing:
        yield f"it has no {missing[0]}; the corpus was built without the contract step"
    for name, value in counted.items():
        if name in record.facts and record.facts[name] != value:
            yield f"{name} says {record.facts[name]}, counted anew it is {value}"
    if counted[NUM_TOKENS.name] > CONTEXT:
        yield f"it has {counted[NUM_TOKENS.name]} tokens, the context holds {CONTEXT}"
    yield from _placeholder_problems(record)


def _placeholder_problems(record: Record) -> Iterator[str]:
    """Placeholders among the ids against what the media give, and loss on none of them."""
    if isinstance(record, Document):
        ids, _ = encoded(record)
        if (ids[:-1] >= tokens.NUM_ORDINARY).any():
            yield "the document's text gives a special token"
        return
    if isinstance(record, PackedSequence):
        return
    sides = [turns_of(record)] if isinstance(record, Conversation) else []
    if isinstance(record, Preference):
        sides = [record.prompt + record.chosen, record.prompt + record.rejected]
    for turns in sides:
        listed, learned = token_ids(turns)
        given = np.array(listed)
        for token, kind, name in ((tokens.IMAGE, Image, "image"), (tokens.AUDIO, Audio, "audio")):
            media = [part for turn in turns for part in turn.parts if isinstance(part, kind)]
            features = sum(_features(part) for part in media)
            if int((given == token).sum()) != features:
                yield f"the ids have {int((given == token).sum())} {name} placeholders, the features are {features}"
        if (np.isin(given, (tokens.IMAGE, tokens.AUDIO)) & np.array(learned)).any():
            yield "a placeholder carries loss"


def _features(part: Image | Audio) -> int:
    """How many features the model makes of a medium, from its pixels' grid or its frames."""
    if isinstance(part, Audio):
        return num_audio_tokens(len(part.log_mel)) if part.log_mel is not None else 0
    canvas = part.canvas
    return canvas_num_tokens(canvas.grid, canvas.content_width, canvas.content_height) if canvas is not None else 0
