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
    hf.LlamaForCausalLM(config).save_pretrained(folder)
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
