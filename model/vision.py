"""Images as the decoder reads them: crops are encoded, stitched, given separators in a fixed layout, and projected.

The tokens of an image: the useful part of the stitched crops, each row ended by `sub_GN`; one `glb_GN`; the 16 rows of the global
view, each ended by `sub_GN` too. Separators are learned in the encoder's width and pass the projector like features.

Legend of shapes: C crops with global views, N tokens of all images, D width of the encoder.
Source: arXiv 2503.01743, section 2.2; the released code of Phi-4-multimodal-instruct (hd_transform_order "sub_glb").
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from model.batch import ImageInput
from model.config import VisionConfig
from model.siglip import CropGroup, CropSize, VisionTower
from processors.image.crops import PATCH, PATCHES, TOKENS, CropPlan
from schemas.parts import CROP

FULL = CropSize(PATCHES, PATCHES)
CHUNK_CROPS = {"cpu": 2, "cuda": 8}  # two crops of a small model stay in a core's cache, which is a quarter faster than nine
KEPT_BYTES = 2 << 30


def plans_of(images: Sequence[ImageInput]) -> list[CropPlan]:
    """Where each image lies on its crops, read off its mask to a whole patch.

    Raises:
        ValueError: a shape that differs from the grid's, a masked global view, or content that is no rectangle reaching every crop.
    """
    for number, image in enumerate(images):
        num_crops = 1 + image.columns * image.rows
        expected = (num_crops, 3, CROP, CROP), (num_crops, PATCHES, PATCHES)
        if (tuple(image.crops.shape), tuple(image.mask.shape)) != expected:
            raise ValueError(
                f"image {number} of a batch: crops {tuple(image.crops.shape)} and mask {tuple(image.mask.shape)} do not fit its grid of "
                f"{image.columns}x{image.rows}; expected {expected[0]} and {expected[1]}"
            )
    masks = torch.cat([image.mask for image in images]).cpu().numpy().astype(bool)  # one transfer for all of them
    plans, start = [], 0
    for number, image in enumerate(images):
        num_crops = 1 + image.columns * image.rows
        mask, start = masks[start : start + num_crops], start + num_crops
        grid = mask[1:].reshape(image.rows, image.columns, PATCHES, PATCHES).transpose(0, 2, 1, 3)
        whole = grid.reshape(image.rows * PATCHES, image.columns * PATCHES)
        height, width = int(whole[:, 0].sum()), int(whole[0].sum())
        reaches = height > PATCHES * (image.rows - 1) and width > PATCHES * (image.columns - 1)
        if not (mask[0].all() and reaches and whole[:height, :width].all() and whole.sum() == height * width):
            raise ValueError(
                f"image {number} of a batch, {image.columns}x{image.rows} crops: its mask counts {int(mask[0].sum())} patches of the global "
                f"view, {int(whole.sum())} of the crops, {height} down and {width} across from the top left; expected all "
                f"{PATCHES * PATCHES} of the view and a rectangle that reaches into every crop, as `patch_mask` makes it"
            )
        plans.append(CropPlan(image.columns, image.rows, PATCH * width, PATCH * height))
    return plans


def crop_sizes(plan: CropPlan) -> list[CropSize]:
    """The global view's, then each crop's, row by row."""
    heights = [min(plan.patch_height - PATCHES * row, PATCHES) for row in range(plan.rows)]
    widths = [min(plan.patch_width - PATCHES * column, PATCHES) for column in range(plan.columns)]
    return [FULL, *(CropSize(height, width) for height in heights for width in widths)]


class ImageEmbed(nn.Module):
    """Images to embeddings of the decoder.

    Crops are encoded in chunks of at most `chunk_crops` whole ones (None: as many as suit the device), which bounds memory. Where the
    encoder learns, activations of the first chunks are kept for the backward pass, about `kept_bytes` of them, and those of the others
    computed again. Where it is frozen nothing is kept.
    """

    def __init__(self, config: VisionConfig, width: int) -> None:
        super().__init__()
        self.chunk_crops: int | None = None
        self.kept_bytes = KEPT_BYTES
        self.glb_GN = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.sub_GN = nn.Parameter(torch.zeros(1, 1, 1, config.hidden_size))
        self.img_projection = nn.Sequential(nn.Linear(config.hidden_size, width), nn.GELU(), nn.Linear(width, width))
        self.img_processor = VisionTower(config)

    def forward(self, images: Sequence[ImageInput]) -> torch.Tensor:
        """The tokens of each image, one image after another. Shapes: (N, width).

        Raises:
            ValueError: no image, or one whose shapes or mask do not fit its grid.
        """
        if not images:
            raise ValueError("no image to embed; expected one or more")
        plans = plans_of(images)
        sizes = [size for plan in plans for size in crop_sizes(plan)]
        crops = [crop for image in images for crop in image.crops]
        order = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)  # whole crops first, equal ones together
        features = self.encode([(sizes[number], crops[number]) for number in order])
        separators = self.sub_GN[0, 0].expand(_num_row_separators(plans), -1), self.glb_GN[0].expand(len(plans), -1)
        places = torch.from_numpy(token_places(plans, order)).to(features.device)
        dtype = self.img_projection.get_parameter("0.weight").dtype  # the encoder may be stored in another one
        return self.img_projection(torch.cat([features, *separators]).index_select(0, places).to(dtype))

    def encode(self, crops: Sequence[tuple[CropSize, torch.Tensor]]) -> torch.Tensor:
        """The encoder's tokens of crops, one crop after another. Shapes: (sum of tokens, D)."""
        tower = self.img_processor
        learns = torch.is_grad_enabled() and (tower.is_trained or any(crop.requires_grad for _, crop in crops))
        chunk_crops = self.chunk_crops or CHUNK_CROPS.get(self.glb_GN.device.type, CHUNK_CROPS["cuda"])
        features, left = [], self.kept_bytes // tower.kept_bytes_per_patch  # patches whose activations may still be kept
        with torch.set_grad_enabled(learns):
            for groups in chunks_of(crops, chunk_crops * FULL.num_patches):
                left -= sum(group.num_patches for group in groups)
                if learns and left < 0:
                    features.append(checkpoint(tower, groups, use_reentrant=False, preserve_rng_state=False))
                else:
                    features.append(tower(groups))
        return torch.cat(features)


def chunks_of(crops: Sequence[tuple[CropSize, torch.Tensor]], chunk_patches: int) -> Iterator[list[CropGroup]]:
    """Crops in order, in chunks of at most `chunk_patches`, or one crop; neighbours of one size in a chunk are a group."""
    start, num_patches = 0, 0
    for stop, (size, _) in enumerate(crops):
        if stop > start and num_patches + size.num_patches > chunk_patches:
            yield _groups_of(crops[start:stop])
            start, num_patches = stop, 0
        num_patches += size.num_patches
    if crops:
        yield _groups_of(crops[start:])


def _groups_of(crops: Sequence[tuple[CropSize, torch.Tensor]]) -> list[CropGroup]:
    return [CropGroup(size, tuple(crop for _, crop in run)) for size, run in itertools.groupby(crops, lambda pair: pair[0])]


def token_places(plans: Sequence[CropPlan], order: Sequence[int]) -> np.ndarray:
    """Where each token of the images lies in a table of encoded crops (in this order), then row separators, then global separators.

    Shapes: order of crop numbers, counted over all images with global views; the places (N,) int64, a permutation.
    """
    sizes = [size for plan in plans for size in crop_sizes(plan)]
    starts, num_features = np.zeros(len(sizes), np.int64), 0
    for number in order:
        starts[number] = num_features
        num_features += sizes[number].num_tokens
    row_separators = num_features + np.arange(_num_row_separators(plans))
    first_global_separator = num_features + len(row_separators)
    found, crop, row = [], 0, 0
    for number, plan in enumerate(plans):
        view, *tiles = (
            start + np.arange(size.num_tokens).reshape(size.rows // 2, -1)
            for start, size in zip(starts[crop : crop + plan.num_crops], sizes[crop : crop + plan.num_crops], strict=True)
        )
        stitched = np.block([tiles[at : at + plan.columns] for at in range(0, len(tiles), plan.columns)])
        ends = row_separators[row : row + plan.token_height + TOKENS, None]
        found.append(np.hstack([stitched, ends[: plan.token_height]]).ravel())
        found.append(np.array([first_global_separator + number]))
        found.append(np.hstack([view, ends[plan.token_height :]]).ravel())
        crop += plan.num_crops
        row += len(ends)
    return np.concatenate(found)


def _num_row_separators(plans: Sequence[CropPlan]) -> int:
    return sum(plan.token_height + TOKENS for plan in plans)
