"""The engine against somebody else's server: `transformers serve` with a small random model that the test makes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Execution, build
from pipelines.endpoint.engine import OpenAiEngine
from processors.engine import EngineStopped
from processors.tasks.writing import Prompt
from schemas.corpus import Corpus
from tests.pipelines.endpoint.build_once import recipe
from tests.servers import ROOT

pytestmark = pytest.mark.slow
TEMPLATE = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}<|assistant|>"


SERVE = "from tests.hf import import_transformers; import_transformers(); from transformers.cli.transformers import main; main()"


def make_model(folder: Path) -> None:
    """A Llama of a few thousand parameters, and a tokeniser of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from tests.hf import import_transformers

    hf = import_transformers()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    vocabulary = {piece: number for number, piece in enumerate([*specials, *alphabet])}
    bytes_ = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_.pre_tokenizer, bytes_.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bytes_.add_special_tokens(specials)
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=bytes_, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    model = hf.LlamaForCausalLM(config)
    model.generation_config.do_sample = True  # the server samples only where the model's own settings do
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The model's name and the server's address."""
    for package in ("fastapi", "uvicorn", "accelerate", "transformers"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("served")
    make_model(folder / "tiny")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", SERVE, "serve", str(folder / "tiny"), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}
        )
    try:
        for _ in range(900):
            assert process.poll() is None, (folder / "log").read_text()[-3_000:]
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        yield str(folder / "tiny"), f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_questions_are_answered_by_a_real_server(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    model, base_url = served
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAiEngine(model, base_url, timeout_s=120.0, concurrency=4, max_tries=3).open() as write:
        replies = write([Prompt(f"Say {number}", "Be brief", max_tokens=12) for number in range(8)])
    assert len(replies) == 8
    for reply in replies:
        assert reply.text
        assert reply.why in ("", "cut at max_tokens")  # a random model hardly ever ends by itself
        assert 0 < reply.num_output_tokens <= 12
        assert reply.num_prompt_tokens > 8


def test_a_model_that_the_server_has_not_stops_the_engine(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAiEngine("nobody/nothing", served[1], timeout_s=60.0, max_tries=2).open() as write, pytest.raises(EngineStopped):
        write([Prompt("Hi", max_tokens=4)])


def served_engine(served: tuple[str, str], **options: Any) -> OpenAiEngine:
    return OpenAiEngine(*served, **{"timeout_s": 120.0, "concurrency": 1, "max_tries": 3, **options})


def test_a_stream_of_a_real_server_is_as_its_whole_response(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    prompts = [Prompt(f"Say {number}", max_tokens=12) for number in range(3)]
    found = []
    for stream in (False, True):
        with served_engine(served, stream=stream).open() as write:
            found.append(write(prompts))
    assert [reply.why for reply in found[1]] == [reply.why for reply in found[0]]
    assert all(reply.text for reply in found[1])
    assert [reply.text for reply in found[1]] == [reply.text for reply in found[0]]  # each request has the same seed again


def test_samples_of_a_real_server_differ_and_come_again_with_their_seeds(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    prompts = [Prompt("Say something", max_tokens=12, sample=sample) for sample in range(4)]
    found = []
    for seed in (0, 0, 1):
        with served_engine(served, sampling_seed=seed).open() as write:
            found.append([reply.text for reply in write(prompts)])
    assert len(set(found[0])) == 4
    assert found[1] == found[0]
    assert found[2] != found[0]


def test_what_a_real_server_overlooks_is_noticed(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers takes no heed of `n` and `response_format`: samples that lack are asked for, and the reply is compared with its schema."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    prompts = [Prompt("Say something", max_tokens=12, sample=sample) for sample in range(3)]
    with served_engine(served, samples_per_request=3).open() as write:
        together = write(prompts)
    with served_engine(served).open() as write:
        assert [reply.text for reply in write(prompts)] == [reply.text for reply in together]  # each came with its own seed
        (reply,) = write([Prompt("Say 3", max_tokens=500, schema='{"type":"integer"}')])
    assert reply.why.startswith(("does not match the schema", "cut at max_tokens"))


def test_a_build_asks_a_real_server_once(served: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, base_url = served
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    plan = recipe(base_url, count=6, model=model, timeout_s=120.0)
    first = build(plan, tmp_path, Execution(workers=0))
    assert first.totals["num_out"] + first.totals["num_rejects"] == 6
    assert set(first.totals["rejects"]) <= {"bad_reply"}
    assert {row["detail"].split(";")[0] for row in Corpus(first.path).rejects()} <= {"cut at max_tokens"}
    again = build(plan, tmp_path, Execution(workers=0, rebuild=True))
    assert again.totals == first.totals
    assert again.asked["write"] == 0
