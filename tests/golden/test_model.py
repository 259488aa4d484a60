"""Golden numbers of the whole model, computed once by transformers with eager attention in float32; no transformers needed here."""

from __future__ import annotations

import zlib

import pytest
import torch

from model.batch import Batch, Mode
from model.multimodal import Phi4MM
from tests.model.golden import golden_audio, golden_batch, golden_image, golden_model, golden_tensor

TEXT = [3, 4, 5, 6, 7, 8, 9, 12, 13, 14]
LOGITS = 1e-5
LOSS = 2e-6
IMAGE, AUDIO = 10, 11


@pytest.fixture(scope="module")
def model() -> Phi4MM:
    return golden_model()


def prompt(sizes: tuple[tuple[int, int], ...] = (), audio_s: tuple[float, ...] = ()) -> Batch:
    """Row 3, the placeholders of images and audio, rows 4 to 6."""
    images = [golden_image(*size) for size in sizes]
    audios = [golden_audio(seconds) for seconds in audio_s]
    placeholders = [IMAGE] * sum(num for _, num in images) + [AUDIO] * sum(-(-len(clip) // 8) for clip in audios)
    return golden_batch([3, *placeholders, 4, 5, 6], tuple(image for image, _ in images), tuple(audios))


# case: batch, adapter, length, logits of the last position, mean loss
CASES = {
    "text": (lambda: golden_batch(TEXT), None, 10, (-0.015756, -0.229620, -0.542533, -1.472555, 0.709169, -0.285567), 4.536875),
    "image 500x300": (
        *(lambda: prompt(((500, 300),)), None, 725),
        *((1.197330, -0.600134, 1.509482, 1.324139, 0.652099, 0.409627), 4.934339),
    ),
    "image 448x448": (
        *(lambda: prompt(((448, 448),)), None, 549),
        *((1.096989, -0.868917, 1.557844, 1.408485, 0.382492, 0.141956), 4.894895),
    ),
    "audio 1 s": (
        *(lambda: prompt(audio_s=(1,)), None, 17),
        *((-2.154598, -0.589310, 0.876422, -0.336461, -0.897742, 1.492952), 4.516302),
    ),
    "image and audio": (
        *(lambda: prompt(((500, 300),), (1,)), None, 738),
        *((1.213717, -0.627878, 1.541007, 1.190101, 0.674198, 0.180592), 4.824016),
    ),
    "audio 45 s": (
        *(lambda: prompt(audio_s=(45,)), None, 567),
        *((-0.635354, 0.127844, 1.244197, -0.337751, -0.153490, 0.748491), None),
    ),
    "text 4,200": (
        *(lambda: golden_batch([12 + n % 50 for n in range(4_200)]), None, 4_200),
        *((-1.593547, 0.455185, -1.129313, 1.917338, 0.002148, -0.866109), None),
    ),
    "text, vision LoRA": (
        *(lambda: golden_batch(TEXT), "vision", 10),
        *((-0.177812, 1.315359, -2.541947, -2.316167, 0.678280, -0.168408), None),
    ),
    "text, speech LoRA": (
        *(lambda: golden_batch(TEXT), "speech", 10),
        *((-1.230641, -0.816000, -1.037931, 0.476771, 0.861866, 0.898061), None),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_logits_and_loss(model: Phi4MM, case: str) -> None:
    make, adapter, length, logits, loss = CASES[case]
    batch = make()
    with torch.no_grad():
        hidden = model(batch, adapter)
        last = model.logits(hidden[-1:])[0]
        losses = model.losses(batch, adapter)
        each, index = losses.each, losses.index
    assert len(batch.ids) == length
    assert last[:6].tolist() == pytest.approx(logits, abs=LOGITS)
    assert index.tolist() == [place for place in range(1, length) if int(batch.labels[place]) >= 0]
    if loss is not None:
        assert float(each.mean()) == pytest.approx(loss, abs=LOSS)


def test_the_golden_weights() -> None:
    assert zlib.crc32(b"model.embed_tokens.weight") == 366643282
    embedding = golden_tensor("model.embed_tokens.weight", (64, 48))
    assert embedding[0, :4].tolist() == pytest.approx([-0.15218313, 0.14761560, -0.23856267, -0.19666477], abs=1e-8)


def test_parameters(model: Phi4MM) -> None:
    assert sum(tensor.numel() for name, tensor in model.named_parameters() if "lora" not in name) == 165_200


def test_the_causal_vision_tower_of_sdpa_is_another_model(model: Phi4MM) -> None:
    """transformers' default attention makes the tower causal when all patches are full; its golden numbers are not ours."""
    wrong = [1.084823, -0.962725, 1.434604, 1.428937, 0.264023, 0.060238]
    batch = prompt(((448, 448),))
    with torch.no_grad():
        last = model.logits(model(batch, None)[-1:])[0, :6]
    assert float((last - torch.tensor(wrong)).abs().max()) > 0.1


def test_image_features(model: Phi4MM) -> None:
    image, num = golden_image(500, 300)
    with torch.no_grad():
        features = model.image_embed([image])
    assert len(features) == num
    assert features[0, :4].tolist() == pytest.approx([1.318110, -0.639892, 0.481977, -0.554392], abs=LOGITS)
    assert features[-1, :4].tolist() == pytest.approx([-0.054179, -0.141321, -0.065722, 0.045706], abs=LOGITS)


def test_audio_features(model: Phi4MM) -> None:
    compat = model.config.hf_compat
    with torch.no_grad():
        encoded = model.audio_embed.encoder([golden_audio(1)], compat)
        speech = model.audio_embed([golden_audio(1)], Mode.SPEECH.audio_projector, compat)
        vision = model.audio_embed([golden_audio(1)], Mode.VISION_SPEECH.audio_projector, compat)
    assert encoded[0, :4].tolist() == pytest.approx([1.647368, -0.976356, 0.405350, 1.136669], abs=LOGITS)
    assert encoded[12, :4].tolist() == pytest.approx([1.696871, -0.940980, 0.378670, 1.023937], abs=LOGITS)
    assert speech[0, :4].tolist() == pytest.approx([0.151453, 0.136099, -0.031693, -0.573734], abs=LOGITS)
    assert vision[0, :4].tolist() == pytest.approx([0.271720, 0.118848, -0.128163, -0.264411], abs=LOGITS)
