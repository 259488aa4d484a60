"""The same batches with any number of ranks and workers, and after a kill."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from model.batch import Batch
from model.loader import Loader, StateError
from model.plan import PlanError
from schemas.identity import digest
from tests.model.written import clip, conversation, documents, image, preference, write_corpus

CONTEXT = 96
OPTIONS: dict[str, Any] = {"context_tokens": CONTEXT, "seed": 5, "step_batches": 4}
WORLDS = (1, 2, 4)

# Advances loaders of 1, 2 and 4 ranks by turns, and tells after each round where they are, until it is killed.
TRAINING = """
import json, os, sys
from pathlib import Path
import torch
from model.loader import Loader
from tests.model.test_loader import OPTIONS, WORLDS, digest_of
torch.set_num_threads(1)
corpora = [(Path(path), weight) for path, weight in json.loads(sys.argv[1])]
loaders = {world: [Loader(corpora, rank=rank, world=world, **OPTIONS) for rank in range(world)] for world in WORLDS}
running = {world: [iter(loader) for loader in ranks] for world, ranks in loaders.items()}
while True:
    told = {}
    for world, ranks in running.items():
        digests = [digest_of(next(rank)) for rank in ranks]
        told[world] = {"digests": digests, "states": [loader.state() for loader in loaders[world]]}
    os.write(1, (json.dumps(told) + "\\n").encode())
"""


def digest_of(batch: Batch) -> str:
    """What a batch holds, media included."""
    tensors = [batch.ids, batch.labels, batch.position_ids, *batch.audios]
    tensors += [tensor for picture in batch.images for tensor in (picture.crops, picture.mask)]
    grids = [(picture.columns, picture.rows) for picture in batch.images]
    arrays = [part for tensor in tensors for part in (str(tuple(tensor.shape)), str(tensor.dtype), tensor.contiguous().numpy().tobytes())]
    return digest(repr((batch.lengths, batch.mode, batch.keys, grids)), *arrays)


def taken(ranks: list[Loader], num: int) -> list[str]:
    """Digests of the next `num` batches of the global list, which the ranks take by turns."""
    running = [iter(loader) for loader in ranks]
    return [digest_of(next(running[at % len(ranks)])) for at in range(num)]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, float]]:
    """Two corpora of short texts, one of preferences, with weights."""
    folder = tmp_path_factory.mktemp("text")
    pairs = [preference(f"p{at}", [f"{at}?"], f"good {at}", "bad") for at in range(30)]
    write_corpus(folder / "some", documents(200, 1), rows_per_batch=16)
    write_corpus(folder / "more", documents(90, 2, prefix="e"))
    write_corpus(folder / "pairs", pairs)
    return [(folder / "some", 3.0), (folder / "more", 1.0), (folder / "pairs", 0.5)]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, float]]:
    """Rows of all four modes."""
    folder = tmp_path_factory.mktemp("media")
    rows = [conversation(f"s{at}", [clip(3_000 + 300 * at, at)], f"{at}") for at in range(12)]
    rows += [conversation(f"v{at}", [image(60 + at, 60, at), image(50, 50, at), "?"], f"{at}") for at in range(2)]
    rows += [conversation(f"b{at}", [image(460, 60 + at, at), clip(2_000, at), clip(999)], f"{at}") for at in range(2)]
    rows += [conversation(f"t{at}", ["?"], f"{at}") for at in range(8)]
    return [(write_corpus(folder / "all", rows), 1.0)]


@pytest.fixture(scope="module")
def whole(text: list[tuple[Path, float]]) -> list[str]:
    """The global list from its start."""
    return taken([Loader(text, **OPTIONS)], 1_500)


@pytest.fixture(scope="module")
def killed(text: list[tuple[Path, float]]) -> dict[int, list[dict[str, Any]]]:
    """What a process told, round by round, before it was killed without warning."""
    given = json.dumps([[str(path), weight] for path, weight in text])
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", TRAINING, given], stdout=subprocess.PIPE, cwd=root, env=environment)
    assert process.stdout is not None
    lines = list(itertools.islice(process.stdout, 90))
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    rounds = [json.loads(line) for line in lines]
    return {world: [told[str(world)] for told in rounds] for world in WORLDS}


@pytest.mark.crash
@pytest.mark.parametrize("world", WORLDS)
def test_a_killed_loader_goes_on_with_the_same_thousand_batches(
    world: int, text: list[tuple[Path, float]], whole: list[str], killed: dict[int, list[dict[str, Any]]]
) -> None:
    rounds = killed[world]
    before = [one for told in rounds for one in told["digests"]]
    assert before == whole[: 90 * world]
    assert len({json.dumps(state) for state in rounds[-1]["states"]}) == 1  # every rank tells the same place
    loaders = [Loader(text, rank=rank, world=world, **OPTIONS) for rank in range(world)]
    for loader, state in zip(loaders, rounds[-1]["states"], strict=True):
        loader.restore(state)
    assert taken(loaders, 1_000) == whole[90 * world : 90 * world + 1_000]


@pytest.mark.crash
@pytest.mark.parametrize(("world", "workers"), [(2, 0), (1, 2)])
def test_other_ranks_and_workers_go_on_where_four_stopped(
    world: int, workers: int, text: list[tuple[Path, float]], whole: list[str], killed: dict[int, list[dict[str, Any]]]
) -> None:
    state = killed[4][60]["states"][0]
    loaders = [Loader(text, rank=rank, world=world, num_workers=workers, **OPTIONS) for rank in range(world)]
    for loader in loaders:
        loader.restore(state)
    num = 1_000 if workers else 300
    assert taken(loaders, num) == whole[61 * 4 : 61 * 4 + num]


@pytest.mark.parametrize("start_method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_change_no_batch_of_any_mode(media: list[tuple[Path, float]], start_method: str) -> None:
    options: dict[str, Any] = {"context_tokens": 2_048, "seed": 1, "step_batches": 2, "epochs": 1}
    alone = [digest_of(batch) for batch in Loader(media, **options)]
    assert set(Loader(media, **options).costs.modes) == {0, 1, 2, 3}
    assert [digest_of(batch) for batch in Loader(media, num_workers=2, start_method=start_method, **options)] == alone


def test_workers_leave_the_global_generator_alone(text: list[tuple[Path, float]]) -> None:
    before = torch.random.get_rng_state()
    next(iter(Loader(text, num_workers=1, **OPTIONS)))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_epoch_gives_every_row_once_to_some_rank(text: list[tuple[Path, float]]) -> None:
    found: list[str] = []
    for rank in range(3):
        for batch in Loader(text, rank=rank, world=3, epochs=1, **OPTIONS):
            found += dict.fromkeys(batch.keys)
    expected = [f"d{at}" for at in range(200)] + [f"e{at}" for at in range(90)] + [f"p{at}" for at in range(30)]
    assert sorted(found) == sorted(expected)


def test_a_loop_that_breaks_goes_on_and_an_ended_one_starts_again(text: list[tuple[Path, float]]) -> None:
    loader = Loader(text, epochs=1, **OPTIONS)
    first = [digest_of(batch) for batch in loader]
    parts = [digest_of(batch) for batch in itertools.islice(iter(loader), 7)]
    parts += [digest_of(batch) for batch in loader]
    assert parts == first
    ended = Loader(text, epochs=1, **OPTIONS)
    ended.restore(json.loads(json.dumps(loader.state())))
    assert list(ended) == []


def test_batches_hold_one_mode_a_step_within_the_context(media: list[tuple[Path, float]]) -> None:
    loader = Loader(media, 2_048, 3, step_batches=2, max_crops=6, max_frames=400)
    batches = list(itertools.islice(iter(loader), 16))
    for one, two in zip(batches[::2], batches[1::2], strict=True):
        assert one.mode == two.mode
    for batch in batches:
        assert len(batch.ids) == sum(batch.lengths) <= 2_048
        assert sum(len(picture.crops) for picture in batch.images) <= 6
        assert sum(map(len, batch.audios)) <= 400


def test_weights_are_shares_of_rows_or_of_tokens(tmp_path: Path) -> None:
    short, long = documents(50, most_words=1), [documents(1, most_words=1, prefix="x")[0]]
    long = [type(long[0])(f"x{at}", *[getattr(record, name) for name in ("origin", "text", "facts")]) for at, record in enumerate(documents(50, 3, 60))]  # fmt: skip
    corpora = [(write_corpus(tmp_path / "short", short), 1.0), (write_corpus(tmp_path / "long", long), 1.0)]
    for weigh_by in ("rows", "tokens"):
        loader = Loader(corpora, 256, 0, weigh_by=weigh_by, window_rows=2_000)  # type: ignore[arg-type]
        tokens = {"d": 0, "x": 0}
        rows = {"d": 0, "x": 0}
        window, _ = loader.plan.window(0)
        for row in itertools.chain.from_iterable(window):
            rows["d" if row < 50 else "x"] += 1
            tokens["d" if row < 50 else "x"] += int(loader.costs.tokens[row])
        counted = rows if weigh_by == "rows" else tokens
        assert counted["d"] / sum(counted.values()) == pytest.approx(0.5, abs=0.01)
        assert abs(rows["d"] / sum(rows.values()) - 0.5) < 0.001 or weigh_by == "tokens"


def changed(text: list[tuple[Path, float]], tmp_path: Path) -> Iterator[tuple[str, list[tuple[Path, float]], dict[str, Any]]]:
    yield "seed", text, {"seed": 6}
    yield "context_tokens", text, {"context_tokens": 97}
    yield "step_batches", text, {"step_batches": 2}
    yield "weights", [(path, 1.0) for path, _ in text], {}
    yield "epochs", text, {"epochs": 1}
    yield "max_crops", text, {"max_crops": 9}
    yield "window_rows", text, {"window_rows": 100}
    yield "corpora", text[:2], {}
    yield "corpora", [(write_corpus(tmp_path / "some", documents(200, 9)), 3.0), *text[1:]], {}


def test_a_state_of_other_data_is_refused_with_the_field(text: list[tuple[Path, float]], tmp_path: Path) -> None:
    state = json.loads(json.dumps(Loader(text, **OPTIONS).state()))
    Loader(text, rank=1, world=2, num_workers=3, **OPTIONS).restore(state)
    for field, corpora, options in changed(text, tmp_path):
        with pytest.raises(StateError, match=rf"saved with {field} = .*, this loader has .*; go on with the same"):
            Loader(corpora, **{**OPTIONS, **options}).restore(state)


def test_a_state_is_small(text: list[tuple[Path, float]]) -> None:
    loader = Loader(text, **OPTIONS)
    taken([loader], 200)
    assert len(json.dumps(loader.state())) < 2_000


def test_what_no_batch_can_hold_is_an_error_before_the_first_batch(text: list[tuple[Path, float]]) -> None:
    with pytest.raises(PlanError, match=r"row d\d+ of corpus .*some has \d+ tokens, a batch holds 8"):
        Loader(text, 8, 0)
    for options in ({"rank": 2, "world": 2}, {"step_batches": 0}, {"weigh_by": "bytes"}):
        with pytest.raises(ValueError, match="expected a corpus or more, 0 <= rank < world"):
            Loader(text, 96, 0, **options)  # type: ignore[arg-type]
