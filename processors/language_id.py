"""Which language a text is in, by py3langid, offline: for documents, transcripts, translations and queries alike."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np

_CODES = {
    **{"eng": "en", "zho": "zh", "chi": "zh", "cmn": "zh", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de"},
    **{"ita": "it", "jpn": "ja", "por": "pt", "spa": "es", "english": "en", "chinese": "zh", "mandarin": "zh", "french": "fr"},
    **{"german": "de", "italian": "it", "japanese": "ja", "portuguese": "pt", "spanish": "es"},
}
# members of macrolanguages (ISO 639-3) that have no two letters of their own and are written much like the main one
_MEMBERS = {
    **dict.fromkeys(["cmn", "wuu", "yue", "lzh", "nan", "hak", "cdo", "gan", "hsn"], "zh"),
    **dict.fromkeys(["arb", "ary", "arz", "apc", "ajp", "acm", "acq", "aeb", "ars"], "ar"),
}
MAX_CHARS = 5_000  # enough for the classifier, and bounded for long documents


@functools.cache
def _classifier(languages: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    class ByArrays(LanguageIdentifier):
        """py3langid with its walk over the bytes of a text as a few lookups in arrays: the same scores, some ten times as fast."""

        __slots__ = ("walk",)

        def _raw_score(self, text: bytes) -> np.ndarray:
            features = self.walk(text)
            if not len(features):
                return np.zeros(len(self.nb_classes), np.float32)
            found, first, counts = np.unique(features, return_index=True, return_counts=True)
            order = np.argsort(first, kind="stable")  # sums are taken in the order of the text, as py3langid takes them
            weights = self.nb_ptc[found[order]].astype(np.float32)
            return np.log1p(counts[order].astype(np.float32)) @ weights + self.nb_pc

    classifier = ByArrays.from_model_file(MODEL_FILE, norm_probs=True)  # the model ships inside the package
    classifier.walk = Walk(np.asarray(classifier.tk_nextmove), np.asarray(classifier.tk_row), np.asarray(classifier.tk_output))
    if languages:
        classifier.set_languages(list(languages))
    return classifier


class Walk:
    """The features that an automaton of byte n-grams finds in a text.

    Its state after a byte is the longest n-gram it knows that ends there, so it depends on the last few bytes alone: all states
    are found side by side, by starting anew as many bytes earlier as the longest n-gram has. Shapes: `moves` (rows * 256,) the next
    state by row and byte; `rows` (states,) the row of a state; `outputs` (states,) its feature, -1 for none.
    """

    def __init__(self, moves: np.ndarray, rows: np.ndarray, outputs: np.ndarray) -> None:
        self._moves, self._outputs = moves.astype(np.uint32), outputs.astype(np.int32)
        self._starts = rows.astype(np.uint32) << np.uint32(8)
        self.depth = self._depth()

    def _depth(self) -> int:
        """Bytes of the longest n-gram: the distance of the state that is farthest from the first one."""
        seen = np.zeros(len(self._starts), bool)
        front, depth = np.zeros(1, np.uint32), 0
        while len(front):
            seen[front] = True
            reached = np.unique(self._moves[self._starts[front][:, None] + np.arange(256, dtype=np.uint32)])
            front = reached[~seen[reached]]
            depth += len(front) > 0
        return depth

    def __call__(self, text: bytes) -> np.ndarray:
        """The features in order of the text. Shape: (num_features,) int32."""
        letters = np.frombuffer(text, np.uint8).astype(np.uint32)
        states = np.zeros(len(letters), np.uint32)
        for back in range(min(self.depth, len(letters)) - 1, -1, -1):
            states[back:] = self._moves[self._starts[states[back:]] + letters[: len(letters) - back]]
        features = self._outputs[states]
        return features[features >= 0]


@functools.lru_cache(maxsize=1_024)
def iso_639_1(code: str) -> str:
    """The two letters of a language's code or English name: pt-BR pt, zh_CN zh, cmn_hans_cn zh, German de; unknown ones lower-cased."""
    base = re.split("[-_ ]", code.strip().lower())[0]
    return _CODES.get(base, base)


def detect_language(text: str, languages: tuple[str, ...] = ()) -> tuple[str, float]:
    """The language (ISO 639-1) of the first 5,000 characters, and its probability; only among `languages` when they are named.

    Varieties of Chinese and Arabic count as these, with the sum of their probabilities, unless `languages` are named.
    """
    classifier = _classifier(languages)
    language, confidence = classifier.classify(text[:MAX_CHARS])
    if not languages and (language in _MEMBERS or language in _MEMBERS.values()):
        language = _MEMBERS.get(language, language)
        confidence = sum(share for code, share in classifier.rank(text[:MAX_CHARS]) if _MEMBERS.get(code, code) == language)
    return str(language), round(min(1.0, float(confidence)), 6)
