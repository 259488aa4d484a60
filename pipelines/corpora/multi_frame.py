"""`multi_frame`: many frames of a video or picture sequence in one context of 64k tokens (stage V4).

Source: arXiv 2503.01743, section on vision training: the last stage trains on many frames with a context extended to 64k.
Every frame gets the same number of crops, the most of 36, 16, 9, 4, 2 and 1 with which all frames fit; past that, every k-th
frame is kept. `fill` instead takes as many frames as the context holds at one crop each.
User: `<image>` a frame, each after its label, then the question; assistant: the answer.
"""

from __future__ import annotations

from typing import Any

from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each
from pipelines.writing import write_steps
from processors.contract import Contract
from processors.image.encode import EncodeCanvas
from processors.image.steps import DecodeImage, KeepImageSize
from processors.video.captions import WriteVideoCaption
from processors.video.fit import FILL, LADDER, FitContext
from processors.video.select import Selection
from processors.video.task import VideoTask
from processors.vision.check import CheckAnswers
from schemas.parts import CROP

FILL_FRAMES = 226  # the fewest tokens of a frame are 290, those of a picture much wider than high: 226 of them are 65,540


def multi_frame(
    source: Any,
    *,
    writer: str = "given",  # given: the texts of the rows; openai: a served model writes a summary from a few frames
    endpoint: Endpoint = Endpoint(),
    frames: str = "uniform",  # uniform: centres of equal parts; rate: every 1/rate_hz seconds; scenes: first frames of scenes; keyframes
    num_frames: int = 32,
    fill: bool = False,  # as many frames as the context holds, one crop each; num_frames does not count then
    rate_hz: float = 1.0,
    min_frames: int = 4,
    max_side_px: int = 1344,  # 32 frames of 1344 x 756 px are 98 MB while a row is worked on
    labels: bool = True,  # "Frame 3, at 4.2 s:" before each frame
    most_computed: int = 4,  # computed questions a record, beside what the row gives
    order_ratio: float = 0.2,  # of rows without a text, those that ask for the order of shuffled frames
    max_tokens: int = 65_536,  # the report's context in this stage
    rule: str = "thin",  # where one crop a frame is too much. thin: keep every k-th frame; fill: as many as fit; refuse
    min_side_px: int = 1,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Clips, moving pictures and picture sequences -> conversations over many frames, up to exactly the context."""
    chosen = Selection(frames, FILL_FRAMES if fill else num_frames, rate_hz)
    task = VideoTask(chosen, CROP if fill else max_side_px, min_frames, labels, most_computed, order_ratio, seed=seed)
    recipe = Recipe(
        name="multi_frame",
        title="Many frames of a video with their times, in a context of 64k tokens: order, difference and moment questions",
        source=source,
        steps=(
            *write_steps(writer, writing=WriteVideoCaption(), endpoint=endpoint, num_rows=8),
            each(task),
            each(CheckAnswers()),
            each(DecodeImage()),
            each(KeepImageSize(min_side_px)),
            each(FitContext(max_tokens, (1,) if fill else LADDER, FILL if fill else rule, min_frames)),
            each(EncodeCanvas()),
            each(Contract(max_tokens)),
        ),
        seed=seed,
        notes="High dynamic range is not tone-mapped. Given summaries are not compared with the frames.",
    )
    return only(recipe)
