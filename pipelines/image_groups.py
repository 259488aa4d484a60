"""Groups of parameters that the image corpora share, each with its steps."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.step import Step, each
from processors.contract import Contract
from processors.image.crops import MAX_CROPS_PRETRAINING, MAX_CROPS_SFT
from processors.image.encode import EncodeCanvas
from processors.image.steps import PRETRAINING_MAX_SIDE_PX, CapSide, DecodeImage, KeepImageSize, MakeCanvas


@dataclass(frozen=True, slots=True)
class Pretraining:
    """Images as vision pre-training sees them (arXiv 2503.01743): at most 1344 x 1344 px and 16 crops."""

    min_side_px: int = 1  # the model takes any size; raise it to drop icons
    max_side_px: int = PRETRAINING_MAX_SIDE_PX
    max_crops: int = MAX_CROPS_PRETRAINING
    max_tokens: int = 131_072
    keep_source: bool = False

    def decode(self) -> tuple[Step, ...]:
        """Bytes to pixels of a bounded size; images that come as pixels pass unchanged."""
        return (each(DecodeImage(keep_source=self.keep_source)), each(KeepImageSize(self.min_side_px)), each(CapSide(self.max_side_px)))

    def finish(self) -> tuple[Step, ...]:
        """Pixels to canvas, and the exact count of tokens."""
        return (each(MakeCanvas(self.max_crops)), each(EncodeCanvas()), each(Contract(self.max_tokens)))


@dataclass(frozen=True, slots=True)
class FineTuning:
    """Images as supervised fine-tuning sees them (arXiv 2503.01743): uncapped, at most 36 crops."""

    min_side_px: int = 1
    max_crops: int = MAX_CROPS_SFT
    max_tokens: int = 131_072
    keep_source: bool = False

    def decode(self) -> tuple[Step, ...]:
        return (each(DecodeImage(keep_source=self.keep_source)), each(KeepImageSize(self.min_side_px)))

    def finish(self) -> tuple[Step, ...]:
        return (each(MakeCanvas(self.max_crops)), each(EncodeCanvas()), each(Contract(self.max_tokens)))
