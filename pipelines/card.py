"""The dataset card of a corpus: what it is, how it was made, what was refused, licences, known limits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from pipelines.front_matter import MAX_TOLD_LICENCES, UNKNOWN, front_matter, loading, size_category, spdx_expression
from pipelines.recipe import Recipe, describe
from pipelines.step import ASK, Step, limits_of
from schemas.arrow import features_of, schema_for
from schemas.corpus import Corpus
from schemas.shard import FileEntry
from schemas.store import place_of

PURPOSE, MADE, LICENCES, SOURCES = "What it is for", "How it was made", "Licences", "Sources"
ENGINES, LOADING, KNOWN_LIMITS, SAFETY = "Engines and versions", "Load it", "Known limits", "Personal data and safety"
CARD = "README.md"
KINDS = {
    "document": "documents, of which all text is learned",
    "conversation": "conversations, of which the assistant's turns that are marked are learned",
    "preference": "prompts, each with a chosen and a rejected answer",
    "packed": "token sequences of one length, packed from several records",
}
NO_STEP = "- No step of this corpus "


def write_card(recipe: Recipe, totals: dict[str, Any]) -> str:
    """Markdown under the front matter that dataset hubs read.

    Made from the recipe, the ledger's sums and the cards of the corpora it was made from: it is the same each time, and reads no rows.
    """
    earlier = _earlier_cards(recipe.source)
    schema = schema_for(recipe.kind, recipe.facts, recipe.mel_dtype)
    is_computed = any(type(step.processor).__name__ == "CheckAnswers" for step in recipe.steps)
    head = front_matter(recipe.name, recipe.kind, totals, features_of(schema), _languages(recipe, earlier), is_computed)
    parts = {
        PURPOSE: _purpose(recipe, totals),
        MADE: _made(recipe, earlier),
        "Counts": _counts(totals),
        "Funnel": _after("Funnel", earlier, [f"`{recipe.name}`:", "", *_funnel(totals)]),
        "Reasons": _bullets("Reasons", earlier, _reasons(recipe, totals)),
        "Limits": _limits(recipe, earlier),
        ENGINES: _bullets(ENGINES, earlier, _engines(recipe, totals)),
        LICENCES: _licences(totals["licences"]),
        SOURCES: [*_bullets(SOURCES, earlier, _sources(recipe)), "", "Each row names its source, its revision and its place there."],
        LOADING: _load_corpus(recipe.name),
        KNOWN_LIMITS: [recipe.notes or "None known beyond the filters above."],
        SAFETY: _safety(recipe, earlier),
        "Facts of each row": _facts(recipe),
    }
    title = [f"# {recipe.name}", "", f"{recipe.title}." if recipe.title else f"{KINDS[recipe.kind].capitalize()}."]
    return join_card(head, title, parts)


def join_card(head: Mapping[str, Any], title: Sequence[str], parts: Mapping[str, Sequence[str]]) -> str:
    """A card of its front matter, its title, and its sections that have lines."""
    told = yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True, width=120)
    body = [line for name, lines in parts.items() if lines for line in ("", f"## {name}", "", *lines)]
    return f"---\n{told}---\n\n" + "\n".join([*title, *body]) + "\n"


def read_card(card: str) -> tuple[dict[str, Any], list[str], dict[str, list[str]]]:
    """Front matter, title and sections of a card that `join_card` made; empty ones of a text that is no such card."""
    start, dashes, rest = card.partition("---\n")
    told, _, body = rest.partition("\n---\n") if not start and dashes else ("", "", card)
    title: list[str] = []
    parts: dict[str, list[str]] = {}
    lines = title
    for line in body.splitlines():
        if line.startswith("## "):
            lines = parts.setdefault(line[3:], [])
        else:
            lines.append(line)
    head = yaml.safe_load(told) if told else {}
    return head if isinstance(head, dict) else {}, _trimmed(title), {name: _trimmed(lines) for name, lines in parts.items()}


def export_card(corpus: Corpus, format: str, files: Sequence[FileEntry]) -> str:
    """The corpus's card for an export: the same but for the files and how to load them."""
    card = corpus.path / CARD
    head, title, parts = read_card(card.read_text() if card.is_file() else "")
    totals, recipe = corpus.totals(), corpus.recipe()
    num_bytes, num_rows = sum(file.num_bytes for file in files), sum(file.num_rows for file in files)
    features = {"dataset_info": head["dataset_info"]} if format == "parquet" and "dataset_info" in head else {}
    head = {name: value for name, value in head.items() if name not in ("configs", "dataset_info")}
    head = {"pretty_name": str(totals["name"]), "size_categories": [size_category(num_rows)], **head}
    head |= loading(f"data/*.{'parquet' if format == 'parquet' else 'tar'}", None, num_rows, num_bytes)
    if features:
        split = {"name": "train", "num_bytes": num_bytes, "num_examples": num_rows}
        head["dataset_info"] = {**features["dataset_info"], "splits": [split], "download_size": num_bytes, "dataset_size": num_bytes}
    load = _load_parquet() if format == "parquet" else _load_webdataset()
    load += ["", f"Exported from the corpus with content `{totals['content']}`; manifest.json has the SHA-256 and the rows of every file."]
    parts = {**parts, LOADING: load} if LOADING in parts else {LOADING: load, **parts}
    return join_card(head, title or [f"# {recipe['name']}"], parts)


def _trimmed(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").splitlines()


def _earlier_cards(source: Any) -> list[tuple[dict[str, Any], dict[str, list[str]]]]:
    """Cards of the corpora that the source reads, as far as they are still there."""
    card = place_of(source.root) / CARD if hasattr(source, "root") and hasattr(source, "content") else None
    told = [read_card(card.read_text())] if card and card.is_file() else []
    return [(head, parts) for head, _, parts in told] + [found for part in _inside(source) for found in _earlier_cards(part)]


def _inside(source: Any) -> tuple[Any, ...]:
    """The sources that a source is put together from."""
    one = (source.corpus,) if hasattr(source, "corpus") else ()
    return (*one, *getattr(source, "sources", ()), *getattr(source, "corpora", ()))


def _languages(recipe: Recipe, earlier: Sequence[tuple[dict[str, Any], Any]]) -> list[str]:
    """Languages that a gate lets through; those of the corpora it was made from where it has no gate; none where nobody made sure."""
    gates = [step.processor for step in recipe.steps if type(step.processor).__name__ in ("KeepLanguages", "KeepTranscriptLanguage")]
    allowed = [set(languages) for gate in gates if (languages := getattr(gate, "languages", ()))]
    if allowed:
        return sorted(set.intersection(*allowed))
    before = [head.get("language") for head, _ in earlier]
    return sorted({language for languages in before for language in languages or ()}) if before and all(before) else []


def _purpose(recipe: Recipe, totals: Mapping[str, Any]) -> list[str]:
    from pipelines.corpora import CORPORA  # which import what builds them

    kind = CORPORA.get(recipe.name)
    lines = [f"It holds {KINDS[recipe.kind]}: {totals['num_out']:,} rows."]
    if kind:
        lines.append(f"It feeds stage {kind.stage} of a Phi-4-multimodal-style model.")
    return lines


def _made(recipe: Recipe, earlier: Sequence[tuple[Any, dict[str, list[str]]]]) -> list[str]:
    """One line a step, after those of the corpora it was made from."""
    lines = [f"`{recipe.name}`, with all parameters in recipe.json under the fingerprint `{recipe.fingerprint()}`:", ""]
    lines += [f"{number}. `{step.name}`: {_sentence(step.processor)}{_told(step.processor)}" for number, step in enumerate(recipe.steps, 1)]
    return _after(MADE, earlier, lines)


def _after(part: str, earlier: Sequence[tuple[Any, dict[str, list[str]]]], lines: list[str]) -> list[str]:
    """A section after what the cards of the corpora it was made from say there."""
    before = [told for _, parts in earlier if parts.get(part) for told in (*parts[part], "")]
    return [*before, *lines]


def _bullets(part: str, earlier: Sequence[tuple[Any, dict[str, list[str]]]], lines: list[str]) -> list[str]:
    """The same for a list, in which nothing is said twice."""
    before = [line for _, parts in earlier for line in parts.get(part, ()) if line.startswith("- ")]
    return list(dict.fromkeys([*before, *lines]))


def _sentence(value: Any) -> str:
    """The first sentence of a class's own docstring; its name where it has none."""
    doc = type(value).__dict__.get("__doc__") or ""
    if not doc.strip() or doc.startswith(f"{type(value).__name__}("):  # the latter is what a dataclass without a docstring gets
        return type(value).__name__
    paragraph = " ".join(inspect.cleandoc(doc).partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".") + "."


def _counts(totals: Mapping[str, Any]) -> list[str]:
    lines = [
        f"- records in: {totals['num_in']:,}; out: {totals['num_out']:,}; refused: {totals['num_rejects']:,} (faults: {totals['num_faults']})",
        f"- bytes of shards: {totals['num_bytes']:,}, from {totals['num_splits']:,} splits of the source",
    ]
    return lines + [f"- {name}: {value:,}" for name, value in totals["sums"].items()]


def _funnel(totals: Mapping[str, Any]) -> list[str]:
    lines = ["| step | in | out | refused |", "|---|---:|---:|---|"]
    for step in totals["steps"]:
        refused = ", ".join(f"{name} {count:,}" for name, count in sorted(step["rejects"].items())) or "-"
        lines.append(f"| {step['step']} | {step['num_in']:,} | {step['num_out']:,} | {refused} |")
    return lines


def _reasons(recipe: Recipe, totals: Mapping[str, Any]) -> list[str]:
    docs = {reason.name: reason.doc for step in recipe.steps for reason in step.processor.reasons}
    docs |= {reason.name: reason.doc for reason in recipe.source.reasons}
    return [f"- `{name}` ({count:,}): {docs.get(name, 'the record killed its worker')}" for name, count in totals["rejects"].items()]


def _limits(recipe: Recipe, earlier: Sequence[tuple[Any, dict[str, list[str]]]]) -> list[str]:
    rows = [line for _, parts in earlier for line in parts.get("Limits", ())[2:]]
    for step in recipe.steps:
        for limit in limits_of(step):
            least, most = ("-" if bound is None else f"{bound:g}" for bound in (limit.least, limit.most))
            rows.append(f"| {step.name} | {limit.fact.name} | {least} | {most} | {limit.reason} |")
    return ["| step | fact | at least | at most | else refused as |", "|---|---|---:|---:|---|", *rows] if rows else []


def _engines(recipe: Recipe, totals: Mapping[str, Any]) -> list[str]:
    lines = [f"- `{step.name}` asks {engine}" for step in recipe.steps if step.is_opener or step.mode == ASK for engine in [_engine(step)]]
    versions = totals.get("versions", {})
    if versions:
        lines.append(
            f"- `{recipe.name}` was built with "
            + ", ".join(f"{name} {versions[name]}" for name in sorted(versions, key=lambda n: (n != "corpusmill", n)))
        )
    return lines


def _engine(step: Step) -> str:
    """The engine of a step, with its plain settings; the processor itself where it needs no other."""
    processor = step.processor
    engine = getattr(processor, "engine", None) or getattr(getattr(processor, "pool", None), "engine", None) or processor
    return f"`{type(engine).__name__}`{_told(engine)}"


def _told(value: Any) -> str:
    """The settings of a processor that are numbers and short texts, in brackets."""
    described = describe(value)
    settings = {name: setting for name, setting in described.items() if name != "version"} if isinstance(described, dict) else {}
    told = [f"{name} {text}" for name, setting in settings.items() if name != "class" and (text := _setting(setting))]
    return f" ({cell(', '.join(told), 400)})" if told else ""


def _setting(value: object) -> str:
    if isinstance(value, list):
        is_short = len(value) <= 12 and all(isinstance(item, (str, int, float)) for item in value)
        return " ".join(map(str, value)) if is_short else ""
    return str(value) if isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) < 32) else ""


def _licences(counted: Mapping[str, int]) -> list[str]:
    lines = ["| licence of rows, as stated | SPDX expression | rows |", "|---|---|---:|"]
    told = sorted(counted, key=lambda licence: (-counted[licence], licence))
    lines += [
        f"| {cell(licence)} | {cell(spdx_expression(licence) or '-')} | {counted[licence]:,} |" for licence in told[:MAX_TOLD_LICENCES]
    ]
    if len(told) > MAX_TOLD_LICENCES:
        rest = told[MAX_TOLD_LICENCES:]
        lines.append(f"| {len(rest):,} others, see corpus.json | | {sum(counted[licence] for licence in rest):,} |")
    lines += ["", "Each row names its licence in the column `licence`."]
    if UNKNOWN in counted:
        lines.append(f"The sources of {counted[UNKNOWN]:,} rows state no licence: find out before you pass them on.")
    return lines


def _sources(recipe: Recipe) -> list[str]:
    return [f"- {line}" for line in _source_lines(recipe.source)]


def _source_lines(source: Any) -> Iterator[str]:
    inside = _inside(source)
    for part in inside:
        yield from _source_lines(part)
    if not inside:
        described = describe(source)
        told = described if isinstance(described, dict) else {}
        names = [
            f"{name} `{cell(str(told[name]))}`" for name in ("path", "content", "licence") if isinstance(told.get(name), str) and told[name]
        ]
        about = _sentence(source).rstrip(".")
        yield f"{about}: {', '.join(names)}" if names else about


def _facts(recipe: Recipe) -> list[str]:
    lines = ["| column | type | meaning |", "|---|---|---|"] if recipe.facts else []
    return [*lines, *(f"| {fact.name} | {fact.type.__name__} | {cell(fact.doc, 400)} |" for fact in recipe.facts)]


def cell(text: str, max_chars: int = 200) -> str:
    """Text of a source as it can stand in a table: one line, no mark-up, no longer than needed."""
    line = " ".join(text.split())
    line = line if len(line) <= max_chars else f"{line[:max_chars]}..."
    for sign, told in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("`", "'"), ("[", "&#91;")):
        line = line.replace(sign, told)
    return line


# ---- what can be said of people and safety


def _safety(recipe: Recipe, earlier: Sequence[tuple[Any, dict[str, list[str]]]]) -> list[str]:
    """What the steps did, said only of steps that the recipe has, or that of a corpus it was made from."""
    before = [line for _, parts in earlier for line in parts.get(SAFETY, ()) if line.startswith("- ") and not line.startswith(NO_STEP)]
    lines = list(dict.fromkeys([*before, *(f"- {told}" for step in recipe.steps for told in _said_of(step.processor))]))
    if not any(line[2:].lower().startswith("personal data") for line in lines):
        lines.append(f"{NO_STEP}looks for personal data: expect names, addresses and numbers as they stand in the sources.")
    if not any("benchmark" in line for line in lines):
        lines.append(f"{NO_STEP}looks for benchmark items.")
    return lines


def _said_of(processor: Any) -> Iterator[str]:
    mode = getattr(processor, "mode", "")
    match type(processor).__name__:
        case "ScrubPersonalData":
            yield {
                "reject": "Personal data and secrets in texts: records in which they were found are refused; names of people are not looked for.",
                "scrub": "Personal data and secrets found in texts are replaced by placeholders, which changes no sound; "
                "names of people are not looked for.",
            }.get(mode, "Personal data and secrets found in texts are counted and marked in each row, and left where they are.")
        case "HashSpeaker":
            yield "Speakers' names are replaced by digests."
        case "LogMel":
            yield "Voices are not changed: a log-Mel keeps what a speaker can be recognised by."
        case "DropSecrets":
            yield f"Files with passwords and keys are {'refused' if mode == 'reject' else 'kept with a placeholder for each secret'}."
        case "DropBenchmarks":
            yield "Records that overlap with the benchmark items that the recipe names are refused."
        case "SafetyTask" | "SafetyConversationTask" | "SafetyPreferenceTask" | "SafetyTemplates" | "SafetyWriting":
            yield "Prompts may be harmful on purpose: it teaches a safe answer. Do not train on prompts alone."


# ---- how to load


def _load_corpus(name: str) -> list[str]:
    return [
        "Where this folder lies on a disk, memory-mapped, in the order of the ledger:",
        "",
        *_python("from datasets import load_from_disk", "", 'rows = load_from_disk("PATH_OF_THIS_FOLDER")'),
        "",
        "From a hub (`load_dataset` refuses a folder on a disk that has a state.json, and wants `load_from_disk`):",
        "",
        *_python("from datasets import load_dataset", "", f'rows = load_dataset("OWNER/{name}", split="train")'),
        "",
        "As records of corpusmill, with the media that training reads:",
        "",
        *_python(
            "from pathlib import Path", "from schemas.corpus import Corpus", "", 'records = Corpus(Path("PATH_OF_THIS_FOLDER")).records()'
        ),
    ]


def _load_parquet() -> list[str]:
    return _python("from datasets import load_dataset", "", 'rows = load_dataset("PATH_OF_THIS_FOLDER", split="train")')


def _load_webdataset() -> list[str]:
    lines = ["Each row is KEY.json, which names its other files under `files`: canvases (png), log-Mel arrays (npy), sources.", ""]
    code = ("import glob", "import webdataset", "", 'tars = sorted(glob.glob("PATH_OF_THIS_FOLDER/data/*.tar"))')
    return [*lines, *_python(*code, "rows = webdataset.WebDataset(tars, shardshuffle=False).decode()")]


def _python(*lines: str) -> list[str]:
    return ["```python", *lines, "```"]
