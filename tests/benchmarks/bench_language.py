"""Rules of quality and near-duplicates against datatrove's: the same documents, rules and thresholds, one process, one core.

Documents are made (words of a natural distribution, many lengths, some lists, some that repeat, some near copies), and the main text
of the real pages joins them where it is present. Both sides apply C4's rules first, which change the text, then Gopher's repetition,
Gopher's quality and FineWeb's rules, and stop at the first refusal. Language and domain are given: datatrove takes English for
granted too. Of near-duplicates, datatrove's signatures include writing its files, and its search their reading; ours are facts of
records, and the search reads the corpus that carries them.

Then every rule set judges every document on its own, and the documents that the two judge differently are counted by their reasons.
What they differ in: theirs are words of spaCy with punctuation, so that shares of word runs are larger and of words with letters
smaller; a capital makes another function word; in a text of few words a run that stands once is its most frequent one, for us it
repeats nothing; and a line that ends with a quotation mark of print (.”) has no stop for theirs. Set CORPUSMILL_BENCH_DOCUMENTS for another number of documents.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.build import Execution, build
from pipelines.graph import compute_here
from pipelines.near_text import drop_near_text, find_near_texts
from pipelines.recipe import Recipe
from pipelines.source import open_source
from pipelines.step import each
from processors.dialogue import TextTask
from processors.text.c4 import CleanLines, KeepC4
from processors.text.domain import CODE_RATIO, DOMAIN, MATHS_RATIO, PROSE
from processors.text.fineweb import KeepFineWeb
from processors.text.gopher import KeepGopherQuality, KeepGopherRepetition
from processors.text.language import LANGUAGE
from processors.text.minhash import MinHash
from processors.text.normalise import Normalise, normalise
from processors.text.quality import UNSPACED_RATIO, MeasureQuality
from processors.text.repetition import MeasureRepetition, measure_repetition, measure_word_runs
from processors.text.stop_words import STOP_WORDS
from schemas.corpus import Corpus
from schemas.identity import digest
from schemas.outcome import Reject
from schemas.records import Document, Origin

NUM_DOCUMENTS = int(os.environ.get("CORPUSMILL_BENCH_DOCUMENTS", "1500"))
NUM_WORDS = 30_000
REALDATA = Path(os.environ.get("CORPUSMILL_REALDATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()
GIVEN = {LANGUAGE.name: "en", DOMAIN.name: PROSE, MATHS_RATIO.name: 0.0, CODE_RATIO.name: 0.0}


@dataclass(frozen=True)
class Writer:
    """Writes documents of invented words whose frequencies fall as those of a language do (Zipf), function words most frequent."""

    rng: np.random.Generator
    words: np.ndarray
    shares: np.ndarray

    @staticmethod
    def make(seed: int) -> Writer:
        rng = np.random.default_rng(seed)
        syllables = np.array([c + v + e for c in "bcdfglmnprstvw" for v in "aeiou" for e in ("", "n", "r", "st", "l")])
        made = ["".join(rng.choice(syllables, int(rng.integers(1, 4)))) for _ in range(NUM_WORDS)]
        words = np.array([*sorted(STOP_WORDS["en"]), *made])
        shares = 1.0 / (np.arange(len(words)) + 2.7)
        return Writer(rng, words, shares / shares.sum())

    def sentence(self) -> str:
        words = self.rng.choice(self.words, int(self.rng.integers(4, 28)), p=self.shares).tolist()
        if self.rng.random() < 0.3 and len(words) > 8:
            words[len(words) // 2] += ","
        if self.rng.random() < 0.1:
            words.append(str(int(self.rng.integers(1, 3000))))
        text = " ".join(words)
        return text[0].upper() + text[1:] + str(self.rng.choice([".", ".", ".", "?", "!", ".”"]))

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(int(self.rng.integers(1, 9))))

    def document(self) -> str:
        parts = [self.paragraph() for _ in range(max(1, int(self.rng.lognormal(1.6, 0.9))))]
        kind = self.rng.random()
        if kind < 0.08:  # a menu
            return "\n".join(" ".join(self.rng.choice(self.words, 3).tolist()).title() for _ in range(len(parts) * 6))
        if kind < 0.16:  # repeats itself
            return "\n\n".join(parts + [parts[0]] * int(self.rng.integers(1, 6)))
        if kind < 0.20:
            return " ".join([self.sentence()] * int(self.rng.integers(4, 30)))
        if kind < 0.26:
            parts.append("- " + "\n- ".join(self.sentence() for _ in range(6)))
        if kind < 0.30:
            parts.append("This page uses cookies. Please enable JavaScript to go on with the page.")
        return "\n".join(parts)


def make_texts(count: int, seed: int = 0) -> list[str]:
    """Documents, every tenth with a near copy in which a few words differ."""
    writer = Writer.make(seed)
    texts = []
    while len(texts) < count:
        text = writer.document()
        texts.append(normalise(text))
        if writer.rng.random() < 0.1:
            words = text.split(" ")
            words[int(writer.rng.integers(len(words)))] = "changed"
            texts.append(normalise(" ".join(words)))
    return texts[:count]


def real_texts() -> list[str]:
    """The main text of the real pages, none where they are absent."""
    import trafilatura

    pages = sorted((REALDATA / "10_web_text" / "trafilatura").glob("*.html"))
    found = (trafilatura.extract(page.read_bytes(), include_comments=False) for page in pages)
    return [normalise(text) for text in found if text]


# ---- judgements: the reason for which a document goes, empty when it stays


def our_rules() -> dict[str, list[Callable[[Document], Any]]]:
    measures = [MeasureQuality(), MeasureRepetition()]
    return {
        "c4": [CleanLines(), *measures, KeepC4()],
        "gopher repetition": [*measures, KeepGopherRepetition()],
        "gopher quality": [*measures, KeepGopherQuality()],
        "fineweb": [*measures, KeepFineWeb()],
    }


def our_chain() -> list[Callable[[Document], Any]]:
    return [CleanLines(), MeasureQuality(), MeasureRepetition(), KeepC4(), KeepGopherRepetition(), KeepGopherQuality(), KeepFineWeb()]


def ours(steps: list[Callable[[Document], Any]], text: str, number: int) -> str:
    record: Any = Document(f"{number:08d}", Origin("bench"), text, GIVEN)
    for step in steps:
        record = step(record)
        if isinstance(record, Reject):
            return record.detail.split(" is ")[0] if " is " in record.detail else record.reason
    return ""


def their_rules() -> dict[str, list[Any]]:
    from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter

    return {
        "c4": [C4QualityFilter()],
        "gopher repetition": [GopherRepetitionFilter()],
        "gopher quality": [GopherQualityFilter()],
        "fineweb": [FineWebQualityFilter()],
    }


def theirs(filters: list[Any], text: str, number: int) -> str:
    from datatrove.data import Document as Other

    record = Other(text=text, id=str(number))
    for one in filters:
        kept = one.filter(record)
        if kept is not True:
            return str(kept[1]) if isinstance(kept, tuple) else "refused"
    return ""


def timed(judge: Callable[[str, int], str], texts: list[str], times: int) -> tuple[float, list[str]]:
    """The median seconds of several runs, and the judgements."""
    seconds, found = [], []
    for _ in range(times):
        fresh = [text[:1] + text[1:] for text in texts]  # new objects: nothing is remembered of a run before
        start = time.perf_counter()
        found = [judge(text, number) for number, text in enumerate(fresh)]
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), found


def compare_rules(texts: list[str]) -> None:
    their_sets = their_rules()
    judges = {name: partial(ours, steps) for name, steps in our_rules().items()}
    judges["gopher repetition on spaCy's words"] = on_their_words
    for name, judge in judges.items():
        filters = their_sets[name.partition(" on ")[0]]
        pairs = [(judge(text, n), theirs(filters, text, n)) for n, text in enumerate(texts)]
        same = sum(bool(mine) is bool(other) for mine, other in pairs)
        print(f"  {name}: both refuse {sum(bool(a and b) for a, b in pairs)}, same judgement on {same} of {len(pairs)}")
        differ = Counter((mine or "kept", other or "kept") for mine, other in pairs if bool(mine) is not bool(other))
        for (mine, other), count in differ.most_common(6):
            print(f"    {count:5} ours {mine}, datatrove's {other}")


def on_their_words(text: str, number: int) -> str:
    """Our rules of repetition on the words of spaCy: what is left of the difference is not one of words."""
    from datatrove.utils.text import split_into_words

    facts = measure_repetition(text) | measure_word_runs(split_into_words(text, "eng"), len(text))
    record = Document(f"{number:08d}", Origin("bench"), text, {**GIVEN, UNSPACED_RATIO.name: 0.0, **facts})
    found = KeepGopherRepetition()(record)
    return found.detail.split(" is ")[0] if isinstance(found, Reject) else ""


# ---- near-duplicates


def their_near_duplicates(texts: list[str], folder: Path) -> tuple[float, float, set[int]]:
    """Seconds for signatures, seconds for the search, and the documents that go."""
    from datatrove.data import Document as Other
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig

    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    documents = [Other(text=text, id=str(number)) for number, text in enumerate(texts)]
    start = time.perf_counter()
    MinhashDedupSignature(str(folder / "signatures"), config=config).run(iter(documents))
    signed = time.perf_counter()
    buckets = MinhashDedupBuckets(str(folder / "signatures"), str(folder / "buckets"), config=config)
    for bucket in range(config.num_buckets):
        buckets.run(None, bucket, config.num_buckets)
    MinhashDedupCluster(str(folder / "buckets"), str(folder / "clusters"), config=config).run(None, 0, 1)
    kept = {int(one.id) for one in MinhashDedupFilter(str(folder / "clusters")).run(iter(documents))}
    done = time.perf_counter()
    return signed - start, done - signed, set(range(len(texts))) - kept


def our_near_duplicates(texts: list[str], folder: Path) -> tuple[float, float, set[int]]:
    """As `their_near_duplicates`."""
    records = [Document(f"{number:08d}", Origin("bench"), text[:1] + text[1:]) for number, text in enumerate(texts)]
    step = MinHash()
    start = time.perf_counter()
    for record in records:
        step(record)
    signed = time.perf_counter() - start
    rows = folder / "rows.jsonl"
    rows.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    recipe = Recipe("near", open_source(str(rows), rows_per_split=100_000), (each(TextTask()), each(Normalise()), each(step)))
    corpus = Corpus(build(recipe, folder / "corpus", Execution(workers=0)).path)
    stored = [(record.key, record.text) for record in corpus.records()]
    start = time.perf_counter()
    drop = drop_near_text(find_near_texts(corpus, folder / "lists", compute_here))
    gone = {key for key, text in stored if isinstance(drop(Document(key, Origin("bench"), text)), Reject)}
    seconds = time.perf_counter() - start
    numbers: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        numbers.setdefault(digest(text), []).append(number)
    places = {key: numbers[digest(text)].pop(0) for key, text in stored}
    return signed, seconds, {places[key] for key in gone}


def main() -> None:
    os.environ["TQDM_DISABLE"] = "1"
    try:
        import datatrove
        from datatrove.utils.logging import logger
    except ModuleNotFoundError as error:
        print(f"datatrove is not here ({error}): pip install 'corpusmill[bench]'")
        return
    logger.remove()
    texts = [*make_texts(NUM_DOCUMENTS), *real_texts()]
    num_bytes = sum(len(text.encode()) for text in texts)
    print(f"{len(texts)} documents, {num_bytes / 1e6:.1f} MB, against datatrove {getattr(datatrove, '__version__', '')}")
    chain, filters = our_chain(), [one for several in their_rules().values() for one in several]
    ours(chain, texts[0], 0), theirs(filters, texts[0], 0)  # imports and tables
    mine, _ = timed(lambda text, n: ours(chain, text, n), texts, 3)
    other, _ = timed(lambda text, n: theirs(filters, text, n), texts, 1)
    print(
        f"  rules          ours {num_bytes / mine / 1e6:6.1f} MB/s   datatrove {num_bytes / other / 1e6:6.2f} MB/s   {other / mine:5.1f} x"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        my_sign, my_search, my_gone = our_near_duplicates(texts, folder)
        its_sign, its_search, its_gone = their_near_duplicates(texts, folder)
    for what, a, b in (("signatures", my_sign, its_sign), ("near search", my_search, its_search)):
        print(f"  {what:14} ours {a:6.2f} s      datatrove {b:6.2f} s      {b / a:5.1f} x")
    total, their_total = mine + my_sign + my_search, other + its_sign + its_search
    print(f"  together       ours {total:6.2f} s      datatrove {their_total:6.2f} s      {their_total / total:5.1f} x")
    print(f"  near copies out: ours {len(my_gone)}, datatrove {len(its_gone)}")
    compare_rules(texts)


if __name__ == "__main__":
    main()
