"""What a language model is asked to write for a video that has no text: a caption or a summary, from a few of its frames."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image as PillowImage

from processors.guard import TOO_COSTLY
from processors.tasks.writing import Prompt, with_fields
from processors.video.clip import guarded_clip
from processors.video.index import DECODE_REASONS
from processors.video.select import Selection
from processors.video.task import NO_VIDEO
from schemas.outcome import Reason, Refused, Reject
from schemas.records import Row

NO_CAPTION = Reason("no_caption", "The language model wrote nothing, or more than a caption holds")
SYSTEM = "You describe videos for a training set. You say only what can be seen, in plain English, and never mention frames."
MAX_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class WriteVideoCaption:
    """Asks for one summary of a video, shown as `num_frames` JPEG pictures with their times. Rows that have a text are asked about too."""

    num_frames: int = 8
    max_side_px: int = 768

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return (NO_VIDEO, NO_CAPTION, TOO_COSTLY, *DECODE_REASONS)

    def prompt(self, row: Row) -> Prompt | Reject:
        video = row.blobs.get("video", row.blobs.get("file", row.blobs.get("image")))
        if video is None:
            return Reject(row.key, NO_VIDEO.name, f"the row has {', '.join(sorted(row.blobs)) or 'no files'}; expected video")
        try:
            clip = guarded_clip(video, Selection(num_frames=self.num_frames), max_side_px=self.max_side_px)
        except Refused as refused:
            return refused.reject(row.key)
        times = ", ".join(f"{time_s:.1f} s" for time_s in clip.times_s)
        text = (
            f"These {len(clip.frames)} pictures are frames of one video of {clip.duration_s:.1f} s, taken at {times}. "
            "Summarise the video in two to four sentences: who or what is seen, what happens, in which order. Reply with the summary alone."
        )
        pictures = []
        for frame in clip.frames:
            sink = io.BytesIO()
            PillowImage.fromarray(frame).save(sink, "JPEG", quality=90)
            pictures.append(sink.getvalue())
        return Prompt(text, SYSTEM, max_tokens=300, images=tuple(pictures))

    def read(self, row: Row, reply: str) -> Row | Reject:
        text = reply.strip()
        if not text or len(text) > MAX_CHARACTERS:
            return Reject(row.key, NO_CAPTION.name, f"{len(text)} characters, expected 1 to {MAX_CHARACTERS}")
        return with_fields(row, summary=text)
