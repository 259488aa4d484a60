"""The statistics and parts of checks: exact truths, and what makes each of them say no."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.batch import Batch
from model.examples import example_of
from model.stages import STAGES
from model.validate.contract import row_problems
from model.validate.gradients import masked_problems, part_problems, pass_problems, stages_of
from model.validate.learning import check_ablation, check_memory
from model.validate.longest import fill
from model.validate.pairing import check_pairing
from model.validate.pictures import Seams
from model.validate.report import State
from model.validate.settings import PROBE, Settings
from model.validate.sound import law_deviation, slowed_by, upper_edge_hz
from model.validate.statistics import derangement, paired_p, rows_needed
from model.validate.training import prepare, probe_for
from model.validate.views import view_of
from processors.audio.log_mel import log_mel
from processors.packing import PackSequences
from schemas.parts import Canvas
from schemas.records import PackedSequence
from tests.model.written import clip, conversation, image

SETTINGS = Settings(config=PROBE)


def test_paired_p_of_few_rows_counts_all_signs() -> None:
    assert paired_p(np.array([1.0, 2.0, 3.0])) == 1 / 8
    assert paired_p(np.array([1.0, 2.0, -3.0])) == 5 / 8
    assert paired_p(-np.ones(3)) == 1.0
    assert paired_p(np.zeros(5)) == 1.0


def test_paired_p_of_many_rows_is_students() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1, 40)
    assert 0 < paired_p(differences) < 0.2
    assert paired_p(differences) + paired_p(-differences) == pytest.approx(1)
    assert rows_needed(differences, 0.05) > 40


def test_a_derangement_gives_each_row_another_of_another_group() -> None:
    groups = list("aabbccdd")
    given = derangement(groups, 0, "x")
    assert all(groups[int(other)] != group for group, other in zip(groups, given, strict=True))


def test_the_law_of_the_lowest_bands() -> None:
    features = log_mel(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32))
    assert law_deviation(features) is not None
    assert law_deviation(features) < 1e-5  # type: ignore[operator]
    assert law_deviation(features[:, ::-1]) > 0.05  # type: ignore[operator]
    assert law_deviation(features - features.mean(axis=0) + 5) > 0.05  # type: ignore[operator]
    assert law_deviation(np.zeros((100, 80), np.float32)) is None


def test_the_edge_of_a_spectrum() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000)
    assert upper_edge_hz(log_mel(noise.astype(np.float32))) == 8_000
    spectrum = np.fft.rfft(noise)
    spectrum[int(len(spectrum) * 5_333 / 8_000) :] = 0
    low = np.fft.irfft(spectrum).astype(np.float32)
    edge = upper_edge_hz(log_mel(low))
    assert edge == pytest.approx(5_333, rel=0.05)
    assert slowed_by(11.0, edge) in (22_050 / 16_000, 1.5)
    assert slowed_by(11.0, 5_333) == 1.5
    assert slowed_by(11.0, 8_000) == 0
    assert slowed_by(17.0, edge) == 0  # a recording without high frequencies, spoken as fast as usual


def test_seams_of_a_picture_and_of_its_crops_in_another_order() -> None:
    rows, columns = np.mgrid[0:896, 0:896]
    good, bad = Seams(), Seams()
    for number in range(2):
        smooth = (128 + 60 * np.sin(rows / 40 + number) + 60 * np.cos(columns / 55 + rows / 90)).astype(np.uint8)
        pixels = np.stack([smooth] * 3, axis=2)
        turned = np.concatenate([pixels[448:], pixels[:448]])[:, np.r_[448:896, 0:448]]
        good.see(Canvas(pixels, 896, 896), pixels)
        bad.see(Canvas(turned, 896, 896), turned)
    assert good.check().state is State.PASS
    assert bad.check().state is State.FAIL


def test_pairing_of_copied_words_and_of_shifted_ones() -> None:
    names = ["oak", "elm", "fir", "ash", "yew", "box", "bay", "fig"]
    rows = [conversation(name, [f"The tree in front is the {name}. Which one?"], f"It is the {name}.") for name in names]
    views = [view for row in rows if (view := view_of(row, [])) is not None]
    assert check_pairing(views, 0).state is State.PASS
    shifted = [
        conversation(n, [f"The tree in front is the {n}. Which one?"], f"It is the {m}.")
        for n, m in zip(names, names[1:] + names[:1], strict=True)
    ]
    found = check_pairing([view for row in shifted if (view := view_of(row, [])) is not None], 0)
    assert found.state is State.FAIL
    assert "1 after theirs" in found.sentence or "1 before theirs" in found.sentence
    assert check_pairing(views[:4], 0).state is State.TOO_FEW


def test_stages_that_a_corpus_is_listed_for() -> None:
    assert [stage.name for stage in stages_of("V1-V2")] == ["V1", "V2"]
    assert [stage.name for stage in stages_of("R3, L2")] == ["R3", "L2"]
    assert [stage.name for stage in stages_of("R")] == ["R1", "R2", "R3"]
    with pytest.raises(KeyError, match="there is no stage 'Q7'"):
        stages_of("Q7")


def test_a_frozen_part_with_a_gradient_and_a_trained_one_without_are_found() -> None:
    rows = [conversation("one", [image(60, 60), "What?"], "Noise.")]
    model = probe_for(rows, SETTINGS)
    batch = Batch.join([example_of(row) for row in rows])
    problems, learned, masked = pass_problems(model, batch, STAGES["V1"])
    assert problems == []
    assert learned + masked == len(batch.ids)
    for name, parameter in model.named_parameters():
        parameter.grad = None
        if name == "model.norm.weight":
            parameter.grad = torch.ones_like(parameter)
    assert part_problems(model, batch.mode, STAGES["V1"]) == [
        "decoder, which is frozen, has a gradient",
        "vision_projector, which is trained, has no gradient",
    ]


def test_a_gradient_from_a_masked_token_is_found() -> None:
    grad = torch.zeros(5, 3)
    grad[2] = 1
    assert masked_problems(grad, torch.tensor([3])) == []
    assert masked_problems(grad, torch.tensor([2])) == ["1 positions that predict no learned token have a gradient"]


def test_a_learned_prompt_in_a_packed_row_is_found() -> None:
    rows = [conversation(str(number), [f"Question {number}?"], f"Answer {number}.") for number in range(4)]
    (packed,) = PackSequences(128)(list(rows))
    assert isinstance(packed, PackedSequence)
    assert list(row_problems(packed)) == []
    labels = np.where(packed.segment_ids > 0, packed.input_ids, -100).astype(np.int32)
    starts = np.flatnonzero(np.diff(packed.segment_ids, prepend=0) > 0)
    labels[starts] = -100
    learned = PackedSequence(
        packed.key,
        packed.origin,
        packed.input_ids,
        labels,
        packed.position_ids,
        packed.segment_ids,
        packed.pieces,
        packed.facts,
        packed.parents,
    )
    assert "carries loss outside the assistant's turns" in next(row_problems(learned))


def test_a_pack_is_filled_to_the_token_and_keeps_media_whole() -> None:
    rows = [conversation(str(number), [f"Question {number}?"], f"Answer {number}.") for number in range(3)]
    model = probe_for(rows, SETTINGS)
    pack = fill(prepare(model, [example_of(row) for row in rows])[0], 100)
    assert len(pack.batch.ids) == sum(pack.batch.lengths) == 100
    heard = [conversation("a", [clip(8_000)], "One."), conversation("b", [clip(6_000, 1)], "Two.")]
    model = probe_for(heard, SETTINGS)
    pack = fill(prepare(model, [example_of(row) for row in heard])[0], 60)
    assert pack.audios is not None
    assert len(pack.audios) == int((pack.batch.ids == 200_011).sum())
    assert len(pack.batch.ids) <= 60


def test_contradicting_rows_cannot_be_learned_by_heart() -> None:
    """One question with twelve answers: the loss cannot go below the entropy of the answers."""
    words = ["oak", "elm", "fir", "ash", "yew", "box", "bay", "fig", "hop", "tea", "rye", "oat"]
    settings = replace(SETTINGS, memory_steps=40)
    told = [conversation(str(number), [f"Which tree is {number}?"], word) for number, word in enumerate(words)]
    same = [conversation(str(number), ["Which tree?"], word) for number, word in enumerate(words)]
    assert check_memory(told, settings).state is State.PASS
    found = check_memory(same, settings)
    assert found.state is State.FAIL
    assert float(found.figures["last_loss"]) > 0.6  # ln 12 nats an answer, over its three or four tokens


def test_media_that_are_all_the_same_do_not_matter() -> None:
    answers = ["oak", "elm", "fir", "ash", "yew", "box", "bay", "fig"]
    different = [conversation(word, [clip(6_400, seed), "Which?"], word) for seed, word in enumerate(answers)]
    (found,) = check_ablation(different, SETTINGS)
    assert found.state is State.PASS
    same = [conversation(word, [clip(6_400), "Which?"], word) for word in answers]
    (found,) = check_ablation(same, SETTINGS)
    assert found.state is State.FAIL
