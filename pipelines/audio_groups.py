"""Groups of parameters that the audio corpora share, each with its steps."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.step import Step, each
from processors.anonymise import HashSpeaker, ScrubPersonalData
from processors.audio.steps import LogMel
from processors.contract import Contract


@dataclass(frozen=True, slots=True)
class Privacy:
    """Records with personal data in their text are refused (`reject`), scrubbed (`scrub`) or kept (`keep`); speakers are hashed.

    A speaker's hash can be computed by whoever knows the salt: give a secret one of your own.
    """

    personal_data: str = "reject"  # scrubbing the text leaves what is said in the sound
    salt: str = "corpusmill"

    def steps(self) -> tuple[Step, ...]:
        return (each(ScrubPersonalData(self.personal_data)), each(HashSpeaker(self.salt)))


@dataclass(frozen=True, slots=True)
class Features:
    """The last steps: log-Mel features and the exact count of tokens."""

    max_tokens: int = 131_072
    hf_compat: bool = False  # True keeps mel bin 246 as the transformers port does
    mel_dtype: str = "float32"

    def steps(self) -> tuple[Step, ...]:
        return (each(LogMel(self.hf_compat)), each(Contract(self.max_tokens)))
