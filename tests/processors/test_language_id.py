"""Language identification by arrays: the same as py3langid's own walk, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from pipelines.sample.grammar import GRAMMARS, Writer
from processors.language_id import _classifier, detect_language
from schemas.identity import keyed_rng


@pytest.fixture(scope="module")
def peer() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.text(st.sampled_from("etaoin shrdlü日本語のéж"), max_size=600))
def test_scores_equal_those_of_the_walk_byte_by_byte(peer, text):
    data = peer._encode(text)
    assert np.array_equal(_classifier(())._raw_score(data), peer._raw_score(data))


@pytest.mark.parametrize("language", GRAMMARS)
def test_whole_paragraphs(peer, language):
    writer = Writer(keyed_rng(0, "language_id", language), language)
    text = " ".join(writer.paragraph(topic, 4) for topic in GRAMMARS[language].subjects)
    code, confidence = peer.classify(text)
    assert detect_language(text) == (code, round(confidence, 6)) == (language, detect_language(text)[1])
    assert _classifier(()).rank(text) == peer.rank(text)


def test_among_named_languages():
    assert detect_language("the river and the mill", ("de", "fr"))[0] in ("de", "fr")
    assert _classifier(()).walk.depth >= 4
