"""`corpusmill train`: one stage of the reference model on corpora of this toolkit. Torch is imported when a run starts."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipelines.failure import err_console, fail
from schemas.arrow import SchemaError
from schemas.corpus import CorpusError
from schemas.identity import digest
from schemas.store import place_of

if TYPE_CHECKING:
    import torch

    from model.multimodal import Phi4MM
    from model.rows import CorpusRows
    from model.stages import Stage
    from model.train import StepMetrics

TRY_STEPS = 200  # of models that are not of the released size, where --steps is not given
TRY_CONTEXT_TOKENS = 4_096  # likewise, where --context is not given and no row is longer
out_console = Console()


def train_command(
    stage: Annotated[str | None, typer.Option(help="L1, L2, V1-V4, A1, A2, VS or R1-R3; --list shows them.")] = None,
    corpus: Annotated[list[str] | None, typer.Option(help="PATH or PATH=WEIGHT, a share of rows (may be repeated).")] = None,
    model: Annotated[str, typer.Option(help="tiny (CPU), small (one GPU), phi4mm, a run or a checkpoint, or a released folder.")] = "tiny",
    out: Annotated[Path | None, typer.Option(help="The run's folder; one that exists goes on where it was stopped.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Updates. Default: the stage's for phi4mm, else 200.")] = None,
    context: Annotated[
        int | None, typer.Option(min=2, help="Tokens of a batch. Default: the stage's for phi4mm, else 4096 or the longest row.")
    ] = None,
    step_batches: Annotated[int, typer.Option(min=1, help="Batches a step, of all ranks together.")] = 1,
    learning_rate: Annotated[float | None, typer.Option(help="Peak. Default: the stage's, times 3072 over the model's width.")] = None,
    beta: Annotated[float, typer.Option(help="Strength of the reference in DPO (R3).")] = 0.1,
    seed: Annotated[int, typer.Option(help="Decides first weights, order of rows, and dropout.")] = 0,
    vocabulary: Annotated[list[Path] | None, typer.Option(help="tiny: corpora whose tokens it must know too, for later stages.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda. Default: cuda where there is one.")] = None,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 100,
    keep: Annotated[int, typer.Option(min=1, help="Checkpoints that are kept.")] = 2,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read and decode rows; they change no number.")] = 0,
    recompute: Annotated[bool, typer.Option(help="Compute activations twice to save memory.")] = False,
    rebuild: Annotated[bool, typer.Option(help="Remove the run that is there and start anew.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the stages and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value; no progress.")] = False,
) -> None:
    """Train one stage of the model on corpora, from small first weights or a checkpoint; a run that was killed goes on exactly.

    \b
    corpusmill train --list
    corpusmill train --stage L1 --corpus demo/corpora/language_pretrain --out run/L1
    corpusmill train --stage A1 --corpus demo/corpora/speech_pretrain --model run/L1 --out run/A1
    torchrun --nproc-per-node 4 -m pipelines train --stage A2 ... --step-batches 4

    The folder holds metrics.jsonl, checkpoints, curve.svg and, when all steps are done, run.json.
    """
    if list_:
        _show_stages(as_json)
        return
    if stage is None or not corpus or out is None:
        raise fail("give --stage, --corpus (one or more) and --out, or --list to see the stages", 2)
    from model.checkpoint import CheckpointError
    from model.convert import CheckpointMismatch
    from model.loader import StateError
    from model.plan import PlanError
    from model.ranks import ranks
    from model.stages import StageError, stage_named
    from model.train import NonFinite, RunError
    from model.vocabulary import UnknownToken

    try:
        request = Request(
            stage=stage_named(stage),
            corpora=tuple(_weighted(text) for text in corpus),
            model=model,
            out=out,
            steps=steps,
            context_tokens=context,
            step_batches=step_batches,
            learning_rate=learning_rate,
            beta=beta,
            seed=seed,
            vocabulary=tuple(vocabulary or ()),
            checkpoint_every=checkpoint_every,
            keep=keep,
            workers=workers,
            recompute=recompute,
            rebuild=rebuild,
        )
    except KeyError as error:
        raise fail(str(error.args[0]), 2) from error
    try:
        with ranks(_device(device)) as own:
            row = run_stage(request, own, quiet=as_json)
    except (StageError, PlanError) as error:
        raise fail(str(error), 2) from error
    except (RunError, CheckpointError, CheckpointMismatch, StateError, UnknownToken, NonFinite, CorpusError, SchemaError, OSError) as error:
        raise fail(str(error)) from error
    except KeyboardInterrupt:
        raise fail(f"stopped; run the same command again to go on from the newest checkpoint in {out}") from None
    if row is None:  # not the first rank
        return
    if as_json:
        print(json.dumps(row, indent=2))
    else:
        _show_result(row)


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What the command was asked."""

    stage: Stage
    corpora: tuple[tuple[Path, float | None], ...]
    model: str
    out: Path
    steps: int | None = None
    context_tokens: int | None = None
    step_batches: int = 1
    learning_rate: float | None = None
    beta: float = 0.1
    seed: int = 0
    vocabulary: tuple[Path, ...] = ()
    checkpoint_every: int = 100
    keep: int = 2
    workers: int = 0
    recompute: bool = False
    rebuild: bool = False


def run_stage(request: Request, device: torch.device, quiet: bool = False) -> dict[str, Any] | None:
    """Checks everything, then trains; gives the summary on the first rank, None on the others.

    Raises:
        StageError, PlanError: a corpus that the stage does not take, or rows that a batch cannot hold.
        RunError: the folder holds another run.
        CheckpointError, CheckpointMismatch: the model to start from cannot be read.
        NonFinite: training met a number that is none.
    """
    from model.dpo import DpoSettings
    from model.loader import Loader
    from model.optimise import optimisation_for
    from model.ranks import sum_over_ranks, world
    from model.rows import CorpusRows
    from model.stages import check_corpus, default_weight
    from model.train import SUMMARY, Execution, Trainer, prepare, start_run, train

    stage = request.stage
    rank, num_ranks = world()
    rows = [CorpusRows(path) for path, _ in request.corpora]
    for corpus in rows:
        check_corpus(stage, corpus)
    weights = [default_weight(stage, corpus) if given is None else given for corpus, (_, given) in zip(rows, request.corpora, strict=True)]
    released = _has_released_size(request.model)
    context = request.context_tokens or (stage.context_tokens if released else _try_context(stage, rows))
    loader = Loader(
        [(corpus.path, weight) for corpus, weight in zip(rows, weights, strict=True)],
        context,
        request.seed,
        rank,
        num_ranks,
        request.step_batches,
        request.workers,
    )
    model, trained, start = _first_model(request, rows)
    width = model.config.decoder.hidden_size
    steps = request.steps or (stage.steps if released else TRY_STEPS)
    how = optimisation_for(stage, width, steps, request.learning_rate)
    dpo = DpoSettings(request.beta)
    settings = {
        "stage": stage.name,
        "corpora": [[corpus.name, corpus.totals["content"], weight] for corpus, weight in zip(rows, weights, strict=True)],
        "model": start,
        "seed": request.seed,
        "context_tokens": context,
        "step_batches": request.step_batches,
        **dataclasses.asdict(how),
        **({"dpo": dataclasses.asdict(dpo)} if stage.loss == "dpo" else {}),
    }
    if rank == 0:
        if request.rebuild:
            _remove_run(request.out)
        start_run(request.out, settings)
    sum_over_ranks([0.0], device)
    ever_trained = prepare(model, stage, trained)
    trainer = Trainer(model.to(device), stage, how, request.seed, dpo)
    if not quiet and rank == 0:
        _show_start(stage, model, trainer, rows, context, steps)
    execution = Execution(request.checkpoint_every, request.keep, request.recompute)
    told = _Progress(steps, quiet or rank > 0)
    train(trainer, loader, request.out, request.step_batches, execution, ever_trained, told)
    if rank:
        return None
    return {"out": str(request.out), **json.loads((request.out / SUMMARY).read_text())}


def _has_released_size(model: str) -> bool:
    """Whether the model is of the released size, or comes from a released folder."""
    from model.checkpoint import find_checkpoint, read_manifest
    from model.config import CONFIGS

    if model in CONFIGS:
        return model == "phi4mm"
    return (Path(model) / "config.json").is_file() or read_manifest(find_checkpoint(Path(model))).config.name == "phi4mm"


def _try_context(stage: Stage, rows: Sequence[CorpusRows]) -> int:
    """Small batches for small models: as long as the longest row, within the stage's bound."""
    from model.plan import Costs

    longest = max(int(Costs.of(corpus).tokens.max()) for corpus in rows)
    return min(stage.context_tokens, max(TRY_CONTEXT_TOKENS, longest))


def _first_model(request: Request, rows: Sequence[CorpusRows]) -> tuple[Phi4MM, tuple[str, ...], dict[str, Any]]:
    """The model to start from, the parts of it that were ever trained, and what names it in the settings."""
    from model.checkpoint import load_model
    from model.config import CONFIGS
    from model.convert import open_model
    from model.initial import build_model, grow, mel_statistics_of, vocabulary_of
    from model.parts import PARTS

    paths = [corpus.path for corpus in rows]
    if request.model in CONFIGS:
        vocabulary = vocabulary_of([*paths, *request.vocabulary]) if request.model == "tiny" else None
        statistics = mel_statistics_of(paths)
        model = build_model(request.model, vocabulary, request.seed, mel_statistics=statistics)
        ids = digest(json.dumps(vocabulary.ids.tolist())) if vocabulary is not None else "all"
        return model, (), {"config": request.model, "vocabulary": ids}
    path = Path(request.model)
    if (path / "config.json").is_file():
        return open_model(path), tuple(PARTS), {"released": str(path.resolve())}
    loaded, manifest = load_model(path)
    if loaded.vocabulary is not None:
        loaded = grow(loaded, vocabulary_of([*paths, *request.vocabulary]), request.seed)
    return loaded, manifest.trained, {"weights_sha256": manifest.files["model.safetensors"]["sha256"]}


def _device(given: str | None) -> str:
    """The device to train on. Rows are of many lengths: cuDNN plans each new shape of a convolution anew, which on an H100 took 4 to 5.6 s of a
    step that takes 0.7 s without it (six clips of 1 to 11 s); where all lengths are the same a step takes 105 ms instead of 80.
    """
    import torch

    torch.backends.cudnn.enabled = False
    return given or ("cuda" if torch.cuda.is_available() else "cpu")


def _weighted(text: str) -> tuple[Path, float | None]:
    """PATH or PATH=WEIGHT."""
    path, equals, weight = text.rpartition("=")
    if not equals:
        return place_of(text), None
    try:
        value = float(weight)
    except ValueError:
        return place_of(text), None  # a path with an equals sign
    if not value > 0:
        raise fail(f"--corpus {text}: the weight is {weight}, expected a positive number", 2)
    return place_of(path), value


def _remove_run(folder: Path) -> None:
    """Removes a run; a folder that holds none is left for `start_run` to refuse."""
    from model.train import SETTINGS

    if (folder / SETTINGS).is_file():
        shutil.rmtree(folder)


# ---- what is shown


class _Progress:
    """Prints a line every second or so, and the last one."""

    def __init__(self, steps: int, quiet: bool) -> None:
        self.steps, self.quiet = steps, quiet
        self.started = self.shown = time.perf_counter()
        self.tokens = self.first = 0

    def __call__(self, metrics: StepMetrics) -> None:
        self.first = self.first or metrics.step
        self.tokens += metrics.learned_tokens
        now = time.perf_counter()
        if self.quiet or (now - self.shown < 1 and metrics.step not in (1, self.steps)):
            return
        self.shown = now
        pace = (metrics.step - self.first + 1) / (now - self.started)
        line = f"step {metrics.step:,} of {self.steps:,}: loss {metrics.loss:.4f}, gradient norm {metrics.gradient_norm:.3g}, "
        line += f"rate {metrics.learning_rate:.3g}, {pace:.2f} steps/s, {self.tokens / (now - self.started):,.0f} learned tokens/s"
        if metrics.dpo:
            line += f", margin {metrics.dpo['margin']:.3f}, {metrics.dpo['accuracy']:.0%} of pairs right"
        err_console.print(line, markup=False, highlight=False, soft_wrap=True)


def _show_start(stage: Stage, model: Phi4MM, trainer: Any, rows: Sequence[CorpusRows], context: int, steps: int) -> None:
    num_trained = sum(p.numel() for p in trainer.parameters.values())
    num_all = sum(p.numel() for p in model.parameters())
    lines = [
        f"stage {stage.name}, {stage.title}: {steps:,} steps of batches of {context:,} tokens",
        f"trains {', '.join(stage.trains)}: {num_trained:,} of {num_all:,} parameters of {model.config.name}",
        f"corpora: {', '.join(f'{corpus.name} ({len(corpus):,} rows)' for corpus in rows)}",
    ]
    for line in lines:
        err_console.print(line, markup=False, highlight=False, soft_wrap=True)


def _show_result(row: dict[str, Any]) -> None:
    lines = [
        f"{row['out']}: stage {row['stage']}, {row['steps']:,} steps, {row['learned_tokens']:,} learned tokens",
        f"loss {row['first_loss']:.4f} at first, {row['last_loss']:.4f} over the last tenth; curve.svg shows it",
        f"go on with a later stage: corpusmill train --model {row['out']} --stage ...",
    ]
    for line in lines:
        out_console.print(line, markup=False, highlight=False, soft_wrap=True)


def _show_stages(as_json: bool) -> None:
    from model.stages import STAGES

    if as_json:
        rows = []
        for stage in STAGES.values():
            row = dataclasses.asdict(stage)
            row["adapters"] = {mode.name: adapter for mode, adapter in stage.adapters.items()}
            rows.append(row)
        print(json.dumps(rows, indent=2))
        return
    table = Table("stage", "what", "trains", "takes (share)", "context", "rate, steps", "not published, chosen here")
    for stage in STAGES.values():
        shares = ", ".join(f"{name} {weight:.2g}" for name, weight in stage.corpora.items())
        figures = f"{stage.learning_rate:g}, {stage.steps:,}"
        table.add_row(
            stage.name, stage.title, ", ".join(stage.trains), shares, f"{stage.context_tokens:,}", figures, ", ".join(stage.chosen)
        )
    out_console.print(table)
