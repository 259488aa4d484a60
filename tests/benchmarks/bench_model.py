"""Forward and backward time of the model against transformers' Phi4Multimodal of the same sizes and weights, in the same run.

Rounds are interleaved and each contender's CPU time is taken, so that a busy machine moves all figures together. Both compute the same
batch: transformers gets it padded, in its fastest attention that is right for it (its vision tower is wrong in any but eager).
On CUDA, `small` in bfloat16: tokens a second and peak memory.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from model.batch import Batch, Example, ImageInput, Sample
from model.collate import keyword_inputs
from model.convert import save_transformers
from model.initial import build_model
from model.multimodal import Phi4MM
from model.vocabulary import Vocabulary
from processors import tokens
from tests.hf import import_transformers

ROUNDS = 5
VOCABULARY = Vocabulary.of([range(4_000)])
TEXTS = {"32 texts of 128 tokens": (128,) * 32, "a text of 4,096": (4_096,), "32 texts of 16 to 512": tuple(16 + 16 * n for n in range(32))}


def text(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 4_000, (length,), generator=torch.Generator().manual_seed(seed))


def sample(ids: torch.Tensor, images: tuple[ImageInput, ...] = (), audios: tuple[torch.Tensor, ...] = ()) -> Sample:
    is_text = (ids != tokens.IMAGE) & (ids != tokens.AUDIO)
    labels = torch.where(is_text, ids, -100)
    labels[0] = -100
    return Sample(ids, labels, images, audios)


def texts(lengths: tuple[int, ...]) -> list[Sample]:
    return [sample(text(length, number)) for number, length in enumerate(lengths)]


def pictures(num: int) -> list[Sample]:
    """Two crops each, of 448 x 896 pixels: the global view is a third."""
    found = []
    for number in range(num):
        generator = torch.Generator().manual_seed(number)
        image = ImageInput(torch.rand(3, 3, 448, 448, generator=generator) * 2 - 1, torch.ones(3, 32, 32, dtype=torch.bool), 2, 1)
        num_tokens = 16 * 17 + 1 + 16 * 33
        found.append(sample(torch.cat((text(3), torch.full((num_tokens,), tokens.IMAGE), text(40, number))), (image,)))
    return found


def speech(num: int, seconds: int) -> list[Sample]:
    found = []
    for number in range(num):
        clip = torch.randn(100 * seconds, 80, generator=torch.Generator().manual_seed(number)) * 4.5 + 14
        found.append(sample(torch.cat((text(3), torch.full((-(-len(clip) // 8),), tokens.AUDIO), text(40, number))), (), (clip,)))
    return found


def their_model(model: Phi4MM, attention: str) -> Any:
    transformers = import_transformers()
    with tempfile.TemporaryDirectory() as folder:
        save_transformers(model, Path(folder) / "model")
        return transformers.Phi4MultimodalForCausalLM.from_pretrained(
            Path(folder) / "model", attn_implementation=attention, dtype=model.model.embed_tokens.weight.dtype
        )


def step(loss: Callable[[], torch.Tensor], model: torch.nn.Module) -> Callable[[], float]:
    """A forward and backward pass; gives the loss."""

    def run() -> float:
        model.zero_grad(set_to_none=True)
        found = loss()
        found.backward()
        return float(found.detach())

    return run


def compared(ours: Phi4MM, theirs: Any, samples: list[Sample], device: str = "cpu") -> dict[str, Callable[[], float]]:
    """The same batch for both, without adapters, which transformers' model does not have."""
    batch = Batch.join([Example("bench", tuple(samples))]).to(device)
    inputs = {
        name: value.to(device) if isinstance(value, torch.Tensor) else value
        for name, value in keyword_inputs(samples, vocabulary=ours.vocabulary).items()
    }
    dtype = ours.model.embed_tokens.weight.dtype
    inputs |= {name: inputs[name].to(dtype) for name in ("image_pixel_values", "audio_input_features") if name in inputs}
    return {
        "ours": step(lambda: ours.losses(batch, None).each.mean(), ours),
        "transformers": step(lambda: theirs(**inputs).loss, theirs),
    }


def measure(contenders: dict[str, Callable[[], float]], clock: Callable[[], float]) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of the rounds, and the losses."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    losses = {name: work() for name, work in contenders.items()}  # warms up
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            start = clock()
            work()
            seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}, losses


def report(what: str, num_tokens: int, took: dict[str, float], losses: dict[str, float]) -> None:
    print(
        f"  {what:24} ours {took['ours'] * 1e3:8.1f} ms ({num_tokens / took['ours']:9,.0f} tokens/s), transformers "
        f"{took['transformers'] * 1e3:8.1f} ms: {took['transformers'] / took['ours']:.2f} x as fast; "
        f"losses {losses['ours']:.4f} and {losses['transformers']:.4f}",
        flush=True,
    )


def on_cpu() -> None:
    torch.set_num_threads(1)
    ours = build_model("tiny", VOCABULARY).train()
    print(f"tiny, float32, one thread: forward and backward pass, median CPU time of {ROUNDS} interleaved rounds")
    fast = their_model(ours, "sdpa").train()
    for what, lengths in TEXTS.items():
        report(what, sum(lengths), *measure(compared(ours, fast, texts(lengths)), time.thread_time))
    right = their_model(ours, "eager").train()
    for what, samples in {"4 images": pictures(4), "8 clips of 10 s": speech(8, 10)}.items():
        report(what, sum(len(one.ids) for one in samples), *measure(compared(ours, right, samples), time.thread_time))


def on_cuda() -> None:
    def clock() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    print(f"small, bfloat16, {torch.cuda.get_device_name()}: forward and backward pass, median time of {ROUNDS} interleaved rounds")
    ours = build_model("small", VOCABULARY, device="cuda", dtype=torch.bfloat16).train()
    for attention, batches in {
        "sdpa": {what: texts(lengths) for what, lengths in TEXTS.items()} | {"a text of 16,384": texts((16_384,))},
        "eager": {"4 images": pictures(4), "8 clips of 10 s": speech(8, 10)},
    }.items():
        theirs = their_model(ours, attention).cuda().train()
        for what, samples in batches.items():
            contenders = compared(ours, theirs, [replace(one) for one in samples], "cuda")
            report(what, sum(len(one.ids) for one in samples), *measure(contenders, clock))
            peaks = {}
            for name, work in contenders.items():
                torch.cuda.reset_peak_memory_stats()
                work()
                peaks[name] = torch.cuda.max_memory_allocated() / 2**30
            print(f"  {'':24} peak {peaks['ours']:.2f} and {peaks['transformers']:.2f} GiB, weights of both included", flush=True)


def main() -> None:
    on_cpu()
    if torch.cuda.is_available():
        on_cuda()


if __name__ == "__main__":
    main()
