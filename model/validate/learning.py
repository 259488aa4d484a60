"""What training on the rows shows: they can be memorised, the right answers are learned better than others', the media matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.batch import Example
from model.examples import example_of
from model.validate.changed import answer_text, in_random_order, only_media, with_answers_of, with_media_of
from model.validate.report import Check, Figure, failed, not_applicable, passed, too_few
from model.validate.settings import Settings
from model.validate.statistics import derangement, paired_p, rows_needed
from model.validate.training import (
    examples_of,
    fit,
    losses_by_key,
    mean_loss,
    num_tokens,
    prepare,
    probe_for,
    unigram_entropy,
    within_tokens,
)
from model.validate.views import media_kinds
from schemas.identity import digest
from schemas.parts import Audio, Image
from schemas.records import Conversation, Record, turns_of

MEMORY_RATIO = 0.25  # of the entropy of single tokens: a loss below is reached only by telling rows apart
SURE = 0.7  # of the loss that is wanted: training ends there
MIN_HELD_OUT = 4
P_LEARNED, P_WRONG, P_ABLATION, P_NO_EFFECT = 0.05, 1e-3, 0.02, 0.25
MIN_ABLATION_ROWS = 6  # 2^-6 is below P_ABLATION


def check_memory(records: Sequence[Record], settings: Settings) -> Check:
    """Rows can be learned by heart: nothing in them contradicts the rest, and every token can be predicted from what stands before."""
    chosen = within_tokens(records[: settings.memory_rows], 2 * settings.max_tokens)
    model = probe_for(chosen, settings)
    prepared = prepare(model, examples_of(chosen))
    floor = unigram_entropy(prepared)
    wanted = MEMORY_RATIO * floor
    history = fit(model, prepared, settings.memory_steps, settings, SURE * wanted)
    final = mean_loss(model, prepared)
    figures = {
        "num_rows": len(chosen),
        "num_steps": len(history),
        "first_loss": history[0],
        "last_loss": final,
        "token_entropy": floor,
        "wanted_loss": wanted,
    }
    told = f"{len(chosen)} rows are learned to {final:.2f} nats a token from {history[0]:.2f} in {len(history)} steps"
    if floor < 1e-6:
        return too_few("memory", f"{told}; they all learn one token", num_needed=2 * len(chosen), **figures)
    if not final < wanted:
        return failed("memory", f"{told}, wanted is {wanted:.2f}: a quarter of the entropy of single tokens", **figures)
    return passed("memory", told, **figures)


def check_learning(records: Sequence[Record], settings: Settings) -> Check:
    """On held-out rows, a model trained on true rows is better than one trained on the same rows with their targets mixed up.

    Mixed up are answers between rows; in text that is all learned, the order of tokens. Per held-out row the two losses are compared
    (Student's t, or all signs when few).
    """
    chosen = within_tokens(records[: settings.learning_rows], settings.max_tokens, least=2 * MIN_HELD_OUT)
    answers = {answer_text(record) for record in chosen if isinstance(record, Conversation)}
    if len(chosen) < 2 * MIN_HELD_OUT:
        needed = 2 * MIN_HELD_OUT
        return too_few(
            "learning", f"{len(chosen)} rows in {settings.max_tokens} tokens, {needed} are needed", num_needed=needed, num_rows=len(chosen)
        )
    if isinstance(chosen[0], Conversation) and len(answers) < 2:
        return not_applicable("learning", "all rows have one answer", num_rows=len(chosen))
    held_out, training = chosen[1::2], chosen[::2]
    model = probe_for(chosen, settings)
    tested = prepare(model, examples_of(held_out))
    true = prepare(model, examples_of(training))
    floor = unigram_entropy(true)
    history = fit(model, true, settings.learning_steps, settings)
    last = mean_loss(model, true)
    by_true = losses_by_key(model, tested)
    other = probe_for(chosen, settings)
    fit(other, prepare(other, mixed_up(training, settings.seed)), settings.learning_steps, settings)
    by_mixed = losses_by_key(other, tested)
    differences = np.array([by_mixed[key] - by_true[key] for key in sorted(by_true)])
    p_value, p_wrong = paired_p(differences), paired_p(-differences)
    figures = {
        "num_trained": len(training),
        "num_held_out": len(differences),
        "first_loss": history[0],
        "last_loss": last,
        "token_entropy": floor,
        "held_out_loss": float(np.mean(list(by_true.values()))),
        "held_out_loss_mixed": float(np.mean(list(by_mixed.values()))),
        "p_value": p_value,
    }
    told = f"held-out rows cost {differences.mean():+.3f} nats a token more after training on mixed-up targets (p {p_value:.2g})"
    if not last < history[0]:
        return failed("learning", f"the loss goes from {history[0]:.2f} to {last:.2f} in {len(history)} steps; it should fall", **figures)
    if p_value < P_LEARNED:
        return passed("learning", told, **figures)
    if p_wrong < P_WRONG:
        return failed("learning", f"{told}: mixed-up targets teach more than the true ones", **figures)
    needed = 2 * rows_needed(differences, P_LEARNED)
    return too_few("learning", f"{told}; about {needed} rows like these could tell", num_needed=needed, **figures)


def mixed_up(records: Sequence[Record], seed: int) -> list[Example]:
    """Rows with the answers of others, and other text with its tokens in a random order."""
    answered = [record for record in records if isinstance(record, Conversation)]
    given = derangement([answer_text(record) for record in answered], seed, "answers") if answered else np.empty(0, int)
    changed = [with_answers_of(record, answered[int(other)]) for record, other in zip(answered, given, strict=True)]
    rest = [in_random_order(example_of(record), seed) for record in records if not isinstance(record, Conversation)]
    return [*examples_of(changed), *rest]


def check_ablation(records: Sequence[Record], settings: Settings) -> list[Check]:
    """Trained on media and answers alone, the model loses when the media are those of another row: they differ where answers differ."""
    kinds = [name for name, kind in (("images", Image), ("audio", Audio)) if any(kind in media_kinds(record) for record in records)]
    if not kinds:
        return [not_applicable("ablation", "the corpus has no images and no audio")]
    rows = distinct([record for record in records if isinstance(record, Conversation) and media_kinds(record)])
    with_media = [record for record in records if media_kinds(record)]
    media = {media_digest(record) for record in with_media}
    if len(media) == 1 and len(with_media) >= MIN_ABLATION_ROWS:
        return [failed("ablation", f"{len(with_media)} rows have one and the same {' and '.join(kinds)}", num_rows=len(with_media))]
    chosen = [
        record
        for record in within_tokens(rows[: settings.ablation_rows], settings.max_tokens, MIN_ABLATION_ROWS)
        if isinstance(record, Conversation)
    ]
    figures: dict[str, Figure] = {"num_rows": len(chosen), "num_media": len(media)}
    if len(chosen) < MIN_ABLATION_ROWS:
        told = f"{len(chosen)} rows with media and answers of their own in {settings.max_tokens} tokens, {MIN_ABLATION_ROWS} are needed"
        return [too_few("ablation", told, num_needed=MIN_ABLATION_ROWS, **figures)]
    shown = [only_media(record) for record in chosen]
    model = probe_for(shown, settings)
    own = prepare(model, examples_of(shown))
    history = fit(model, own, settings.ablation_steps, settings, SURE * MEMORY_RATIO * unigram_entropy(own))
    given = derangement([media_digest(record) for record in chosen], settings.seed, "media")
    swapped = [with_media_of(record, shown[int(other)]) for record, other in zip(shown, given, strict=True)]
    by_own, by_swapped = losses_by_key(model, own), losses_by_key(model, prepare(model, examples_of(swapped)))
    differences = np.array([by_swapped[key] - by_own[key] for key in sorted(by_own)])
    p_value = paired_p(differences)
    figures |= {"num_steps": len(history), "first_loss": history[0], "p_value": p_value}
    figures |= {"loss": float(np.mean(list(by_own.values()))), "loss_swapped": float(np.mean(list(by_swapped.values())))}
    told = f"with {' and '.join(kinds)} of other rows the loss goes from {figures['loss']:.2f} to {figures['loss_swapped']:.2f} nats (p {p_value:.2g})"
    if p_value < P_ABLATION:
        return [passed("ablation", told, **figures)]
    if p_value > P_NO_EFFECT:
        return [failed("ablation", f"{told}: what is seen or heard tells no row from another", **figures)]
    needed = rows_needed(differences, P_ABLATION)
    return [too_few("ablation", f"{told}; about {needed} rows like these could tell", num_needed=needed, **figures)]


def distinct(records: Sequence[Conversation]) -> list[Conversation]:
    """Rows of which neither the media nor the answer came before, the shortest of the first few first."""
    seen: set[str] = set()
    found = []
    for record in sorted(records, key=num_tokens):
        marks = {f"media {media_digest(record)}", f"answer {answer_text(only_media(record))}"}
        if seen.isdisjoint(marks):
            found.append(record)
            seen |= marks
    return found


def media_digest(record: Record) -> str:
    """A digest of the bytes of a row's media."""
    found: list[bytes] = []
    for turn in turns_of(record):
        for part in turn.parts:
            if isinstance(part, Image) and part.canvas is not None:
                found.append(part.canvas.encoded or b"")
            elif isinstance(part, Audio) and part.log_mel is not None:
                found.append(np.ascontiguousarray(part.log_mel).tobytes())
    return digest(*found)
