"""PocketSphinx hears English: its package carries the model, which also decides how features are normalised (a clip at a time).

A decoder that goes on from one clip to the next gives other word times for the second: of fourteen clips heard in two
orders, seven. So its features are made anew before every clip, which takes 3 ms.
Tried on sixty questions in four voices of Flite and given up, as none heard better by more than chance: silence around the
clip, weights of the language model of 5, 8 and 10 (8 and 10 are worse), and wider beams (a tenth fewer errors, twice the time).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from processors.speech.engines import Clip, Heard, Word

FRAME_S = 0.01
MIN_SAMPLES = 1_600  # 0.1 s: nobody says a word in less, and the decoder fails, for good, on a clip without a frame


@dataclass(frozen=True, slots=True)
class Sphinx:
    """Hears English."""

    name: ClassVar = "pocketsphinx"
    languages: ClassVar = ("en",)

    def identity(self) -> str:
        return f"pocketsphinx {version('pocketsphinx')} en-us; features anew a clip"

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Clip]], list[Heard]]]:
        from pocketsphinx import Decoder

        decoder = Decoder(samprate=16_000, loglevel="FATAL")

        def hear(clip: Clip) -> Heard:
            if len(clip.samples) < MIN_SAMPLES:
                return Heard("", (), "en")
            pcm = (np.clip(clip.samples, -1, 1) * 32_767).astype("<i2")
            if not pcm.any():  # it hears a word in digital silence
                return Heard("", (), "en")
            decoder.reinit_feat()
            decoder.start_utt()
            decoder.process_raw(pcm.tobytes(), no_search=False, full_utt=True)
            decoder.end_utt()
            words = []
            for seg in decoder.seg() or ():
                if seg.word[0] in "<[+":
                    continue
                words.append(Word(re.sub(r"\(\d+\)$", "", seg.word), seg.start_frame * FRAME_S, (seg.end_frame + 1) * FRAME_S))
            return Heard(" ".join(word.text for word in words), tuple(words), "en")

        yield lambda clips: [hear(clip) for clip in clips]
