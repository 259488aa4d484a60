"""`vision_sft.video`: questions about videos, shown as frames (stage V3).

Source: arXiv 2503.01743, section on vision fine-tuning data: video summarisation is one of its seven families. The report's
evaluation shows the model 16 frames of a video, taken uniformly; so does this by default.
User: `<image>` a frame, each after its label, then the question; assistant: the answer.
"""

from __future__ import annotations

from typing import Any

from pipelines.endpoint_groups import Endpoint
from pipelines.image_groups import FineTuning
from pipelines.recipe import Recipe
from pipelines.stage import Stage, only
from pipelines.step import each
from pipelines.writing import write_steps
from processors.video.captions import WriteVideoCaption
from processors.video.select import Selection
from processors.video.task import VideoTask
from processors.vision.check import CheckAnswers

MAX_FRAMES = 64  # more frames are multi_frame's, which fits them into a context


def video(
    source: Any,
    *,
    writer: str = "given",  # given: the texts of the rows; openai: a served model writes a summary from a few frames
    endpoint: Endpoint = Endpoint(),
    frames: str = "uniform",  # uniform: centres of equal parts; rate: every 1/rate_hz seconds; scenes: first frames of scenes; keyframes
    num_frames: int = 16,  # the report's evaluation
    rate_hz: float = 1.0,
    min_frames: int = 2,
    max_side_px: int = 1344,
    labels: bool = True,  # "Frame 3, at 4.2 s:" before each frame
    most_computed: int = 3,  # computed questions a record, beside what the row gives
    order_ratio: float = 0.2,  # of rows without a text, those that ask for the order of shuffled frames
    refuse_static: bool = True,
    images: FineTuning = FineTuning(),
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Clips, moving pictures and picture sequences -> frames with their times, with given and computed questions."""
    if num_frames > MAX_FRAMES:
        raise ValueError(f"num_frames is {num_frames}, expected {MAX_FRAMES} or fewer; multi_frame takes more")
    task = VideoTask(
        Selection(frames, num_frames, rate_hz), max_side_px, min_frames, labels, most_computed, order_ratio, refuse_static, seed=seed
    )
    recipe = Recipe(
        name="vision_sft.video",
        title="Videos as frames with their times: summaries, and questions that are computed from what is known of the frames",
        source=source,
        steps=(
            *write_steps(writer, writing=WriteVideoCaption(), endpoint=endpoint, num_rows=8),
            each(task),
            each(CheckAnswers()),
            *images.decode(),
            *images.finish(),
        ),
        seed=seed,
        notes="High dynamic range is not tone-mapped. Given summaries are not compared with the frames.",
    )
    return only(recipe)
