"""Whether what rows learn is what their own facts say: each fact that can be made again from the stored row is made again.

Answers whose program is stored are computed once more, digests of captions taken anew, transcripts and final answers looked for, verdicts
of rules given again. One row that differs is a fault of the corpus. Facts that were measured after a fault agree with it; what answers
belong to is then for `pairing` and `learning` to tell.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from model.validate.report import Check, failed, not_applicable, passed
from processors.attempts.verify import VERIFIERS
from processors.packing import NUM_PADDING, NUM_PIECES
from processors.tasks.safety import DECLINES, declines
from processors.verify.verdict import RIGHT, WRONG
from processors.vision.captions import CAPTION_DIGEST, caption_digest
from processors.vision.check import CheckAnswers
from schemas.outcome import Reject
from schemas.parts import CROP
from schemas.records import Conversation, Document, PackedSequence, Preference, Record, Turn, images_of, learned_texts

MAX_NAMED = 5
RULED = ("equal", "different")  # causes of verdicts that comparing with the reference gives
Outcome = tuple[str, str]  # kind of fact, and what is wrong; empty where it is right


@dataclass
class Facts:
    """Counts, by kind, facts made again and those that differ."""

    num_checked: Counter[str] = field(default_factory=Counter)
    num_wrong: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)

    def see(self, record: Record) -> None:
        for kind, problem in fact_outcomes(record):
            self.num_checked[kind] += 1
            if problem:
                self.num_wrong[kind] += 1
                if len(self.named) < MAX_NAMED:
                    self.named.append(f"row {record.key}: {problem}")

    def check(self) -> Check:
        total, wrong = self.num_checked.total(), self.num_wrong.total()
        figures = {f"num_{kind}": count for kind, count in sorted(self.num_checked.items())}
        if not total:
            return not_applicable("facts", "no fact of these rows can be made again from what is stored")
        if wrong:
            return failed(
                "facts", f"{wrong} of {total} facts are not those of their rows: {'; '.join(self.named)}", num_wrong=wrong, **figures
            )
        return passed("facts", f"{total} facts, made again from the stored rows, are the same", **figures)


def fact_outcomes(record: Record) -> Iterator[Outcome]:
    """For each fact of a row that can be made again: its kind, and what is wrong with it."""
    if isinstance(record, Document):
        yield from _attempt(record, record.text)
    elif isinstance(record, PackedSequence):
        yield from _packed(record)
    elif isinstance(record, Conversation):
        for told in (_programs, _caption, _declines, _transcript, _middle):
            yield from told(record)
        yield from _attempt(record, "\n".join(learned_texts(record)))
        yield from _image_counts(record)
    elif isinstance(record, Preference):
        yield from _image_counts(record)
        yield from preference_outcomes(record)


def _outcome(kind: str, stated: object, found: object) -> Outcome:
    return kind, "" if stated == found else f"{kind} says {str(stated)[:80]!r}, the row gives {str(found)[:80]!r}"


def _packed(record: PackedSequence) -> Iterator[Outcome]:
    held = int((record.segment_ids > 0).sum())
    counts = ((NUM_PIECES.name, len(record.pieces)), (NUM_PADDING.name, len(record.input_ids) - held))
    yield from (_outcome(name, record.facts[name], count) for name, count in counts if name in record.facts)


def _programs(record: Conversation) -> Iterator[Outcome]:
    """Computed answers; the recipe's own check gives the problem."""
    if not json.loads(str(record.facts.get("answer.programs") or "[]")) or not any(json.loads(str(record.facts["answer.programs"]))):
        return
    try:
        found = CheckAnswers()(record)
    except (KeyError, ValueError, TypeError, IndexError) as error:  # a program over a truth that it was not made for
        yield "answer.programs", f"its programs do not run on its truth: {error!r}"
        return
    yield "answer.programs", found.detail if isinstance(found, Reject) else ""


def _caption(record: Conversation) -> Iterator[Outcome]:
    answers = learned_texts(record)
    if record.facts.get(CAPTION_DIGEST.name) and len(answers) == 1:
        yield _outcome(CAPTION_DIGEST.name, record.facts[CAPTION_DIGEST.name], caption_digest(answers[0]))


def _declines(record: Conversation) -> Iterator[Outcome]:
    answers = learned_texts(record)
    if DECLINES.name in record.facts and len(answers) == 1:
        yield _outcome(DECLINES.name, record.facts[DECLINES.name], declines(answers[0]))


def _transcript(record: Conversation) -> Iterator[Outcome]:
    """Translations by way of the transcript repeat it; words with times are those of the transcript."""
    answers = learned_texts(record)
    if record.facts.get("translation.form") and "<sep>" in (answers or [""])[0]:
        yield _outcome("text.stated_transcript", record.facts.get("text.stated_transcript"), answers[0].split("<sep>")[0].strip())
    words = json.loads(str(record.facts.get("speech.words_json") or "[]"))
    if words and len(answers) == 1:
        yield _outcome("speech.words_json", _letters(" ".join(str(word[0]) for word in words)), _letters(answers[0]))


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _middle(record: Conversation) -> Iterator[Outcome]:
    """Code to fill in has the length that was cut out."""
    answers = learned_texts(record)
    if "fim.middle_chars" in record.facts and len(answers) == 1 and answers[0].startswith("<fim_middle>"):
        yield _outcome("fim.middle_chars", record.facts["fim.middle_chars"], len(answers[0].removeprefix("<fim_middle>")))


def _image_counts(record: Conversation | Preference) -> Iterator[Outcome]:
    """Crops, images and tokens that the facts count."""
    images = list(images_of(record))
    canvases = [image.canvas for image in images if image.canvas is not None]
    counts = {
        "image.num_images": len(images),
        "image.num_crops": sum(1 + columns * rows for columns, rows in (canvas.grid for canvas in canvases)),
        "image.num_tokens": sum(image.num_tokens or 0 for image in images),
    }
    if isinstance(record, Conversation) and images:
        yield from (_outcome(name, record.facts[name], count) for name, count in counts.items() if name in record.facts)
    if len(canvases) == 1 and {"image.width_px", "image.height_px"} <= set(record.facts):
        width, height = (float(record.facts[f"image.{side}_px"]) for side in ("width", "height"))
        canvas = canvases[0]
        columns, rows = canvas.grid
        scale = min(CROP * columns / width, CROP * rows / height)
        near = abs(canvas.content_width - width * scale) <= 2 and abs(canvas.content_height - height * scale) <= 2
        yield (
            "image.width_px",
            "" if near else f"an image of {width:g}x{height:g} px does not become {canvas.content_width}x{canvas.content_height}",
        )


# ---- verdicts


def _attempt(record: Conversation | Document, text: str) -> Iterator[Outcome]:
    """The final answer stands in the text, and the verdict by rule is the stated one."""
    answer = str(record.facts.get("attempt.answer") or "")
    if answer:
        yield "attempt.answer", "" if holds(text, answer) else f"attempt.answer {answer[:60]!r} does not stand in the text"
    yield from _verdict(
        "attempt.verdict", record, text, str(record.facts.get("attempt.verdict") or ""), str(record.facts.get("attempt.cause") or "")
    )


def preference_outcomes(record: Preference) -> Iterator[Outcome]:
    """Each side has the final answer, verdict and wording that the facts state for it."""
    chosen, rejected = side_text(record.chosen), side_text(record.rejected)
    for name, text, other in (("chosen", chosen, rejected), ("rejected", rejected, chosen)):
        answer = str(record.facts.get(f"pair.{name}_answer") or "")
        if answer and (holds(text, answer) or holds(other, answer)):
            yield (
                f"pair.{name}_answer",
                "" if holds(text, answer) else f"pair.{name}_answer {answer[:60]!r} stands in the other answer alone",
            )
        cause = str(record.facts.get(f"pair.{name}_cause") or "")
        yield from _verdict(f"pair.{name}_answer", record, text, RIGHT if name == "chosen" else WRONG, cause)
    for name, text in ((DECLINES.name, chosen), ("safety.rejected_declines", rejected)):
        if name in record.facts:
            yield _outcome(name, record.facts[name], declines(text))


def _verdict(kind: str, record: Record, text: str, stated: str, cause: str) -> Iterator[Outcome]:
    """The rule that gave a verdict gives it again; programs are not run, and models not asked."""
    verify: Callable | None = VERIFIERS.get(str(record.facts.get("attempt.verifier") or ""))
    if verify is None or stated not in (RIGHT, WRONG) or cause not in RULED or not text.strip():
        return
    asked = getattr(record, "turns", ()) or getattr(record, "prompt", ())
    problem = side_text(tuple(turn for turn in asked if turn.role == "user"))
    _, verdict = verify(text, {**json.loads(str(record.facts.get("attempt.reference") or "{}")), "problem": problem})
    if verdict.value in (RIGHT, WRONG):
        rule = record.facts["attempt.verifier"]
        yield kind, "" if verdict.value == stated else f"the answer is stated as {stated}, the rule {rule} finds it {verdict.value}"


def holds(text: str, answer: str) -> bool:
    """Whether an answer stands in a text, white space aside."""
    return "".join(answer.split()) in "".join(text.split())


def side_text(turns: tuple[Turn, ...]) -> str:
    return "\n".join(part.text for turn in turns for part in turn.parts if hasattr(part, "text"))
