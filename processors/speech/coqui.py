"""Coqui speaks with a neural model from files: VITS and its like, and XTTS, through the library's own `TTS.api.TTS`.

The checkpoint, its configuration and what they name must be on this machine: nothing is ever fetched. The library has
habits that are met here: it drops characters that its model does not know, keeps the paths of the machine that trained
the model, ignores a speakers file that it is given, returns the voice of a single speaker where a clip is to be cloned,
and ends every sentence with 10,000 samples of silence.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile

from processors.engine import EngineMissing
from processors.speech.engines import Refusal, Speech, Utterance
from processors.speech.model_files import INSTALL_SPEECH, content_digest, existing
from processors.torch_audio import import_torchaudio
from schemas.identity import digest

FETCHING = ("bark", "tortoise")  # models that the library loads from a hub, whatever path it is given
ENCODER, ENCODER_CONFIG = "speaker_encoder_model_path", "speaker_encoder_config_path"
FILE_FIELDS = ("speakers_file", "speaker_file", "d_vector_file", "language_ids_file", "tokenizer_file", ENCODER, ENCODER_CONFIG)
ENCODER_CONFIG_NAMES = ("config_se.json", "config.json")  # the name in released models, the name that training gives
XTTS_FILES = ("vocab.json", "speakers_xtts.pth")  # XTTS reads them from the checkpoint's folder
ONLY_SPEAKER, CLONED = "speaker", "cloned"  # names of the voice of a model that names none, and of one that only clones
NUM_THREADS = 1  # of torch in an actor: a pool has an actor a core, and how a sum is split over threads changes its last bits
MAX_CHARACTERS = 10_000
MAX_SENTENCE = 500  # characters: attention grows with the square of a sentence, and models were trained on some 200
MIN_REFERENCE_S, MAX_REFERENCE_S = 1.0, 120.0  # of a clip to be cloned: less holds no voice, the whole of it is read
SILENT_PEAK = 0.001


@dataclass(frozen=True, slots=True)
class Coqui:
    """Speaks with one model. Made by `coqui`, which reads what the model says of its languages and speakers.

    `names` holds the model's own name of each language by its ISO 639-1 code, `content` the digest of the model's files.
    """

    model: str
    config: str
    speakers: str
    encoder: str
    content: str
    family: str
    names: tuple[tuple[str, str], ...]
    pool: tuple[str, ...]
    clones: bool
    device: str = "cpu"
    name: ClassVar = "coqui"

    @property
    def resources(self) -> dict[str, Any]:
        return {"num_cpus": NUM_THREADS, "num_gpus": 1} if self.device == "cuda" else {"num_cpus": NUM_THREADS}

    def identity(self) -> str:
        made_by = f"coqui-tts {_version('coqui-tts')} torch {_version('torch').split('+')[0]}"
        return f"{made_by} {self.family} {self.content}; seeded a question"

    def voices(self, language: str) -> tuple[str, ...]:
        return self.pool if language in dict(self.names) else ()

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Utterance]], list[Speech | Refusal]]]:
        """While the engine is open torch computes with NUM_THREADS threads; its stream of random numbers is left as it was."""
        import_torchaudio()
        import torch
        from TTS.api import TTS

        threads = torch.get_num_threads()
        torch.set_num_threads(NUM_THREADS)
        try:
            with tempfile.TemporaryDirectory(prefix="coqui-") as folder:
                config = Path(folder) / "config.json"
                load_resolved(Path(self.config), self.speakers, self.encoder).save_json(str(config))
                tts = TTS(model_path=self.model, config_path=str(config), progress_bar=False, gpu=self.device == "cuda")
                yield lambda utterances: [self._speak(tts, utterance) for utterance in utterances]
        finally:
            torch.set_num_threads(threads)

    def _speak(self, tts: Any, said: Utterance) -> Speech | Refusal:
        import torch
        from TTS.utils.synthesizer import PAD_SILENCE_SAMPLES

        refused = self._refuse_voice(tts, said) or _refuse_text(tts, said.text, self._language(tts, said))
        if refused is not None:
            return refused
        voice = said.voice
        asked: dict[str, Any] = {"text": said.text, "language": self._language(tts, said)}
        if voice.reference:
            asked["speaker_wav"] = voice.reference
        elif tts.is_multi_speaker:
            asked["speaker"] = voice.name
        if self.family == "xtts":
            asked["speed"] = voice.rate
        devices = range(torch.cuda.device_count()) if self.device == "cuda" else ()
        with torch.random.fork_rng(devices=devices), _paced(tts, voice.rate):
            torch.manual_seed(_draw(said))
            try:
                samples = np.asarray(tts.tts(**asked), np.float32)[:-PAD_SILENCE_SAMPLES]
            except ImportError as failure:  # readers of Chinese, Japanese and Korean are packages of their own, asked for this late
                raise EngineMissing(f"{failure}; install them: pip install 'coqui-tts[zh,ja,ko]'") from failure
        if float(np.abs(samples).max(initial=0.0)) < SILENT_PEAK:
            return Refusal("coqui gave no sound")
        return Speech(samples, int(tts.synthesizer.output_sample_rate))

    def _language(self, tts: Any, said: Utterance) -> str | None:
        """The model's name of the language; None for a model of one language, which takes none."""
        return dict(self.names)[said.language] if tts.is_multi_lingual else None

    def _refuse_voice(self, tts: Any, said: Utterance) -> Refusal | None:
        voice = said.voice
        if said.language not in dict(self.names):
            return Refusal(f"the model speaks {', '.join(sorted(dict(self.names)))}, not {said.language!r}")
        if voice.rate != 1.0 and not (self.family == "xtts" or hasattr(tts.synthesizer.tts_model, "length_scale")):
            return Refusal(f"a model of {self.family} has one pace, asked for {voice.rate:g} of it")
        if voice.reference:
            return _refuse_reference(Path(voice.reference)) if self.clones else Refusal("the model does not clone a voice from a clip")
        if voice.name not in self.pool:
            return Refusal(f"the model has no speaker {voice.name!r}")
        return Refusal("the model has no speaker of its own, give it a clip to clone") if voice.name == CLONED else None


def coqui(model: str, config: str = "", speakers: str = "", encoder: str = "", pool: tuple[str, ...] = (), device: str = "cpu") -> Coqui:
    """The engine of the model whose checkpoint, or for XTTS whose folder, is `model`.

    `config` is its configuration, config.json beside the checkpoint when empty; `speakers` the file of speaker numbers or
    d-vectors, and `encoder` the checkpoint of the speaker encoder, beside which its own configuration lies (config_se.json,
    else config.json), where those that the configuration names are not meant. `pool`, when given, are the only speakers.

    Raises: EngineMissing without the package or a file; ValueError for a speaker that the model does not have, a device
        other than cpu or cuda, or a model that takes no such file or that the library always fetches from a hub.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device of coqui is {device!r}, expected cpu or cuda")
    _version("coqui-tts")
    checkpoint = existing(model, "the model of coqui")
    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    settings = existing(config or str(folder / "config.json"), "the configuration of coqui")
    import_torchaudio()
    found = load_resolved(settings, speakers, encoder)
    files = [checkpoint, settings, *_named_files(found)]
    if found.model == "xtts":
        files += [folder / name for name in XTTS_FILES if checkpoint.is_file() and (folder / name).is_file()]
    names = _speaker_names(found, folder)
    strange = [name for name in pool if name not in names]
    if strange:
        raise ValueError(f"voices of coqui are {', '.join(strange)}, expected some of {', '.join(names[:20])}")
    return Coqui(
        model=str(checkpoint),
        config=str(settings),
        speakers=speakers,
        encoder=encoder,
        content=digest(*map(content_digest, files)),
        family=found.model,
        names=_language_names(found),
        pool=pool or names,
        clones=_clones(found, names),
        device=device,
    )


def load_resolved(path: Path, speakers: str, encoder: str) -> Any:
    """The library's own reading of a configuration, each file that it names found on this machine or taken out.

    A file is looked for where the configuration says, from the configuration's folder on, then by its name beside it:
    a configuration keeps the paths of the machine that trained the model.
    """
    from TTS.config import get_from_config_or_model_args, load_config

    found = load_config(path)
    if found.model in FETCHING:
        raise ValueError(
            f"{path} is of {found.model}, a model that the library fetches from a hub; expected VITS, XTTS or another from files"
        )
    holders = [holder for holder in (found, found.model_args) if holder is not None]
    for holder in holders:
        for name in FILE_FIELDS:
            if holder.get(name):
                holder[name] = _located(holder[name], path.parent)
    if speakers:
        field = "d_vector_file" if get_from_config_or_model_args(found, "use_d_vector_file") else "speakers_file"
        _put(holders, {field: str(existing(speakers, "the speakers file of coqui"))}, found.model)
        found.speakers = None
    if encoder:
        checkpoint = existing(encoder, "the speaker encoder of coqui")
        beside = [checkpoint.parent / name for name in ENCODER_CONFIG_NAMES]
        config = next((file for file in beside if file.is_file() and file != path), None)
        if config is None:
            raise EngineMissing(f"{checkpoint} has no {' or '.join(ENCODER_CONFIG_NAMES)} beside it, the speaker encoder's configuration")
        _put(holders[1:], {ENCODER: str(checkpoint), ENCODER_CONFIG: str(config)}, found.model)
    return found


def _put(holders: list[Any], values: dict[str, str], family: str) -> None:
    for name, value in values.items():
        fitting = [holder for holder in holders if name in holder]
        if not fitting or family == "xtts":
            raise ValueError(f"a model of {family} takes no {name.replace('_', ' ')}, got {value!r}")
        for holder in fitting:
            holder[name] = value


def _located(named: Any, folder: Path) -> Any:
    if isinstance(named, list):
        return [place for place in (_located(one, folder) for one in named) if place]
    return next((str(place) for place in (folder / named, folder / Path(named).name) if place.is_file()), "")


def _named_files(found: Any) -> list[Path]:
    """The files that the configuration names, in the order of FILE_FIELDS."""
    held = [holder[name] for holder in (found, found.model_args) for name in FILE_FIELDS if holder is not None and name in holder]
    return [Path(one) for value in held if value for one in (value if isinstance(value, list) else [value])]


def _speaker_names(found: Any, folder: Path) -> tuple[str, ...]:
    """The model's speakers, in its order. Raises: EngineMissing where the model has several and their file is not there."""
    from TTS.config import get_from_config_or_model_args
    from TTS.tts.layers.xtts.xtts_manager import SpeakerManager as XttsSpeakers
    from TTS.tts.utils.speakers import SpeakerManager

    if found.model == "xtts":
        file = folder / XTTS_FILES[1]
        return (tuple(XttsSpeakers(str(file)).speaker_names) if file.is_file() else ()) or (CLONED,)
    manager = SpeakerManager.init_from_config(found)
    names = tuple(manager.speaker_names) if manager is not None else ()
    several = any(get_from_config_or_model_args(found, field) for field in ("use_speaker_embedding", "use_d_vector_file"))
    if not several:
        return names or (ONLY_SPEAKER,)
    if not names and not found.supports_cloning:
        raise EngineMissing("the model has several speakers, and the file that names them is not there; give its path as speakers")
    return names or (CLONED,)


def _clones(found: Any, names: tuple[str, ...]) -> bool:
    """XTTS does; others when conditioned on d-vectors of an encoder. The library gives a lone speaker's voice for any clip."""
    from TTS.config import get_from_config_or_model_args

    if found.model == "xtts":
        return True
    lone = len(names) == 1 and names != (CLONED,)
    return bool(get_from_config_or_model_args(found, "use_d_vector_file") and found.supports_cloning and not lone)


def _language_names(found: Any) -> tuple[tuple[str, str], ...]:
    """(ISO 639-1, the model's name): fr-fr, pt-br and zh-cn are fr, pt and zh; of two alike the first in order is taken."""
    from TTS.tts.utils.languages import LanguageManager

    named: dict[str, str] = {}
    for name in sorted(LanguageManager.init_from_config(found).name_to_id):
        named.setdefault(name.split("-")[0].lower(), name)
    return tuple(named.items())


def _refuse_text(tts: Any, text: str, language: str | None) -> Refusal | None:
    """Of every sentence the model's tokenizer must know every letter: it leaves out in silence what it does not know."""
    if len(text) > MAX_CHARACTERS:
        return Refusal(f"a text of {len(text)} characters, expected {MAX_CHARACTERS} or fewer")
    if not any(c.isalnum() for c in text):
        return Refusal("coqui is given no letter and no digit")
    tokenizer = tts.synthesizer.tts_model.tokenizer
    for sentence in tts.synthesizer.split_into_sentences(text, language):
        limit = getattr(tokenizer, "char_limits", {}).get((language or "").split("-")[0], MAX_SENTENCE)
        if len(sentence) > limit:
            return Refusal(f"a sentence of {len(sentence)} characters, expected {limit} or fewer")
        if not hasattr(tokenizer, "not_found_characters"):
            continue
        tokenizer.not_found_characters.clear()
        spelled = tokenizer.text_to_ids(sentence, language=language or tts.synthesizer.tts_model.language_manager.language_names[0])
        unknown = [c for c in tokenizer.not_found_characters if c.isalnum()]
        if unknown or not spelled:
            return Refusal(f"the model does not know {' '.join(unknown[:5]) or repr(sentence)}")
    return None


def _refuse_reference(path: Path) -> Refusal | None:
    try:
        info = soundfile.info(path)
    except (OSError, soundfile.LibsndfileError) as failure:
        return Refusal(f"the clip to clone cannot be read: {failure}")
    if not MIN_REFERENCE_S <= info.duration <= MAX_REFERENCE_S:
        return Refusal(f"the clip to clone lasts {info.duration:.1f} s, expected {MIN_REFERENCE_S:g} to {MAX_REFERENCE_S:g} s")
    return None


def _draw(said: Utterance) -> int:
    """The seed of a question: everything that is asked, the clip to clone by its content."""
    voice = said.voice
    clip = content_digest(Path(voice.reference)) if voice.reference else ""
    return int(digest(said.text, said.language, voice.name, f"{voice.rate:.6g}", clip, str(said.seed))[:15], 16)


@contextlib.contextmanager
def _paced(tts: Any, rate: float) -> Iterator[None]:
    """The model's own length scale divided by the rate, where it has one."""
    model = tts.synthesizer.tts_model
    if not hasattr(model, "length_scale"):
        yield
        return
    usual = model.length_scale
    model.length_scale = usual / rate
    try:
        yield
    finally:
        model.length_scale = usual


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise EngineMissing(f"{package}, which neural voices need, is not installed; install it: {INSTALL_SPEECH}") from None
