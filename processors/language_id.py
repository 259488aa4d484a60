"""Which language a text is in, by py3langid, offline: for documents, transcripts, translations and queries alike."""

from __future__ import annotations

import functools
import re
from typing import Any

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

    classifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)  # the model ships inside the package
    if languages:
        classifier.set_languages(list(languages))
    return classifier


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
