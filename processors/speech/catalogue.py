"""Engines by name, as a recipe or the command line names them."""

from __future__ import annotations

import difflib

from processors.speech.coqui import coqui
from processors.speech.engines import AsrEngine, TtsEngine
from processors.speech.espeak import Espeak
from processors.speech.flite import Flite
from processors.speech.sphinx import Sphinx
from processors.speech.whisper import BEAM_SIZE, whisper

TTS_ENGINES = ("flite", "espeak", "coqui")
ASR_ENGINES = ("pocketsphinx", "faster-whisper")


def make_tts(
    name: str, model: str = "", config: str = "", speakers: str = "", encoder: str = "", voices: tuple[str, ...] = (), device: str = "cpu"
) -> TtsEngine:
    """The speaking engine of that name; `voices`, when given, are the only ones of its pool.

    The paths belong to Coqui: checkpoint, configuration, speakers file, and the checkpoint of the speaker encoder, beside
    which its configuration lies. The programs take no model and always run on the CPU.

    Raises: ValueError for another name, for a path that the engine has no use for, for voices it does not have;
        EngineMissing when a model's file is not there.
    """
    _known(name, TTS_ENGINES, "speaking")
    if name == "coqui":
        return coqui(model, config=config, speakers=speakers, encoder=encoder, pool=voices, device=device)
    _without_model(name, model=model, config=config, speakers=speakers, encoder=encoder)
    if name == "espeak":
        return Espeak(voices) if voices else Espeak()
    return Flite(voices) if voices else Flite()


def make_asr(name: str, model: str = "", device: str = "cpu", beam_size: int = BEAM_SIZE) -> AsrEngine:
    """The hearing engine of that name. `model` is the folder of a converted Whisper, `beam_size` its own; PocketSphinx takes neither.

    Raises: ValueError for another name, or a model for an engine that takes none; EngineMissing when the folder is not there.
    """
    _known(name, ASR_ENGINES, "hearing")
    if name == "faster-whisper":
        return whisper(model, device=device, beam_size=beam_size)
    _without_model(name, model=model)
    return Sphinx()


def _known(name: str, names: tuple[str, ...], kind: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{kind} engine {name!r} is not one of {', '.join(names)}{hint}")


def _without_model(name: str, **paths: str) -> None:
    for option, path in paths.items():
        if path:
            raise ValueError(f"engine {name} brings its own voices and takes no {option}, got {path!r}")
