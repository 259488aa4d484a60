"""Training from sources: the same bytes from the same texts in any order, held-out figures, messages; the two commands."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.classify import HELD_OUT, ClassifyError, Example, app, apply, measure, part_of, train, write_classifier
from processors.text.classifier import Features, load_classifier
from schemas.records import Document, Origin

SMALL = Features(2, 0, 1 << 12)
STEPS = [
    "so",
    "therefore",
    "because",
    "then",
    "hence",
    "first",
    "next",
    "finally",
    "thus",
    "we",
    "get",
    "add",
    "multiply",
    "divide",
    "sum",
    "total",
    "equals",
]
TALK = [
    "yesterday",
    "shop",
    "blue",
    "music",
    "holiday",
    "player",
    "crowd",
    "weather",
    "street",
    "dinner",
    "band",
    "minister",
    "coast",
    "album",
    "season",
]
SHARED = ["the", "a", "of", "and", "in", "was", "it", "that", "with", "on", "for", "by", "as", "at", "from"]


def texts(words: list[str], count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choice(words + SHARED) for _ in range(40)) + "." for _ in range(count)]


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [Example(text, True) for text in texts(STEPS, 150, 1)] + [Example(text, False) for text in texts(TALK, 100, 2)]


def test_the_same_texts_in_any_order_give_the_same_bytes(examples: list[Example], tmp_path: Path) -> None:
    first = write_classifier(train(examples, "steps", SMALL), tmp_path)
    again = write_classifier(train([*reversed(examples), examples[0]], "steps", SMALL), tmp_path / "again")
    assert first.name == again.name
    assert first.read_bytes() == again.read_bytes()
    assert write_classifier(train(examples, "steps", SMALL, seed=1), tmp_path).name != first.name


def test_held_out_texts_are_told_apart_and_scores_calibrated(examples: list[Example], tmp_path: Path) -> None:
    model = load_classifier(str(write_classifier(train(examples, "steps", SMALL), tmp_path)))
    figures = model.report[HELD_OUT]
    held = [example for example in examples if part_of(example.text, 0)[0] == HELD_OUT]
    assert (figures["num_good"], figures["num_bad"]) == (sum(e.is_good for e in held), sum(not e.is_good for e in held))
    assert figures == measure(model, held)
    assert figures["auc"] > 0.99
    assert min(figures["precision"], figures["recall"]) > 0.9
    assert sum(sum(part.values()) for part in model.report["num_texts"].values()) == 250
    unseen = texts(STEPS, 30, 9) + texts(TALK, 30, 10)
    scores = [model.score(text) for text in unseen]
    assert min(scores[:30]) > 0.5 > max(scores[30:])


def test_labels_without_meaning_cannot_be_learned() -> None:
    """A report that is good on noise would measure its own training texts."""
    rng = random.Random(3)
    noise = [Example(text, rng.random() < 0.5) for text in texts(TALK, 400, 4)]
    assert 0.2 < train(noise, "noise", SMALL).report[HELD_OUT]["auc"] < 0.8


def test_what_cannot_be_trained_says_why(examples: list[Example]) -> None:
    with pytest.raises(ClassifyError, match="19 good and 100 bad texts; expected 20 or more different ones of each"):
        train([*examples[:19], *examples[150:]], "few", SMALL)
    with pytest.raises(ClassifyError, match=r"a text is both good and bad: '[Tt]he +same'"):
        train([*examples, Example("The same", True), Example("the  same", False)], "both", SMALL)
    with pytest.raises(ClassifyError, match=r"classifier name '\.\./x' must be letters"):
        train(examples, "../x", SMALL)


def test_applying_counts_and_shows_the_ends(examples: list[Example]) -> None:
    model = train(examples, "steps", SMALL)
    records = [Document(str(n), Origin("s"), example.text) for n, example in enumerate(examples)]
    found = apply(model, [*records, Document("x", Origin("s"), " \n")], num_shown=2)
    scores = sorted(model.score(example.text) for example in examples)
    assert found.num_texts == sum(found.histogram) == 250
    assert [score for score, _ in found.highest] == pytest.approx(scores[:-3:-1], abs=1e-4)
    assert [score for score, _ in found.lowest] == pytest.approx(scores[:2], abs=1e-4)


def write_rows(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def test_the_commands(examples: list[Example], tmp_path: Path) -> None:
    good = write_rows(tmp_path / "good.jsonl", [{"steps": e.text} for e in examples if e.is_good])
    bad = write_rows(tmp_path / "bad.jsonl", [{"steps": e.text} for e in examples if not e.is_good])
    labelled = write_rows(tmp_path / "all.jsonl", [{"steps": e.text, "class": "yes" if e.is_good else "no"} for e in examples])
    run = CliRunner().invoke
    common = ["--field", "steps", "--out", str(tmp_path / "models")]
    two = run(app, ["train", "steps", "--good", good, "--bad", bad, *common])
    one = run(app, ["train", "steps", "--labelled", labelled, "--label", "class", "--is-good", "yes", *common])
    assert (two.exit_code, one.exit_code) == (0, 0), two.output + one.output
    (path,) = (tmp_path / "models").iterdir()  # the same texts, so the same file
    assert path.name in two.output.replace("\n", "")
    assert "precision" in two.output
    shown = run(app, ["apply", str(path), labelled, "--field", "steps", "--shown", "1"])
    assert shown.exit_code == 0, shown.output
    assert sum(int(line.split()[1]) for line in shown.output.splitlines()[:10]) == 250
    assert [line.split()[0] for line in shown.output.splitlines() if line[0].isalpha()][:1] == ["lowest"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "steps", "--good", "nowhere.jsonl"], "nowhere.jsonl"),
        (
            ["train", "steps", "--labelled", "LABELLED", "--label", "kind"],
            "has no label 'kind'; name the field or fact that says the class",
        ),
        (["train", "steps"], "0 good and 0 bad texts"),
        (["apply", "LABELLED", "LABELLED"], "its name says"),
    ],
)
def test_commands_that_cannot_work(arguments: list[str], message: str, tmp_path: Path) -> None:
    labelled = write_rows(tmp_path / "all.jsonl", [{"text": "some text", "class": "yes"}])
    done = CliRunner().invoke(app, [labelled if word == "LABELLED" else word for word in arguments])
    assert done.exit_code == 2
    assert message in done.output.replace("\n", "")
