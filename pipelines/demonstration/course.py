"""Raw sources, and the phases of training, each a run folder of the model's own trainer that goes on where it was stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from pipelines.demonstration.asked import make_asked
from pipelines.demonstration.corpora import folder_of
from pipelines.demonstration.digits import make_digits
from pipelines.demonstration.language import make_language
from pipelines.demonstration.pictures import make_pictures
from pipelines.demonstration.schedule import Phase, Sizes, sets
from pipelines.demonstration.sums import make_sums
from pipelines.demonstration.words import make_words

UNFINISHED = ".unfinished"
SHOWN_STEPS = 100


def make_sources(raw: Path, seed: int, names: Sequence[str], sizes: Sizes, say: Callable[[str], None]) -> None:
    """The raw sources that the named sets read. A folder is made beside its place and moved, so that one which is there is whole."""
    makers: dict[str, Callable[[Path], None]] = {
        "sums": lambda place: make_sums(place, seed, sizes.limit),
        "language": lambda place: make_language(place, seed, sizes.num_language),
        "digits": lambda place: make_digits(place, seed, sizes.num_digits, sizes.per_speaker),
        "asked": lambda place: make_asked(place, seed, sizes.num_asked),
        "words": lambda place: make_words(place, seed, sizes.num_lines, sizes.num_test),
        "pictures": lambda place: make_pictures(place, seed, sizes.num_pictures, sizes.num_test),
    }
    for family in dict.fromkeys(Path(sets()[name].source).parts[0] for name in names):
        place = raw / family
        if not place.is_dir():
            say(f"source {family}")
            unfinished = raw / f"{UNFINISHED}-{family}"
            shutil.rmtree(unfinished, ignore_errors=True)
            makers[family](unfinished)
            unfinished.rename(place)


def train_phase(out: Path, seed: int, phase: Phase, before: Path | None, names: Sequence[str], say: Callable[[str], None]) -> Path:
    """Trains a phase from the run `before`, or from first weights; gives the folder of its run.

    `names` are all sets of the demonstration: the vocabulary and the statistics of the mel bands are of all that are trained on.
    """
    from model.checkpoint import load_model
    from model.initial import build_model, mel_statistics_of, vocabulary_of
    from model.loader import Loader
    from model.optimise import Optimisation
    from model.train import Execution, StepMetrics, Trainer, prepare, start_run, train

    if before is None:
        paths = [folder_of(out, sets()[name]) for name in names]
        trained_on = [path for name, path in zip(names, paths, strict=True) if name.endswith(".train")]
        model = build_model("tiny", vocabulary_of(paths), seed, mel_statistics=mel_statistics_of(trained_on))
        trained: tuple[str, ...] = ()
    else:
        model, manifest = load_model(before)
        trained = manifest.trained
    how = Optimisation(
        phase.learning_rate,
        phase.steps,
        warmup_steps=max(1, phase.steps // 20),
        schedule=phase.stage.schedule,
        weight_decay=phase.stage.weight_decay,
    )
    run = out / "runs" / phase.name
    start_run(run, {"stage": phase.stage.name, "seed": seed, "sets": phase.sets, "context_tokens": phase.context_tokens, **asdict(how)})
    corpora = [(folder_of(out, sets()[name]), share) for name, share in phase.sets.items()]
    loader = Loader(corpora, phase.context_tokens, seed)
    trained = prepare(model, phase.stage, trained)
    say(f"phase {phase.name}: {phase.steps:,} steps; {phase.why}")

    def told(metrics: StepMetrics) -> None:
        if metrics.step % SHOWN_STEPS == 0 or metrics.step == phase.steps:
            say(f"  step {metrics.step:,}: loss {metrics.loss:.3f}")

    train(
        Trainer(model, phase.stage, how, seed),
        loader,
        run,
        execution=Execution(checkpoint_every=200, keep=1),
        trained=trained,
        on_step=told,
    )
    return run
