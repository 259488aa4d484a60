"""The picture side against transformers' own, in eager attention and float32, with random weights of the golden sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model.batch import ImageInput
from model.convert import transformers_name
from model.vision import ImageEmbed, crop_sizes, plans_of
from tests.hf import import_transformers
from tests.model.test_vision import SHAPES, WIDTH, golden_embed, image_of

pytestmark = pytest.mark.parity
PREFIX = "model.embed_tokens_extend.image_embed."
PLACEHOLDER = 10


def their_embed(ours: ImageEmbed) -> Any:
    transformers = import_transformers()
    config = transformers.Phi4MultimodalConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "image_token_id": PLACEHOLDER,
        },
        **{"hidden_size": WIDTH, "vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
    )
    config.vision_config._attn_implementation = "eager"  # under "sdpa" unmasked crops attend causally
    theirs = transformers.models.phi4_multimodal.modeling_phi4_multimodal.Phi4MultimodalImageEmbedding(config).eval()
    named = {transformers_name(PREFIX + name)[1].removeprefix(PREFIX): tensor for name, tensor in ours.state_dict().items()}
    found = theirs.load_state_dict(named)  # strict: every name and shape
    assert (found.missing_keys, found.unexpected_keys) == ([], [])
    return theirs


def stacked(images: list[ImageInput]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Their inputs: crops and masks of all images filled to the most crops, missing ones with zeros and ones; sizes [TH, TW]."""
    most = max(len(image.crops) for image in images)
    crops, masks = torch.zeros(len(images), most, 3, 448, 448), torch.ones(len(images), most, 32, 32)
    for number, image in enumerate(images):
        crops[number, : len(image.crops)] = image.crops
        masks[number, : len(image.crops)] = image.mask
    return crops, masks, torch.tensor([[448 * image.rows, 448 * image.columns] for image in images])


CASES = {
    "mixed, with dummy crops": [SHAPES["odd width"], SHAPES["full"]],
    "all full": [SHAPES["full"]],
    "odd height": [SHAPES["odd height"], SHAPES["one column"]],
    "odd both": [SHAPES["both"]],
}


@pytest.mark.parametrize("case", CASES)
def test_as_transformers(case: str) -> None:
    ours = golden_embed()
    images = [image_of(*shape, seed=seed) for seed, shape in enumerate(CASES[case])]
    theirs = their_embed(ours)
    crops, masks, sizes = stacked(images)
    with torch.no_grad():
        found = ours(images)
        ids = torch.full((1, len(found)), PLACEHOLDER)  # as many as ours are: theirs refuses another number
        expected = theirs(ids, torch.zeros(1, len(found), WIDTH), crops, sizes, masks)[0]
        assert float((found - expected).abs().max()) < 1e-5
        pooled = theirs.get_img_features(crops.flatten(0, 1), masks.flatten(0, 1).bool()).view(len(images), -1, 16, 16, 32)
        for image, plan, features in zip(images, plans_of(images), pooled, strict=True):
            ours_by_crop = ours.encode(list(zip(crop_sizes(plan), image.crops, strict=True)))
            kept = [
                their[: size.rows // 2, : size.columns // 2].flatten(0, 1) for size, their in zip(crop_sizes(plan), features, strict=False)
            ]
            assert float((ours_by_crop - torch.cat(kept)).abs().max()) < 1e-5


def test_gradients_as_transformers() -> None:
    """Of every parameter, two images in one call; where transformers runs the last layer for nothing, it gives no gradient either."""
    ours, images = golden_embed(), [image_of(*SHAPES["odd width"]), image_of(*SHAPES["both"], seed=1)]
    theirs = their_embed(ours)
    found = ours(images)
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(7)) / len(found)
    (found * weight).sum().backward()
    crops, masks, sizes = stacked(images)
    ids = torch.full((1, len(found)), PLACEHOLDER)
    (theirs(ids, torch.zeros(1, len(found), WIDTH), crops, sizes, masks)[0] * weight).sum().backward()
    by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        expected = by_name[transformers_name(PREFIX + name)[1].removeprefix(PREFIX)].grad
        assert (parameter.grad is None) == (expected is None or not bool(expected.any())), name
        if parameter.grad is not None and expected is not None:
            scale = float(expected.abs().max())
            assert float((parameter.grad - expected).abs().max()) < 1e-4 * scale + 1e-7, name
