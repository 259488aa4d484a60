"""Training and applying linear classifiers of text (processors/text/classifier.py): `corpusmill classifier train | apply`.

Texts come from sources of two classes, good and bad. A text's place is decided by its digest, so that copies of a text are never on
both sides: 8 of 10 train, 1 calibrates the probability (Platt 1999), 1 is held out and measured. Training is a logistic regression
(scikit-learn, L-BFGS) on the mean of a text's features; both classes weigh the same, however many texts they have. The same texts
give the same file on one machine; another processor may round the last digit of a weight differently.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from pipelines.buildfile import BuildFileError, resolve_source
from processors.dialogue import text_field
from processors.text.classifier import SCALE, SUFFIX, Classifier, Features, load_classifier
from processors.text.normalise import normalise, text_digest
from schemas.identity import digest
from schemas.outcome import Reject
from schemas.parts import Text
from schemas.records import Document, Record, Row, turns_of
from schemas.shard import write_replacing

TEXT_FIELDS = ("text", "content", "solution", "answer", "document")
MIN_TEXTS = 20  # of each class: fewer leave nothing to hold out
TRAIN, CALIBRATE, HELD_OUT = "train", "calibrate", "held_out"
STRENGTH = 30.0  # inverse of the regularisation, chosen on held-out texts: means of features are small numbers


class ClassifyError(ValueError):
    """Texts from which nothing can be trained, or a model that cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    is_good: bool


def text_of(record: Record, fields: Sequence[str]) -> str:
    """The text of a document, of the named fields of a row, or of all turns of a conversation."""
    if isinstance(record, Document):
        return record.text
    if isinstance(record, Row):
        named = [text_field(record.fields, name) for name in fields]
        return "\n".join(part for part in named if part) if fields else text_field(record.fields, *TEXT_FIELDS)
    return "\n".join(part.text for turn in turns_of(record) for part in turn.parts if isinstance(part, Text))


def read_records(source: Any) -> Iterator[Record]:
    """The records of a source or corpus; what the source refuses is left out."""
    for split in source.splits():
        yield from (record for record in source.read(split) if not isinstance(record, Reject))


def read_examples(source: Any, is_good: bool, fields: Sequence[str] = ()) -> Iterator[Example]:
    """Every text of a source as an example of one class."""
    for record in read_records(source):
        text = normalise(text_of(record, fields))
        if text.strip():
            yield Example(text, is_good)


def read_labelled(source: Any, label: str, good: Sequence[str], fields: Sequence[str] = ()) -> Iterator[Example]:
    """The texts of rows that carry their label; those whose label is in `good` are good.

    Raises: ClassifyError for a row without the label.
    """
    for record in read_records(source):
        value = record.fields.get(label) if isinstance(record, Row) else record.facts.get(label)
        if value is None:
            raise ClassifyError(f"record {record.key} has no label {label!r}; name the field or fact that says the class")
        text = normalise(text_of(record, fields))
        if text.strip():
            yield Example(text, (str(value).lower() if isinstance(value, bool) else str(value)) in good)


def part_of(text: str, seed: int) -> tuple[str, str]:
    """Whether a text trains, calibrates or is held out; and its digest."""
    own = text_digest(text)
    place = int(digest("classifier", str(seed), own)[:8], 16) % 10
    return (CALIBRATE if place == 8 else HELD_OUT if place == 9 else TRAIN), own


# ---- training


def train(examples: Iterable[Example], name: str, features: Features = Features(), seed: int = 0) -> Classifier:
    """A model from examples in any order; of texts that are equal but for case and white space one counts.

    Raises: ClassifyError for too few texts of a class, texts of both classes, and a name that is no file name.
    """
    if not name or not name.replace("_", "").replace("-", "").isalnum():
        raise ClassifyError(f"classifier name {name!r} must be letters, digits, - and _")
    texts: dict[str, dict[str, Example]] = {TRAIN: {}, CALIBRATE: {}, HELD_OUT: {}}
    for example in examples:
        part, own = part_of(example.text, seed)
        known = texts[part].setdefault(own, example)
        if known.is_good != example.is_good:
            raise ClassifyError(f"a text is both good and bad: {example.text[:80]!r}")
    counts = {part: [sum(one.is_good is good for one in found.values()) for good in (False, True)] for part, found in texts.items()}
    total = np.sum(list(counts.values()), axis=0)
    if min(total) < MIN_TEXTS or min(map(min, counts.values())) < 1:
        raise ClassifyError(f"{total[1]} good and {total[0]} bad texts; expected {MIN_TEXTS} or more different ones of each")
    sorted_texts = {part: [found[own] for own in sorted(found)] for part, found in texts.items()}
    weights = np.rint(_fit(sorted_texts[TRAIN], features) * SCALE).astype(np.int32)
    raw = Classifier(name, features, weights, 1.0, 0.0, {})
    slope, intercept = _calibrate(raw, sorted_texts[CALIBRATE])
    calibrated = Classifier(name, features, weights, slope, intercept, {})
    report = {"seed": seed, "num_texts": {part: {"bad": bad, "good": good} for part, (bad, good) in counts.items()}}
    return Classifier(name, features, weights, slope, intercept, {**report, HELD_OUT: measure(calibrated, sorted_texts[HELD_OUT])})


def _fit(examples: Sequence[Example], features: Features) -> np.ndarray:
    """Weights of a logistic regression on mean features. Shapes: (features.num_buckets,) float64."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    columns, values, ends = [], [], [0]
    for example in examples:
        buckets, counts = np.unique(features.of(example.text), return_counts=True)
        columns.append(buckets)
        values.append(counts / max(1, counts.sum()))
        ends.append(ends[-1] + len(buckets))
    used, places = np.unique(np.concatenate(columns), return_inverse=True)  # the rest has no weight
    matrix = csr_matrix((np.concatenate(values), places, ends), shape=(len(examples), len(used)))
    scaled = matrix * np.sqrt(len(used))  # of the order of 1, as the solver likes it
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500, tol=1e-5, fit_intercept=False)
    model.fit(scaled, [example.is_good for example in examples])
    found = np.zeros(features.num_buckets)
    found[used] = model.coef_[0] * np.sqrt(len(used))
    return np.clip(found, -(2**14), 2**14)


def _calibrate(model: Classifier, examples: Sequence[Example]) -> tuple[float, float]:
    """Slope and intercept that make the score a probability, both classes weighing the same."""
    from sklearn.linear_model import LogisticRegression

    means = np.array([[model.mean(example.text)] for example in examples])
    spread = float(means.std()) or 1.0
    fitted = LogisticRegression(C=10.0, class_weight="balanced").fit(means / spread, [example.is_good for example in examples])
    return round(float(fitted.coef_[0, 0]) / spread, 6), round(float(fitted.intercept_[0]), 6)


def measure(model: Classifier, examples: Sequence[Example]) -> dict[str, Any]:
    """What a model does on texts it has not seen: precision and recall of the good class at 0.5, area under the curve, Brier score."""
    from sklearn.metrics import roc_auc_score

    scores = np.array([model.score(example.text) for example in examples])
    is_good = np.array([example.is_good for example in examples])
    taken = scores >= 0.5
    right = int((taken & is_good).sum())
    return {
        "num_good": int(is_good.sum()),
        "num_bad": int((~is_good).sum()),
        "precision": round(right / max(1, int(taken.sum())), 4),
        "recall": round(right / max(1, int(is_good.sum())), 4),
        "auc": round(float(roc_auc_score(is_good, scores)), 4),
        "brier": round(float(np.mean((scores - is_good) ** 2)), 4),
    }


def write_classifier(model: Classifier, into: Path) -> Path:
    """Writes `<into>/<name>-<digest of its content>.linear`."""
    data = model.to_bytes()
    path = into / f"{model.name}-{digest(data)}{SUFFIX}"
    if not path.is_file():
        write_replacing(path, data)
    return path


# ---- applying


@dataclass(frozen=True, slots=True)
class Applied:
    """Scores of a source: rows by tenth of the score, and the texts nearest to its ends and middle."""

    num_texts: int
    histogram: tuple[int, ...]
    lowest: tuple[tuple[float, str], ...]
    middle: tuple[tuple[float, str], ...]
    highest: tuple[tuple[float, str], ...]


def apply(model: Classifier, records: Iterable[Record], fields: Sequence[str] = (), num_shown: int = 3) -> Applied:
    """Scores every text; memory holds the few that are shown."""
    histogram = [0] * 10
    lowest: list[tuple[float, str]] = []
    middle: list[tuple[float, str]] = []
    highest: list[tuple[float, str]] = []
    for record in records:
        text = text_of(record, fields)
        if not text.strip():
            continue
        score = model.score(text)
        histogram[min(9, int(score * 10))] += 1
        for shown, nearness in ((lowest, -score), (middle, -abs(score - 0.5)), (highest, score)):
            heapq.heappush(shown, (nearness, f"{score:.4f} {' '.join(text.split())[:200]}"))
            if len(shown) > num_shown:
                heapq.heappop(shown)
    ends = [tuple((float(line[:6]), line[7:]) for _, line in sorted(shown, reverse=True)) for shown in (lowest, middle, highest)]
    return Applied(sum(histogram), tuple(histogram), *ends)


# ---- commands

app = typer.Typer(help="Train and apply linear classifiers of text.", no_args_is_help=True)
console, errors = Console(), Console(stderr=True)

Fields = Annotated[
    list[str] | None, typer.Option("--field", help=f"Field of a row with text (may be repeated). Default: {', '.join(TEXT_FIELDS)}.")
]


def _open(place: str) -> Any:
    return resolve_source(place, Path(), f"source {place}")


@app.command("train")
def train_command(
    name: Annotated[str, typer.Argument(help="Name of the classifier, such as educational or reasoning.")],
    good: Annotated[list[str] | None, typer.Option(help="A source or corpus of good texts (may be repeated).")] = None,
    bad: Annotated[list[str] | None, typer.Option(help="A source or corpus of bad texts (may be repeated).")] = None,
    labelled: Annotated[list[str] | None, typer.Option(help="A source or corpus whose rows say their class.")] = None,
    label: Annotated[str, typer.Option(help="The field or fact that says it.")] = "label",
    is_good: Annotated[list[str] | None, typer.Option(help="Values of the label that are good. Default: good, 1, true.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("classifiers"),
    field: Fields = None,
    seed: Annotated[int, typer.Option(help="Decides which texts are held out.")] = 0,
) -> None:
    """Train a classifier on good and bad texts; print and store what it does on texts held out."""
    fields = tuple(field or ())
    try:
        found = itertools.chain(
            *(read_examples(_open(place), True, fields) for place in good or ()),
            *(read_examples(_open(place), False, fields) for place in bad or ()),
            *(read_labelled(_open(place), label, is_good or ["good", "1", "true"], fields) for place in labelled or ()),
        )
        model = train(found, name, seed=seed)
    except (ClassifyError, BuildFileError) as error:
        errors.print(f"error: training classifier {name}: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    path = write_classifier(model, out)
    table = Table("held out", "good", "bad", "precision", "recall", "AUC", "Brier")
    figures = model.report[HELD_OUT]
    table.add_row(name, *(str(figures[key]) for key in ("num_good", "num_bad", "precision", "recall", "auc", "brier")))
    console.print(table)
    console.print(str(path), markup=False, highlight=False, soft_wrap=True)


@app.command("apply")
def apply_command(
    model: Annotated[Path, typer.Argument(help="A model that `train` wrote.")],
    place: Annotated[str, typer.Argument(help="A source or corpus.")],
    field: Fields = None,
    shown: Annotated[int, typer.Option(min=0, help="Examples to show of each sort.")] = 3,
) -> None:
    """Score the texts of a source: a histogram, and the lowest, middle and highest."""
    try:
        found = apply(load_classifier(str(model)), read_records(_open(place)), tuple(field or ()), shown)
    except (ValueError, OSError) as error:
        errors.print(f"error: applying {model}: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    most = max(1, *found.histogram)
    for tenth, count in enumerate(found.histogram):
        console.print(f"{tenth / 10:.1f}-{(tenth + 1) / 10:.1f} {count:>9,} {'#' * round(40 * count / most)}", highlight=False)
    for title, examples in (("lowest", found.lowest), ("middle", found.middle), ("highest", found.highest)):
        for score, text in examples:
            console.print(f"{title:8}{score:.4f}  {text}", markup=False, highlight=False, soft_wrap=True)
