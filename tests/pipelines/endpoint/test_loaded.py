"""Models that the build loads itself: transformers with a small random model; vLLM as far as it can be tested where it cannot be installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import BuildError, Execution, build
from pipelines.endpoint.engine import OpenAiEngine
from pipelines.endpoint.loaded import LoadedEngine, answer_all
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import PlanError
from pipelines.step import resources_of
from processors.engine import EngineMissing
from processors.tasks.writing import Prompt, Reply
from tests.hf import import_transformers
from tests.pipelines.endpoint.build_once import recipe
from tests.pipelines.endpoint.test_transformers_serve import make_model

SCHEMA = '{"type":"integer"}'


def test_what_does_not_match_its_schema_is_asked_again_alone() -> None:
    asked: list[tuple[list[str], int]] = []

    def generate(prompts: Sequence[Prompt], misses: int) -> list[Reply]:
        asked.append(([prompt.text for prompt in prompts], misses))
        return [Reply("7" if prompt.text == "first" or (prompt.text == "later" and misses) else "seven") for prompt in prompts]

    prompts = [Prompt("never", schema=SCHEMA), Prompt("first", schema=SCHEMA), Prompt("later", schema=SCHEMA), Prompt("free")]
    replies = answer_all(prompts, generate)
    assert [reply.text for reply in replies] == ["seven", "7", "7", "seven"]
    assert [reply.why[:25] for reply in replies] == ["does not match the schema", "", "", ""]
    assert asked == [(["never", "first", "later", "free"], 0), (["never", "later"], 1), (["never"], 2)]


def test_media_that_cannot_be_asked_about_are_refused_and_the_others_answered() -> None:
    def generate(prompts: Sequence[Prompt], misses: int) -> list[Reply]:
        return [Reply("Yes") for _ in prompts]

    prompts = [Prompt("a", images=(b"x",)), Prompt("b"), Prompt("c", audios=(b"FORM",))]
    assert [reply.why for reply in answer_all(prompts, generate)] == [
        "",
        "",
        "refused: the audio begins b'FORM', expected a WAV, MP3, FLAC or Ogg file",
    ]
    only = "refused: transformers is asked about texts only here; load the model by vllm, or serve it"
    assert [reply.why for reply in answer_all(prompts, generate, texts_only=True)] == [only, "", only]


def test_identity_is_what_decides_a_reply() -> None:
    base = LoadedEngine("vllm", "m")
    assert LoadedEngine("vllm", "m", num_gpus=4, replicas=2).identity() == base.identity()
    others = [
        LoadedEngine("transformers", "m"),
        LoadedEngine("vllm", "n"),
        LoadedEngine("vllm", "m", "main"),
        LoadedEngine("vllm", "m", temperature=0),
    ]
    others += [LoadedEngine("vllm", "m", top_p=0.5), LoadedEngine("vllm", "m", sampling_seed=1)]
    assert len({engine.identity() for engine in (base, *others)}) == 7
    assert base.identity() != OpenAiEngine("m", "http://h/v1").identity()


def test_a_parameter_chooses_who_loads_the_model() -> None:
    engine = Endpoint("m", loaded_by="vllm", num_gpus=2, model_revision="r", temperature=0.1).engine()
    assert engine == LoadedEngine("vllm", "m", "r", 0.1, num_gpus=2)
    step = recipe("", model="m", loaded_by="vllm", num_gpus=2).steps[0]
    assert resources_of(step) == {"num_cpus": 1, "num_gpus": 2}
    assert resources_of(recipe("", model="m", loaded_by="transformers", num_gpus=0).steps[0]) == {"num_cpus": 1}
    for options, told in (
        ({"loaded_by": "ollama"}, "loaded_by is 'ollama', expected vllm or transformers"),
        ({"loaded_by": "vllm", "num_gpus": 1.5}, "num_gpus is 1.5"),
        ({"loaded_by": "vllm", "replicas": 0}, "replicas is 0"),
        ({"loaded_by": "vllm", "top_p": 0.0}, "top_p 0"),
        ({}, "needs base_url"),
    ):
        with pytest.raises(PlanError, match=told):
            Endpoint("m", **options).engine()  # type: ignore[arg-type]


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_where_vllm_is_missing_the_message_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match=r"not installed here: pip install 'vllm>=0.12' in the environment of the workers"):
        LoadedEngine("vllm", "m").open().__enter__()
    with pytest.raises((BuildError, EngineMissing), match=r"pip install 'vllm>=0\.12'"):
        build(recipe("", model="m", loaded_by="vllm"), tmp_path, Execution(workers=0))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    for package in ("transformers", "torch", "tokenizers"):
        pytest.importorskip(package)
    import_transformers()
    folder = tmp_path_factory.mktemp("loaded") / "tiny"
    make_model(folder)
    return str(folder)


def loaded(model: str, **options: Any) -> LoadedEngine:
    return LoadedEngine("transformers", model, **{"num_gpus": 0, **options})


@pytest.mark.slow
def test_a_loaded_model_says_the_same_whatever_it_is_asked_beside(tiny: str) -> None:
    import torch

    prompts = [Prompt(f"Say {number}", "Be brief", max_tokens=8, sample=sample) for number in range(2) for sample in range(3)]
    with loaded(tiny).open() as write:
        before = torch.random.get_rng_state()
        replies = write(prompts)
        assert write(prompts[::-1])[::-1] == replies
        assert [write([prompt])[0] for prompt in prompts] == replies
        assert torch.equal(torch.random.get_rng_state(), before)  # the process's own generator is left alone
    assert len({reply.text for reply in replies[:3]}) == 3  # samples differ
    for reply in replies:
        assert 0 < reply.num_output_tokens <= 8
        assert reply.num_prompt_tokens > 8
        assert reply.why in ("", "cut at max_tokens")
        assert reply.num_output_tokens == 8 or reply.why == ""
    with loaded(tiny, sampling_seed=1).open() as write:
        assert [reply.text for reply in write(prompts)] != [reply.text for reply in replies]
    with loaded(tiny, temperature=0.0).open() as write:
        first, second, *_ = write(prompts)
        assert first.text == second.text


@pytest.mark.slow
def test_a_build_with_a_loaded_model(tiny: str, tmp_path: Path) -> None:
    plan = recipe("", count=4, model=tiny, loaded_by="transformers", num_gpus=0)
    first = build(plan, tmp_path, Execution(workers=0))
    assert first.totals["num_out"] + first.totals["num_rejects"] == 4
    again = build(plan, tmp_path, Execution(workers=0, rebuild=True))
    assert again.totals == first.totals
    assert again.asked["write"] == 0
