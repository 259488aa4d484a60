"""Generation: token by token what the whole forward pass says, alone or in company, across the original context, greedy or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.batch import Batch, Example, Sample
from model.config import HfCompat
from model.generate import _choose, _Run, generate, generate_batch
from model.multimodal import Phi4MM
from tests.model.golden import VOCABULARY, golden_audio, golden_image, golden_model, tiny_g2_config


@pytest.fixture(scope="module")
def model() -> Phi4MM:
    """The golden model with an original context of 16 tokens, so that answers cross it."""
    config = tiny_g2_config()
    small = Phi4MM(replace(config, decoder=replace(config.decoder, original_context=16, context=4_096)), VOCABULARY).eval()
    small.load_state_dict(golden_model().state_dict())
    with torch.no_grad():
        small.model.embed_tokens.weight[10:12] = 0  # else it would answer with placeholders, which a whole forward pass refuses
    return small


def sequence(rows: Sequence[int], images: tuple = (), audios: tuple = ()) -> Sample:
    ids = VOCABULARY.ids[torch.tensor(rows)]
    return Sample(ids, torch.full_like(ids, -100), images, audios)


def batch(*sequences: Sample, key: str = "prompt") -> Batch:
    return Batch.join([Example(f"{key}{number}", (one,)) for number, one in enumerate(sequences)])


def text(length: int, first: int = 0) -> Sample:
    return sequence([12 + (first + 7 * place) % 50 for place in range(length)])


def is_greedy(model: Phi4MM, prompt: Sample, answer: list[int]) -> bool:
    """Whether each token is the likeliest by a whole forward pass; two logits may lie closer together than the error of either way."""
    for place, token in enumerate(answer):
        ids = torch.cat((prompt.ids, torch.tensor(answer[:place], dtype=torch.int64)))
        with torch.no_grad():
            logits = model.logits(model(batch(replace(prompt, ids=ids, labels=torch.full_like(ids, -100))))[-1:])[0]
        if float(logits.max() - logits[VOCABULARY.ids.tolist().index(token)]) > 1e-4:
            return False
    return True


def test_few_tokens_are_greedy(model: Phi4MM) -> None:
    assert sum(is_greedy(model, text(5), [token]) for token in VOCABULARY.ids.tolist()) <= 2


@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(1, 24), min_size=1, max_size=5), first=st.integers(0, 49))
def test_tokens_are_those_of_whole_forward_passes(model: Phi4MM, lengths: list[int], first: int) -> None:
    """Alone and in a batch; the original context of 16 is crossed by some prompts at different tokens, by others never."""
    prompts = [text(length, first + number) for number, length in enumerate(lengths)]
    answers = [*generate_batch(model, batch(*prompts), 8, stops=()), generate(model, batch(prompts[0]), 8, stops=())]
    for prompt, answer in zip([*prompts, prompts[0]], answers, strict=True):
        assert len(answer) == 8 and is_greedy(model, prompt, answer)


def test_what_memory_held_before_changes_nothing(model: Phi4MM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places of the cache that no token has filled yet weigh nothing, whatever lies there."""
    prompts = [text(23, 3), text(4, 9), text(11)]
    before = generate_batch(model, batch(*prompts), 6, stops=())
    empty = torch.empty
    monkeypatch.setattr(
        torch, "empty", lambda *size, **kinds: made.fill_(torch.nan) if (made := empty(*size, **kinds)).is_floating_point() else made
    )
    assert generate_batch(model, batch(*prompts), 6, stops=()) == before


def test_hidden_states_across_the_original_context(model: Phi4MM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is computed again once for each sequence, when its 17th token comes; without that its states are others."""
    prompts = [text(14), text(10, 5), text(20, 9)]
    fills: list[list[int]] = []
    fill = _Run._fill

    def noted(run: _Run, rows: Sequence[int]) -> torch.Tensor:
        fills.append([len(run.embedded[row]) for row in rows])
        return fill(run, rows)

    def stale(run: _Run, rows: Sequence[int]) -> torch.Tensor:
        return fill(run, rows) if len(run.embedded[rows[0]]) == len(prompts[0].ids) else torch.empty(0)

    def worst() -> float:
        with torch.no_grad():
            run = _Run(model, batch(*prompts), None, 40)
            grown = [prompt.ids for prompt in prompts]
            differences = []
            for token in VOCABULARY.ids[20:30]:
                grown = [torch.cat((ids, token[None])) for ids in grown]
                run.step(model.model.embed_tokens(model.rows(token.repeat(3))))
                whole = [model(batch(Sample(ids, ids)))[-1] for ids in grown]
                differences.append(float((run.hidden - torch.stack(whole)).abs().max()))
            return max(differences)

    monkeypatch.setattr(_Run, "_fill", noted)
    assert worst() < 1e-5
    assert fills == [[14, 10, 20], [17], [17]]
    monkeypatch.setattr(_Run, "_fill", stale)
    assert worst() > 1e-2


def test_one_choice_for_a_batch_where_the_switch_says_so(model: Phi4MM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "config", replace(model.config, hf_compat=HfCompat(rope_per_call=True)))
    prompts = batch(text(14), text(3, 5))
    with torch.no_grad():
        run = _Run(model, prompts, None, 40)
        grown = list(prompts.ids.split(prompts.lengths))
        for token in VOCABULARY.ids[20:26]:
            grown = [torch.cat((ids, token[None])) for ids in grown]
            run.step(model.model.embed_tokens(model.rows(token.repeat(2))))
            whole = model(batch(*(Sample(ids, ids) for ids in grown)))
            ends = torch.tensor([len(ids) for ids in grown]).cumsum(0) - 1
            assert float((run.hidden - whole[ends]).abs().max()) < 1e-5


def test_prompts_with_media(model: Phi4MM) -> None:
    """Two prompts with an image and a clip each, of different sizes, under the vision adapter: tokens, and states after them."""
    prompts = []
    for number, (size, seconds) in enumerate((((300, 200), 1.0), ((448, 448), 0.5))):
        image, num_tokens = golden_image(*size)
        clip = golden_audio(seconds)
        rows = [3, *[10] * num_tokens, 4, *[11] * -(-len(clip) // 8), 5, 6 + number]
        prompts.append(sequence(rows, (image,), (clip,)))
    both, token = batch(*prompts), VOCABULARY.ids[20:21]
    answers = generate_batch(model, both, 2, stops=())
    with torch.no_grad():
        run = _Run(model, both, "vision", 800)
        run.step(model.model.embed_tokens(model.rows(token.repeat(2))))
        for prompt, answer, state in zip(prompts, answers, run.hidden, strict=True):
            grown = replace(prompt, ids=torch.cat((prompt.ids, token)), labels=torch.cat((prompt.labels, token)))
            assert float((state - model(batch(grown))[-1]).abs().max()) < 1e-5
            assert len(answer) == 2 and is_greedy(model, prompt, answer)


def test_stops_end_one_answer_and_not_the_others(model: Phi4MM) -> None:
    prompts = [text(5, first) for first in range(4)]
    free = generate_batch(model, batch(*prompts), 12, stops=())
    stops = {free[0][3], free[2][0]}
    found = generate_batch(model, batch(*prompts), 12, stops=stops)
    for before, after in zip(free, found, strict=True):
        first = next((place for place, token in enumerate(before) if token in stops), len(before))
        assert after == before[:first]
    assert len(found[0]) <= 3
    assert found[2] == []
    assert generate_batch(model, batch(*prompts), 0) == [[], [], [], []]


def test_drawn_tokens_depend_on_seed_and_key_and_not_on_company(model: Phi4MM) -> None:
    prompts = [text(6, first) for first in range(3)]
    found = generate_batch(model, batch(*prompts), 10, temperature=1.0, seed=1, stops=())
    assert found == generate_batch(model, batch(*prompts), 10, temperature=1.0, seed=1, stops=())
    assert found != generate_batch(model, batch(*prompts), 10, temperature=1.0, seed=2, stops=())
    assert found[0] == generate(model, batch(prompts[0]), 10, temperature=1.0, seed=1, stops=())
    twice = Batch.join([Example("same", (prompts[0], prompts[0]))])
    first, second = generate_batch(model, twice, 10, temperature=1.0, stops=())
    assert first != second  # two answers to one prompt


def test_a_draw_has_the_probabilities_of_the_logits() -> None:
    """Over 4,000 draws, within four standard deviations; top_p cuts the tail and keeps the proportions of the rest."""
    logits = torch.tensor([0.0, 2.0, 1.0, -1.0])
    for temperature, top_p in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.7), (1.0, 0.2)):
        chances = torch.softmax(logits.double() / temperature, -1).numpy()
        order = np.argsort(-chances)
        kept = order[: int((np.cumsum(chances[order]) < top_p).sum()) + 1]
        expected = np.zeros(4)
        expected[kept] = chances[kept] / chances[kept].sum()
        generators = [np.random.default_rng(seed) for seed in range(4_000)]
        drawn = _choose(logits.repeat(4_000, 1), generators, temperature, top_p)
        shares = np.bincount(drawn.numpy(), minlength=4) / 4_000
        assert (np.abs(shares - expected) <= 4 * np.sqrt(expected * (1 - expected) / 4_000)).all()


def test_a_low_temperature_is_greedy(model: Phi4MM) -> None:
    prompts = batch(text(6), text(9, 3))
    assert generate_batch(model, prompts, 6, temperature=1e-4, stops=()) == generate_batch(model, prompts, 6, stops=())
    assert generate_batch(model, prompts, 6, temperature=5.0, top_p=1e-9, stops=()) == generate_batch(model, prompts, 6, stops=())


def test_training_mode_and_gradients_do_not_matter(model: Phi4MM) -> None:
    clip = golden_audio(0.5)
    spoken = batch(sequence([3, *[11] * -(-len(clip) // 8), 4], audios=(clip,)))
    still = generate(model, spoken, 5, stops=())
    model.train()
    try:
        assert generate(model, spoken, 5, stops=()) == still
        assert model.training
    finally:
        model.eval()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": -1.0}, "temperature -1.0"),
        ({"top_p": 0.0}, "top_p 0.0"),
        ({"max_new_tokens": -1}, "max_new_tokens -1"),
        ({"max_new_tokens": 4_095}, "a prompt of 5 tokens and 4095 new ones are 4100, the context is 4096"),
    ],
)
def test_arguments_that_make_no_sense(model: Phi4MM, arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(model, batch(text(5)), **{"max_new_tokens": 3, **arguments})


def test_one_prompt_is_asked_for(model: Phi4MM) -> None:
    with pytest.raises(ValueError, match="this batch has 2 sequences, generate takes one"):
        generate(model, batch(text(3), text(3)), 2)
