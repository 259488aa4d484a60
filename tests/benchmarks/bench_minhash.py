"""MinHash signatures a second, one core, beside datasketch and rensa: the same runs of words, the same number of samples.

Twice: from what each library hashes (the runs as text for datasketch and rensa, the hashes of words for ours, all made outside the
clock), and from the text, its words found by the same function. Seconds are the processor's; rounds take turns, the best of each counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from datasketch import MinHash as Datasketch
from rensa import CMinHash, RMinHash

from processors.text.minhash import encode, sketch
from processors.text.words import ngram_sums, normal_word_hashes, normal_words
from tests.planted_text import body

NUM_SAMPLES = 112
TIMES = 9
Work = Callable[[Any], object]


def runs_of(text: str) -> list[str]:
    words = normal_words(text)
    return [" ".join(words[at : at + 5]) for at in range(len(words) - 4)]


def ours(hashes: Any) -> object:
    return encode(sketch(ngram_sums(hashes, 5), NUM_SAMPLES), 8)


def with_datasketch(runs: list[str]) -> object:
    signature = Datasketch(num_perm=NUM_SAMPLES, seed=1)
    signature.update_batch([run.encode() for run in runs])
    return signature.hashvalues


def with_rensa(kind: Any) -> Work:
    def work(runs: list[str]) -> object:
        signature = kind(num_perm=NUM_SAMPLES, seed=1)
        signature.update(runs)
        return signature.digest()

    return work


WORK: dict[str, tuple[Work, Callable[[str], Any]]] = {
    "ours": (ours, normal_word_hashes),
    "datasketch": (with_datasketch, runs_of),
    "rensa RMinHash": (with_rensa(RMinHash), runs_of),
    "rensa CMinHash": (with_rensa(CMinHash), runs_of),
}


def rates(texts: list[str]) -> dict[str, list[float]]:
    """Signatures a second: from what is hashed, and from the text."""
    made = {name: [prepare(text) for text in texts] for name, (_, prepare) in WORK.items()}
    best = {name: [0.0, 0.0] for name in WORK}
    for _ in range(TIMES):
        for name, (work, prepare) in WORK.items():
            start = time.process_time()
            for given in made[name]:
                work(given)
            middle = time.process_time()
            for text in texts:
                work(prepare(text))
            stop = time.process_time()
            best[name] = [max(best[name][0], len(texts) / (middle - start)), max(best[name][1], len(texts) / (stop - middle))]
    return best


def main() -> None:
    for num_bodies, count in ((1, 300), (10, 60)):
        texts = [" ".join(word for part in range(num_bodies) for word in body(20 * number + part)) for number in range(count)]
        print(f"  texts of {sum(len(text.split()) for text in texts) // count} words, {NUM_SAMPLES} samples over runs of 5")
        found = rates(texts)
        for name, (hashed, whole) in found.items():
            beside = "" if name == "ours" else f"; ours is {found['ours'][0] / hashed:.2f} x and {found['ours'][1] / whole:.2f} x as fast"
            print(f"    {name:15} {hashed:8.0f} signatures/s, {whole:6.0f} from the text{beside}")


if __name__ == "__main__":
    main()
