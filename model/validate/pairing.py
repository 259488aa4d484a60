"""Whether answers stand beside what they answer, from the rows alone, without training.

Four kinds of evidence, each a number S that says how well the rows' contexts and answers fit:
- `length`: speech that is transcribed or translated is as long as its text (correlation of the logarithms);
- `words`: rare words of the answer stand in the prompt, or in what is known to be said in the audio;
- `likeness` of prompts, of pictures, of sounds: rows that are alike in them have answers that are alike (the Hilbert-Schmidt
  independence criterion: Gretton et al. 2008, "A kernel statistical test of independence", with cosine kernels).
S is compared with S of 999 random pairings of the same rows (z: its distance from their mean in deviations), and with S of the
pairings in which every answer is moved by one or two rows. The check passes where one kind finds the given pairing better than
random ones, p below `P_PASS` divided by the number of kinds; fails where by one kind a move fits far better than the given pairing, and
by no kind the given pairing is as far better than that move (rows that come in turns of two kinds are alike two rows on), or where
transcripts do not follow durations although these differ enough to show it; and else says that the rows are too few.

What it cannot see: a random mix-up of answers in corpora whose rows give no evidence at all, or of answers that are all alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from model.validate.report import Check, Figure, failed, not_applicable, passed, too_few
from model.validate.statistics import NUM_PERMUTATIONS, centred, cosine_kernel, permutations
from model.validate.views import View, rarity, text_features, words_of

MAX_ROWS = 256  # in one run of the corpus, so that moved answers are seen
MIN_ROWS = 6
MOVES = (-2, -1, 1, 2)
P_PASS = 0.02
Z_MOVED = {"length": 3.5, "words": 3.5, "spoken_words": 3.5}  # a moved pairing is far better: its z, which is about normal for these
Z_MOVED_LIKENESS = 5.0  # and has a long tail for kernels
Z_AHEAD = 2.0  # by how much it exceeds that of the given one
TRANSCRIPT_SPREAD = 0.3  # deviation of ln(letters a second) between clips of one corpus; seen: 0.1 to 0.25
P_LENGTH, POWER_Z = 0.02, 5.0

Pairing = np.ndarray  # (n,) the answer that each row is given


@dataclass(frozen=True, slots=True)
class Evidence:
    """S of the given pairing against random ones, and z of the moved ones, in the order of `MOVES`."""

    name: str
    num_rows: int
    value: float
    z: float
    p_value: float
    z_moved: tuple[float, ...]

    def ahead(self, move: int) -> float:
        """By how much a moved pairing is far better than the given one, in deviations; 0 where it is not."""
        z_moved = self.z_moved[MOVES.index(move)]
        ahead = z_moved - self.z
        return ahead if z_moved >= Z_MOVED.get(self.name, Z_MOVED_LIKENESS) and ahead >= Z_AHEAD else 0.0

    def behind(self, move: int) -> float:
        """By how much the given pairing, itself better than random ones, is better than a moved one."""
        return self.z - self.z_moved[MOVES.index(move)] if self.z >= 3 else 0.0


def moved_evidence(found: Sequence[Evidence]) -> tuple[Evidence, int] | None:
    """The evidence that answers belong to another row, and the move; None where there is none, or as much against it."""
    best: tuple[float, Evidence, int] | None = None
    for move in MOVES:
        against = max(evidence.behind(move) for evidence in found)
        evidence = found[int(np.argmax([one.ahead(move) for one in found]))]
        if evidence.ahead(move) > against and (best is None or evidence.ahead(move) > best[0]):
            best = evidence.ahead(move), evidence, move
    return None if best is None else best[1:]


def check_pairing(views: Sequence[View], seed: int) -> Check:
    """The check over consecutive rows."""
    views = [view for view in views if view.answer.strip()]
    if not views:
        return not_applicable("pairing", "no row answers anything")
    figures: dict[str, Figure] = {"num_rows": len(views)}
    if len(views) < MIN_ROWS:
        return too_few("pairing", f"{len(views)} rows, {MIN_ROWS} are the fewest that can tell", num_needed=MIN_ROWS, **figures)
    found = list(evidence_of(views, seed))
    if not found:
        return not_applicable("pairing", "all contexts, or all answers, are the same", **figures)
    for evidence in found:
        figures |= {f"z_{evidence.name}": evidence.z, f"p_{evidence.name}": evidence.p_value}
        figures |= {f"z_moved_{evidence.name}": max(evidence.z_moved)}
    moved = moved_evidence(found)
    if moved is not None:
        evidence, move = moved
        return failed(
            "pairing",
            f"by {evidence.name}, answers fit the row {abs(move)} {'before' if move > 0 else 'after'} theirs better than their own (z "
            f"{evidence.z_moved[MOVES.index(move)]:.1f} against {evidence.z:.1f}): answers are shifted",
            **figures,
        )
    lengths = next((evidence for evidence in found if evidence.name == "length"), None)
    if lengths is not None and lengths.p_value > P_LENGTH and expected_z(views) >= POWER_Z:
        return failed(
            "pairing",
            f"texts do not follow the durations of their audio (correlation {lengths.value:.2f}, p {lengths.p_value:.2g}), although these "
            f"differ enough for z {expected_z(views):.1f}",
            **figures,
        )
    best = min(found, key=lambda evidence: (evidence.p_value, -evidence.z))
    bound = P_PASS / len(found)
    if best.p_value <= bound:
        return passed(
            "pairing", f"by {best.name}, answers fit their own rows better than others (z {best.z:.1f}, p {best.p_value:.2g})", **figures
        )
    needed = rows_needed(best, bound)
    return too_few(
        "pairing",
        f"the best evidence, {best.name}, has p {best.p_value:.2g} and needs {bound:.2g}: about {needed} rows like these could tell",
        num_needed=needed,
        **figures,
    )


def rows_needed(best: Evidence, bound: float) -> int:
    """Rows at which z would reach the bound with one deviation to spare: z grows with the root of the rows."""
    wanted = float(stats.norm.isf(bound)) + 1
    return max(best.num_rows + 1, round(best.num_rows * (wanted / max(best.z, 0.5)) ** 2))


# ---- kinds of evidence


def evidence_of(views: Sequence[View], seed: int) -> Iterator[Evidence]:
    """Every kind that these rows can give."""
    answers = [view.answer for view in views]
    if len(set(answers)) < 2:
        return
    durations = np.array([view.duration_s for view in views])
    letters = np.array([view.letters for view in views])
    if is_transcribed(views) and durations.std() > 0 and (letters > 0).all():
        yield _judge("length", *_correlation(np.log(durations), np.log(letters)), len(views), seed)
    for name, texts in (("words", [view.prompt for view in views]), ("spoken_words", [view.spoken for view in views])):
        if len(set(texts)) > 1:
            table = word_table(texts, answers)
            if table.any():
                yield _judge(name, *_from_table(table), len(views), seed)
    for name, contexts in likeness_contexts(views):
        left, right = centred(cosine_kernel(contexts)), centred(cosine_kernel(text_features(answers)))
        if np.abs(left).max() > 1e-6 and np.abs(right).max() > 1e-6:
            yield _judge(name, *_from_kernels(left, right), len(views), seed)


def likeness_contexts(views: Sequence[View]) -> Iterator[tuple[str, np.ndarray]]:
    """Features of prompts, pictures and sounds, where rows differ in them. Shapes: (n, d) each."""
    for name, texts in (("prompts", [view.prompt for view in views]), ("spoken_prompts", [view.spoken for view in views])):
        if len(set(texts)) > 1:
            yield name, text_features(texts)
    for name in ("picture", "spectrum"):
        arrays = [getattr(view, name) for view in views]
        if all(len(array) for array in arrays):
            stacked = np.stack(arrays)
            spread = stacked.std(axis=0)
            if (spread > 1e-6).any():
                yield f"{name}s", (stacked - stacked.mean(axis=0)) / np.maximum(spread, 1e-3 * float(spread.max()))


def is_transcribed(views: Sequence[View]) -> bool:
    """Whether the answers say again what the audio says: all rows ask for a transcript or a translation."""
    return all(view.duration_s > 0 and ("transcri" in view.prompt.lower() or "translat" in view.prompt.lower()) for view in views)


def expected_z(views: Sequence[View]) -> float:
    """z that the correlation of durations and transcripts should have, from how much durations differ."""
    logs = np.log([view.duration_s for view in views])
    spread = float(np.std(logs))
    return spread / float(np.hypot(spread, TRANSCRIPT_SPREAD)) * float(np.sqrt(len(views)))


def word_table(contexts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
    """Share of the answer's rare words that a context has, for every context and answer. Shapes: (n, n)."""
    context_sets, answer_sets = [set(words_of(text)) for text in contexts], [set(words_of(text)) for text in answers]
    weights = rarity([*context_sets, *answer_sets])
    vocabulary = {word: place for place, word in enumerate(sorted(weights))}
    held = np.zeros((len(contexts), len(vocabulary)), np.float32)
    said = np.zeros((len(answers), len(vocabulary)), np.float32)
    for row, (context, answer) in enumerate(zip(context_sets, answer_sets, strict=True)):
        held[row, [vocabulary[word] for word in context]] = 1
        for word in answer:
            said[row, vocabulary[word]] = weights[word]
    total = said.sum(axis=1)
    return held @ said.T / np.where(total > 0, total, 1)


# ---- S over pairings

Statistic = Callable[[Pairing], float]


def _correlation(one: np.ndarray, other: np.ndarray) -> tuple[Statistic]:
    def standard(values: np.ndarray) -> np.ndarray:
        return (values - values.mean()) / max(float(values.std()), 1e-12)

    left, right = standard(one), standard(other)
    return (lambda pairing: float(np.mean(left * right[pairing])),)


def _from_table(table: np.ndarray) -> tuple[Statistic]:
    rows = np.arange(len(table))
    return (lambda pairing: float(table[rows, pairing].mean()),)


def _from_kernels(left: np.ndarray, right: np.ndarray) -> tuple[Statistic]:
    np.fill_diagonal(left, 0)
    np.fill_diagonal(right, 0)
    scale = float(np.linalg.norm(left) * np.linalg.norm(right)) or 1.0
    return (lambda pairing: float((left * right[np.ix_(pairing, pairing)]).sum()) / scale,)


def _judge(name: str, statistic: Statistic, count: int, seed: int) -> Evidence:
    given = np.arange(count)
    value = statistic(given)
    drawn = np.array([statistic(pairing) for pairing in permutations(count, seed, name)])
    mean, spread = float(drawn.mean()), max(float(drawn.std()), 1e-12)
    moved = tuple((statistic(np.roll(given, move)) - mean) / spread for move in MOVES)
    p_value = (1 + int((drawn >= value - 1e-12).sum())) / (1 + NUM_PERMUTATIONS)
    return Evidence(name, count, value, (value - mean) / spread, p_value, moved)
