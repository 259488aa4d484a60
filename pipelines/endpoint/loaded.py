"""Models that the build's own workers load, without a server: by vLLM on GPUs, or by transformers where there is no vLLM.

An actor of the asking step holds the model, as a stage of ray.data.llm does, so a cluster's GPUs are used without an address or a key. Prompt,
reply and address are those of a served model. vLLM takes a whole list of prompts and batches them itself, with pictures and audio where the
model takes them, and writes by a schema. transformers answers texts one after the other: for small models and for trying a build out.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from pipelines.endpoint.client import MAX_MISSES
from pipelines.endpoint.messages import CUT, BadPrompt, chat_messages, seed_of
from pipelines.endpoint.schema import mismatch
from processors.engine import EngineMissing
from processors.tasks.writing import Prompt, Reply
from schemas.identity import canonical_json

VLLM, TRANSFORMERS = "vllm", "transformers"
FREE: dict[str, Any] = {"fingerprint": False}

# Prompts and how often a reply of each did not match its schema -> replies.
Generate = Callable[[Sequence[Prompt], int], list[Reply]]


@dataclass(frozen=True, slots=True)
class LoadedEngine:
    """`model` is a folder of a model, or its name at Hugging Face, `revision` a revision there; `num_gpus` (0: none) those of one actor."""

    program: str
    model: str
    revision: str = ""
    temperature: float = 0.7
    top_p: float = 1.0
    sampling_seed: int = 0
    num_gpus: float = field(default=1.0, metadata=FREE)
    replicas: int = field(default=1, metadata=FREE)  # actors that each load the model
    version: ClassVar = 1

    def __post_init__(self) -> None:
        if self.program not in (VLLM, TRANSFORMERS):
            raise ValueError(f"loaded_by is {self.program!r}, expected {VLLM} or {TRANSFORMERS}")
        if not self.model:
            raise ValueError("model is empty, expected a folder or a name at Hugging Face")
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            told = f"temperature {self.temperature:g}, top_p {self.top_p:g}"
            raise ValueError(f"{told}; expected 0 or more, and more than 0 up to 1")
        if self.num_gpus < 0 or (self.num_gpus > 1 and self.num_gpus != int(self.num_gpus)):
            raise ValueError(f"num_gpus is {self.num_gpus:g}, expected a share of one GPU or a whole number")

        if self.replicas < 1:
            raise ValueError(f"replicas is {self.replicas}, expected 1 or more")

    @property
    def name(self) -> str:
        return self.model

    @property
    def resources(self) -> dict[str, float]:
        return {"num_cpus": 1, "num_gpus": self.num_gpus} if self.num_gpus else {"num_cpus": 1}

    def identity(self) -> str:
        """All that decides a reply beside the prompt; another program rounds and samples otherwise."""
        sampling = {"temperature": self.temperature, "top_p": self.top_p, "seed": self.sampling_seed}
        return f"{self.program} {self.version} {canonical_json({'model': self.model, 'revision': self.revision, **sampling})}"

    @contextlib.contextmanager
    def open(self) -> Iterator[Callable[[list[Prompt]], list[Reply]]]:
        """Loads the model. Raises: EngineMissing where the program is not installed."""
        generate = _load_vllm(self) if self.program == VLLM else _load_transformers(self)
        yield lambda prompts: answer_all(prompts, generate, texts_only=self.program == TRANSFORMERS)


def answer_all(prompts: Sequence[Prompt], generate: Generate, texts_only: bool = False) -> list[Reply]:
    """Aligned with the prompts. What does not match its schema is asked again, with other seeds, as often as a served model is."""
    refused = {at: why for at, prompt in enumerate(prompts) if (why := _refusal(prompt, texts_only))}
    found = {at: Reply("", f"refused: {why}") for at, why in refused.items()}
    for misses in range(MAX_MISSES):
        left = [at for at in range(len(prompts)) if at not in found]
        if not left:
            break
        for at, reply in zip(left, generate([prompts[at] for at in left], misses), strict=True):
            why = mismatch(prompts[at].schema, reply.text) if prompts[at].schema and not reply.why else ""
            if not why:
                found[at] = reply
            elif misses + 1 == MAX_MISSES:
                found[at] = replace(reply, why=f"does not match the schema: {why}")
    return [found[at] for at in range(len(prompts))]


def _refusal(prompt: Prompt, texts_only: bool) -> str:
    """Why a prompt cannot be asked; empty where it can."""
    if not (prompt.images or prompt.audios):
        return ""
    if texts_only:
        return "transformers is asked about texts only here; load the model by vllm, or serve it"
    try:
        chat_messages(prompt)
    except BadPrompt as error:
        return str(error)
    return ""


def _load_vllm(engine: LoadedEngine) -> Generate:
    """Source: vllm.LLM.chat and SamplingParams of vLLM 0.12 and later (docs.vllm.ai)."""
    try:
        import vllm
        from vllm.sampling_params import StructuredOutputsParams
    except ImportError as error:
        raise EngineMissing(
            "loaded_by is 'vllm', which is not installed here: pip install 'vllm>=0.12' in the environment of the workers"
        ) from error
    llm = vllm.LLM(
        model=engine.model,
        revision=engine.revision or None,
        tensor_parallel_size=max(1, int(engine.num_gpus)),
        seed=0,  # each request has a seed of its own
    )

    def generate(prompts: Sequence[Prompt], misses: int) -> list[Reply]:
        parameters = [
            vllm.SamplingParams(
                temperature=engine.temperature,
                top_p=engine.top_p,
                max_tokens=prompt.max_tokens,
                seed=seed_of(engine.sampling_seed, prompt.sample, misses),
                structured_outputs=StructuredOutputsParams(json=json.loads(prompt.schema)) if prompt.schema else None,
            )
            for prompt in prompts
        ]
        outputs = llm.chat([chat_messages(prompt) for prompt in prompts], parameters, use_tqdm=False)
        return [
            Reply(
                output.outputs[0].text,
                CUT if output.outputs[0].finish_reason == "length" else "",
                engine.model,
                len(output.prompt_token_ids or ()),
                len(output.outputs[0].token_ids),
            )
            for output in outputs
        ]

    return generate


def _load_transformers(engine: LoadedEngine) -> Generate:
    """Source: AutoModelForCausalLM, apply_chat_template and generate of transformers 5."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise EngineMissing("loaded_by is 'transformers', which is not installed here: pip install 'transformers>=5' torch") from error
    revision = engine.revision or "main"
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(engine.model, revision=revision)
    device = "cuda" if engine.num_gpus and torch.cuda.is_available() else "cpu"
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(engine.model, revision=revision, dtype="auto")
    model = model.to(device).eval()
    sampling: dict[str, Any] = {"do_sample": False}
    if engine.temperature:
        sampling = {"do_sample": True, "temperature": engine.temperature, "top_p": engine.top_p, "top_k": 0}

    def answer(prompt: Prompt, misses: int) -> Reply:
        asked = tokenizer.apply_chat_template(chat_messages(prompt), add_generation_prompt=True, return_dict=True, return_tensors="pt").to(
            device
        )
        with torch.random.fork_rng(devices=None if device == "cuda" else []), torch.inference_mode():
            torch.manual_seed(seed_of(engine.sampling_seed, prompt.sample, misses))
            whole = model.generate(**asked, max_new_tokens=prompt.max_tokens, **sampling)
        num_asked = asked["input_ids"].shape[1]
        said = whole[0, num_asked:]
        ends = model.generation_config.eos_token_id
        ended = len(said) > 0 and int(said[-1]) in (ends if isinstance(ends, list) else [ends])
        return Reply(tokenizer.decode(said, skip_special_tokens=True), "" if ended else CUT, engine.model, num_asked, len(said))

    return lambda prompts, misses: [answer(prompt, misses) for prompt in prompts]
