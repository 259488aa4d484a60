"""Pictures through the model: golden probes, the plain formulation, laws of batches and chunks, and mutants of each easy mistake."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import avg_pool2d, gelu

from model import siglip, vision
from model.batch import ImageInput
from model.config import VisionConfig
from model.convert import transformers_name
from model.examples import example_of
from model.rows import CorpusRows
from model.siglip import CropGroup, CropSize, VisionTower, position_ids
from model.vision import FULL, ImageEmbed, chunks_of, plans_of, token_places
from processors.image.crops import CropPlan, canvas_plan, patch_mask, plan_crops
from schemas.outcome import Refused
from schemas.parts import Canvas, Image
from schemas.records import Conversation
from tests.model.golden import golden_image, golden_tensor, tiny_g2_config

WIDTH = 48


def golden_embed(config: VisionConfig | None = None) -> ImageEmbed:
    """The tiny picture side with golden weights."""
    embed = ImageEmbed(config or tiny_g2_config().vision, WIDTH).eval()
    with torch.no_grad():
        for name, tensor in embed.state_dict().items():
            official = f"model.embed_tokens_extend.image_embed.{name}"
            tensor.copy_(golden_tensor(transformers_name(official)[1], tuple(tensor.shape)))
    return embed


def image_of(columns: int, rows: int, patch_width: int, patch_height: int, seed: int = 0) -> ImageInput:
    """Noise on a grid, of whose patches so many hold content."""
    canvas = Canvas(np.empty((448 * rows, 448 * columns, 3), np.uint8), 14 * patch_width, 14 * patch_height)
    crops = torch.randn(1 + columns * rows, 3, 448, 448, generator=torch.Generator().manual_seed(seed))
    return ImageInput(crops, torch.from_numpy(patch_mask(canvas)), columns, rows)


def plain(embed: ImageEmbed, image: ImageInput) -> torch.Tensor:
    """The same function said plainly, crop by crop with whole masks, as the released code says it."""
    tower: Any = embed.img_processor
    heads = tower.config.num_heads
    tokens = []
    for crop, mask in zip(image.crops, image.mask, strict=True):
        x = tower.embeddings.patch_embedding(crop[None]).flatten(2)[0].T
        steps = [torch.arange(32, dtype=torch.float32) * (1.0 / line.sum()) for line in (mask[:, 0], mask[0])]
        down, across = (torch.bucketize(step.clamp(max=1 - 1e-6), torch.arange(1 / 32, 1.0, 1 / 32), right=True) for step in steps)
        x = x + tower.embeddings.position_embedding(torch.where(mask, down[:, None] * 32 + across, 0).flatten())
        hidden_states = [x]
        for layer in tower.encoder.layers:
            normed = layer.layer_norm1(x)
            linears = layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj
            query, key, value = (linear(normed).view(1024, heads, -1).transpose(0, 1) for linear in linears)
            scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
            mixed = scores.masked_fill(~mask.flatten(), -torch.inf).softmax(-1) @ value
            x = x + layer.self_attn.out_proj(mixed.transpose(0, 1).flatten(1))
            x = x + layer.mlp.fc2(gelu(layer.mlp.fc1(layer.layer_norm2(x)), approximate="tanh"))
            hidden_states.append(x)
        tokens.append(avg_pool2d(hidden_states[-2].T.view(1, -1, 32, 32), 2)[0].permute(1, 2, 0))  # (16, 16, D)
    stitched = torch.cat([torch.cat(tokens[1 + row * image.columns :][: image.columns], 1) for row in range(image.rows)])
    counted = torch.cat([torch.cat(tuple(image.mask[1 + row * image.columns :][: image.columns]), 1) for row in range(image.rows)])
    height, width = (int(line.sum()) for line in (counted[::2, 0], counted[0, ::2]))
    layout = []
    for row in stitched[:height, :width]:
        layout += [*row, embed.sub_GN.flatten()]
    layout.append(embed.glb_GN.flatten())
    for row in tokens[0]:
        layout += [*row, embed.sub_GN.flatten()]
    first, _, second = embed.img_projection
    return second(gelu(first(torch.stack(layout))))


ODD = (2, 1, 43, 32)  # 11 valid columns in the second crop: a column of tokens averages one of padding
SHAPES = {"odd width": ODD, "odd height": (1, 2, 32, 37), "full": (1, 1, 32, 32), "one column": (1, 1, 1, 32), "both": (1, 1, 21, 9)}


@torch.no_grad()
def difference(embed: ImageEmbed, image: ImageInput, truth: torch.Tensor) -> float:
    found = embed([image])
    assert found.shape == truth.shape
    return float((found - truth).abs().max())


def test_golden_probes() -> None:
    embed, (image, num_tokens) = golden_embed(), golden_image(500, 300)
    crops = [(FULL, image.crops[0]), (FULL, image.crops[1])]
    with torch.no_grad():
        features, embedded = embed.encode(crops), embed([image])
    assert len(embedded) == num_tokens == 721
    probes = {
        "pooled features of crop 1, token 0": (features[256], (-0.299435, 0.718203, 1.600162, -0.243411)),
        "pooled features of crop 0, token 255": (features[255], (-3.229686, 2.010455, 4.165666, -0.755630)),
        "first image embedding": (embedded[0], (1.318110, -0.639892, 0.481977, -0.554392)),
        "last image embedding": (embedded[-1], (-0.054179, -0.141321, -0.065722, 0.045706)),
    }
    for name, (found, expected) in probes.items():
        torch.testing.assert_close(found[:4], torch.tensor(expected), atol=1e-5, rtol=0, msg=name)


@functools.cache
def odd_truth() -> torch.Tensor:
    with torch.no_grad():
        return plain(golden_embed(), image_of(*ODD))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_is_the_plain_formulation(shape: tuple[int, int, int, int]) -> None:
    embed, image = golden_embed(), image_of(*shape)
    with torch.no_grad():
        assert difference(embed, image, plain(embed, image)) < 2e-5


def _swap_separators(plans: Any, order: Any) -> np.ndarray:
    """A table whose last row, the global separator of one image, ends the rows of the global view."""
    places = token_places(plans, order)
    view = places[-272:].reshape(16, 17)
    view[:, -1] = places.max()
    return places


def _global_first(plans: Any, order: Any) -> np.ndarray:
    places = token_places(plans, order)
    return np.concatenate([places[-272:], places[-273:-272], places[:-273]])


def _keys_of_padding(self: Any, group: CropGroup, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    whole = CropGroup(CropSize(group.size.rows, group.size.columns), group.crops)
    return ATTEND(self, whole, query, key, value)


def _valid_patches_only(x: torch.Tensor, size: CropSize) -> torch.Tensor:
    """Tokens at the edge of the content average only what holds content."""
    planes = x.view(-1, size.rows, size.columns, x.shape[-1]).clone()
    if size.valid_columns % 2:
        planes[:, :, -1] = planes[:, :, -2]
    return POOL(planes.flatten(0, 2), size)


def _unstretched(size: CropSize, device: Any = None) -> torch.Tensor:
    return (torch.arange(size.rows)[:, None] * 32 + torch.arange(size.columns)).flatten()


def _stretched_padding(size: CropSize, device: Any = None) -> torch.Tensor:
    """Masked patches get the last position instead of the first."""
    found = position_ids(size).view(size.rows, size.columns)
    found[size.valid_rows :], found[:, size.valid_columns :] = 1023, 1023
    return found.flatten()


def _all_layers(embed: ImageEmbed) -> None:
    embed.img_processor.encoder.layers.append(nn.Identity())  # the last one is left out


def _exact_gelu(embed: ImageEmbed) -> None:
    layers: Any = embed.img_processor.encoder.layers
    for layer in layers:
        layer.mlp.forward = lambda x, mlp=layer.mlp: mlp.fc2(gelu(mlp.fc1(x)))


def _tanh_gelu(embed: ImageEmbed) -> None:
    embed.img_projection[1] = nn.GELU(approximate="tanh")


ATTEND, POOL = siglip.Attention._attend, siglip._pool
MUTANTS: dict[str, tuple[Any, str, Any] | Callable[[ImageEmbed], None]] = {
    "global rows end with the global separator": (vision, "token_places", _swap_separators),
    "global view first": (vision, "token_places", _global_first),
    "padding as keys": (siglip.Attention, "_attend", _keys_of_padding),
    "the edge without its masked patch": (siglip, "_pool", _valid_patches_only),
    "positions not stretched": (siglip, "position_ids", _unstretched),
    "padding not at position 0": (siglip, "position_ids", _stretched_padding),
    "features of the last layer": _all_layers,
    "exact GELU in the encoder": _exact_gelu,
    "tanh GELU in the projector": _tanh_gelu,
}


@pytest.mark.parametrize("name", MUTANTS)
def test_each_easy_mistake_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    embed, image, truth = golden_embed(), image_of(*ODD), odd_truth()  # which the model itself gives: the test above
    mutant = MUTANTS[name]
    if callable(mutant):
        mutant(embed)
    else:
        monkeypatch.setattr(*mutant)
    assert difference(embed, image, truth) > 1e-4


def test_columns_are_not_rows() -> None:
    """An image of two columns told as two rows has another number of tokens, and is refused by its mask."""
    image = image_of(*ODD)
    with pytest.raises(ValueError, match="1x2 crops: its mask counts 1024 patches of the global view, 1376 of the crops, 64 down and 32"):
        plans_of([replace(image, columns=1, rows=2)])


@pytest.mark.parametrize("valid", range(1, 33))
def test_positions_are_the_buckets_of_fractions(valid: int) -> None:
    """The released code's float32 buckets, for every number of valid rows and columns."""
    fractions = (torch.arange(32, dtype=torch.float32) * (1.0 / torch.tensor(valid))).clamp(max=1 - 1e-6)
    buckets = torch.bucketize(fractions, torch.arange(1 / 32, 1.0, 1 / 32), right=True)[:valid]
    by_column = position_ids(CropSize(32, valid)).view(32, -1)
    by_row = position_ids(CropSize(valid, 32)).view(-1, 32)
    assert torch.equal(by_column[:, :valid], torch.arange(32)[:, None] * 32 + buckets)
    assert torch.equal(by_row[:valid], buckets[:, None] * 32 + torch.arange(32))
    assert by_column.shape[1] == by_row.shape[0] == valid + valid % 2
    assert not by_column[:, valid:].any() and not by_row[valid:].any()


def test_alone_is_as_with_others() -> None:
    embed = golden_embed()
    images = [image_of(*shape, seed=seed) for seed, shape in enumerate(SHAPES.values())]
    with torch.no_grad():
        together = embed(images)
        alone = [embed([image]) for image in images]
        backwards = embed(images[::-1])
    torch.testing.assert_close(together, torch.cat(alone), atol=2e-5, rtol=0)
    torch.testing.assert_close(backwards, torch.cat(alone[::-1]), atol=2e-5, rtol=0)


def bare_image(columns: int, rows: int, content_width: int, content_height: int) -> ImageInput:
    """Crops without memory of their own: only shapes and the mask are read."""
    canvas = Canvas(np.broadcast_to(np.uint8(0), (448 * rows, 448 * columns, 3)), content_width, content_height)
    crops = torch.zeros(1, 1, 1, 1).expand(1 + columns * rows, 3, 448, 448)
    return ImageInput(crops, torch.from_numpy(patch_mask(canvas)), columns, rows)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=4), st.sampled_from((1, 9, 16, 36)), st.randoms()
)
def test_features_are_as_many_as_the_contract_counts(sizes: list[tuple[int, int]], max_crops: int, random: Any) -> None:
    plans = []
    for size in sizes:
        try:
            plans.append(plan_crops(*size, max_crops))
        except Refused:  # thinner than 10 px
            continue
    if not plans:
        return
    found = plans_of([bare_image(plan.columns, plan.rows, plan.content_width, plan.content_height) for plan in plans])
    assert [plan.num_tokens for plan in found] == [plan.num_tokens for plan in plans]
    order = list(range(sum(plan.num_crops for plan in plans)))
    random.shuffle(order)
    places = token_places(found, order)
    assert np.array_equal(np.sort(places), np.arange(sum(plan.num_tokens for plan in plans)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 32), st.integers(1, 32)), max_size=20), st.integers(1, 5))
def test_chunks_keep_every_crop_in_order_and_stay_small(sizes: list[tuple[int, int]], chunk_crops: int) -> None:
    crops = [(CropSize(*size), torch.tensor(number)) for number, size in enumerate(sizes)]
    chunks = list(chunks_of(crops, 1024 * chunk_crops))
    assert [(group.size, int(crop)) for chunk in chunks for group in chunk for crop in group.crops] == [
        (size, int(crop)) for size, crop in crops
    ]
    assert all(sum(group.num_patches for group in chunk) <= 1024 * chunk_crops for chunk in chunks)


def gradients(embed: ImageEmbed, images: list[ImageInput]) -> dict[str, torch.Tensor | None]:
    embed.zero_grad(set_to_none=True)
    embed(images).square().sum().backward()
    return {name: parameter.grad for name, parameter in embed.named_parameters()}


def saved_bytes(embed: ImageEmbed, images: list[ImageInput]) -> int:
    """What the encoder keeps for the backward pass, each storage once, without parameters."""
    held = {parameter.untyped_storage().data_ptr() for parameter in embed.parameters()}
    found: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            found[storage.data_ptr()] = storage
        return tensor

    crops = [
        (size, crop)
        for image, plan in zip(images, plans_of(images), strict=True)
        for size, crop in zip(vision.crop_sizes(plan), image.crops, strict=True)
    ]
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        features = embed.encode(crops)
    assert features.requires_grad == bool(found)
    return sum(storage.nbytes() for storage in found.values())


def test_computing_again_changes_no_gradient_and_bounds_memory() -> None:
    embed, images = golden_embed(), [image_of(*ODD), image_of(1, 1, 9, 32, seed=1)]
    embed.chunk_crops = 1
    kept, all_bytes = gradients(embed, images), saved_bytes(embed, images)
    estimate = embed.img_processor.kept_bytes_per_patch * (3 * 1024 + 32 * (12 + 10))
    assert 0.8 < all_bytes / estimate < 1.3
    embed.kept_bytes = embed.img_processor.kept_bytes_per_patch * 2 * 1024
    again, some_bytes = gradients(embed, images), saved_bytes(embed, images)
    assert some_bytes < all_bytes * 0.6
    assert kept.keys() == again.keys()
    for name, gradient in kept.items():
        other = again[name]
        assert (gradient is None) == (other is None)
        assert gradient is None or other is None or torch.equal(gradient, other)


def test_chunks_change_only_rounding() -> None:
    embed, images = golden_embed(), [image_of(*ODD), image_of(*SHAPES["odd height"])]
    found = []
    for embed.chunk_crops in (1, 3, 100):
        with torch.no_grad():
            found.append(embed(images))
    torch.testing.assert_close(found[1], found[0], atol=2e-5, rtol=0)
    torch.testing.assert_close(found[2], found[0], atol=2e-5, rtol=0)


def test_frozen_encoder_keeps_nothing() -> None:
    embed, images = golden_embed(), [image_of(*SHAPES["both"])]
    assert saved_bytes(embed, images) > 0
    embed.img_processor.requires_grad_(False)
    assert saved_bytes(embed, images) == 0
    found = gradients(embed, images)
    learned = {name for name, gradient in found.items() if gradient is not None and bool(gradient.any())}
    assert learned == {name for name in found if not name.startswith("img_processor.")}
    embed.img_processor.encoder.layers[-1].requires_grad_(True)  # influences nothing, so keeps nothing
    assert saved_bytes(embed, images) == 0
    embed.img_processor.embeddings.position_embedding.requires_grad_(True)
    assert saved_bytes(embed, images) > 0


def test_pixels_may_ask_for_gradients_of_a_frozen_encoder() -> None:
    embed, image = golden_embed(), image_of(*SHAPES["both"])
    embed.requires_grad_(False)
    image.crops.requires_grad_()
    embed([image]).sum().backward()
    assert image.crops.grad is not None
    width = 14 * 22  # content and one masked column, which the last tokens average
    assert image.crops.grad[1, :, :, :width].any() and not image.crops.grad[1, :, :, width:].any()


def test_unused_parameters_influence_nothing() -> None:
    embed, image = golden_embed(), image_of(*SHAPES["both"])
    unused = {name for name, gradient in gradients(embed, [image]).items() if gradient is None}
    assert unused == {
        f"img_processor.{name}"
        for name, _ in embed.img_processor.named_parameters()
        if name.startswith(("encoder.layers.2.", "post_layernorm.", "head."))
    }
    assert len(unused) == 29
    with torch.no_grad():
        before = embed([image])
        for name, parameter in embed.named_parameters():
            if name in unused:
                parameter.fill_(torch.nan)
        assert torch.equal(embed([image]), before)


def test_low_precision() -> None:
    """Stored in bf16, or computed in it by autocast: the same function, coarser; an encoder in bf16 feeds a projector in float32."""
    embed, image = golden_embed(), image_of(*SHAPES["both"])
    with torch.no_grad():
        truth = embed([image])
        with torch.autocast("cpu", torch.bfloat16):
            by_autocast = embed([image])
        embed.img_processor.bfloat16()
        mixed = embed([image])
        stored = embed.bfloat16()([image])
    assert (by_autocast.dtype, mixed.dtype, stored.dtype) == (torch.bfloat16, torch.float32, torch.bfloat16)
    scale = float(truth.abs().max())
    for found in (by_autocast, mixed, stored):
        assert 0 < float((found - truth).abs().max()) < 0.05 * scale


def test_refuses_what_does_not_fit() -> None:
    embed, image = golden_embed(), image_of(*ODD)
    with pytest.raises(ValueError, match="no image to embed; expected one or more"):
        embed([])
    with pytest.raises(ValueError, match=r"image 1 of a batch: crops \(2, 3, 448, 448\) and mask \(3, 32, 32\) do not fit its grid of 2x1"):
        embed([image, replace(image, crops=image.crops[:2])])
    for place in ((0, 31, 31), (1, 5, 5), (2, 31, 10)):
        mask = image.mask.clone()
        mask[place] = False
        with pytest.raises(ValueError, match="expected all 1024 of the view and a rectangle that reaches into every crop"):
            embed([replace(image, mask=mask)])
    mask = image.mask.clone()
    mask[2] = False
    with pytest.raises(ValueError, match="1024 of the crops, 32 down and 32 across"):
        embed([replace(image, mask=mask)])


def test_every_picture_of_the_demonstration_gives_its_tokens(demo: dict[str, Any], run_folder: Path) -> None:
    embed = ImageEmbed(VisionConfig(8, 8, 2, 1), 8)  # the number does not depend on sizes
    num_images = 0
    seen: set[tuple[CropPlan, int | None]] = set()
    for corpus in demo:
        rows = CorpusRows(run_folder / "demo" / "corpora" / corpus)
        for row in range(len(rows)):
            record = rows[row]
            parts = [part for turn in record.turns for part in turn.parts] if isinstance(record, Conversation) else []
            images = [part for part in parts if isinstance(part, Image)]
            fresh = {(canvas_plan(image.canvas), image.num_tokens) for image in images if image.canvas is not None} - seen
            num_images += len(images)
            if not fresh:
                continue
            seen |= fresh
            inputs = example_of(record).sequences[0].images
            assert [plan.num_tokens for plan in plans_of(inputs)] == [image.num_tokens for image in images]
            if sum(len(image.crops) for image in inputs) <= 5:
                with torch.no_grad():
                    assert len(embed(inputs)) == sum(image.num_tokens or 0 for image in images)
    assert num_images > 100 and len(seen) > 10


def test_tower_is_trained_names_what_is_used() -> None:
    tower = VisionTower(VisionConfig(8, 8, 2, 1)).requires_grad_(False)
    assert not tower.is_trained
    tower.get_parameter("encoder.layers.0.layer_norm1.bias").requires_grad_()
    assert tower.is_trained
