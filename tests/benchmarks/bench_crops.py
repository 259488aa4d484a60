"""Images a second, one thread: ours against the image processor of transformers and against bare Pillow.

Run: `python -m tests.benchmarks.bench_crops`. Prints, nothing is asserted. Rounds are interleaved, so that a busy machine
slows all contenders alike; figures are the median over rounds.
"""

from __future__ import annotations

import io
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PillowImage

from processors.image.crops import crop_pixels, make_canvas, patch_mask, plan_crops
from processors.image.decode import decode_image
from tests.hf import import_transformers

MAX_CROPS = 36
ROUNDS = 9
ROOT = Path(__file__).parents[2]


def photos() -> tuple[str, list[bytes]]:
    """What is measured, and the JPEG files: real photos where the folder is present, else generated ones."""
    folder = Path(os.environ.get("CORPUSMILL_REALDATA", ROOT / "../shared/data")) / "05_images/coco/images"
    files = sorted(folder.glob("*.jpg"))
    if files:
        return f"{len(files)} COCO photos", [file.read_bytes() for file in files]
    return "6 generated JPEGs", [generated(width, height) for width, height in ((640, 480), (480, 640), (640, 427)) * 2]


def generated(width: int, height: int) -> bytes:
    """A JPEG with smooth and noisy areas."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).normal(0, 12, (height, width))
    planes = [127 + 100 * np.sin(x / 37 + y / 91) + noise, 127 + 100 * np.cos(x / 23) + noise, 127 + 100 * np.sin(y / 17) + noise]
    sink = io.BytesIO()
    PillowImage.fromarray(np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)).save(sink, "JPEG", quality=90)
    return sink.getvalue()


def to_canvas(data: bytes) -> None:
    make_canvas(decode_image(data).pixels, MAX_CROPS)


def to_pixels(data: bytes) -> None:
    canvas = make_canvas(decode_image(data).pixels, MAX_CROPS)
    crop_pixels(canvas)
    patch_mask(canvas)


def pillow_floor(data: bytes) -> None:
    """The least that decoding and resizing can cost: Pillow's part alone."""
    with PillowImage.open(io.BytesIO(data)) as image:
        whole = image.convert("RGB")
    plan = plan_crops(*whole.size, MAX_CROPS)
    whole.resize((plan.content_width, plan.content_height), PillowImage.Resampling.BILINEAR)


def pillow_to_array(data: bytes) -> None:
    """The same with the pixels as an array, as any caller wants them."""
    with PillowImage.open(io.BytesIO(data)) as image:
        whole = image.convert("RGB")
    plan = plan_crops(*whole.size, MAX_CROPS)
    np.asarray(whole.resize((plan.content_width, plan.content_height), PillowImage.Resampling.BILINEAR))


def reference() -> Callable[[bytes], None]:
    processor = import_transformers().Phi4MultimodalImageProcessor(dynamic_hd=MAX_CROPS)

    def process(data: bytes) -> None:
        with PillowImage.open(io.BytesIO(data)) as image:
            processor([image.convert("RGB")], return_tensors="pt")

    return process


def main() -> None:
    torch.set_num_threads(1)
    name, files = photos()
    contenders = {
        "transformers: decode + process": reference(),
        "ours: decode -> canvas": to_canvas,
        "ours: decode -> pixel tensor": to_pixels,
        "Pillow alone: decode + resize": pillow_floor,
        "Pillow alone, as an array": pillow_to_array,
    }
    seconds: dict[str, list[float]] = {label: [] for label in contenders}
    for turn in range(ROUNDS + 1):  # the first warms caches up
        for label, work in contenders.items():
            start = time.perf_counter()
            for data in files:
                work(data)
            if turn:
                seconds[label].append(time.perf_counter() - start)
    print(f"{name}, at most {MAX_CROPS} crops, one thread, median of {ROUNDS} rounds")
    base = statistics.median(seconds["transformers: decode + process"])
    for label, values in seconds.items():
        median = statistics.median(values)
        print(f"  {label:32} {len(files) / median:8.1f} images/s   {base / median:6.2f} x transformers")


if __name__ == "__main__":
    main()
