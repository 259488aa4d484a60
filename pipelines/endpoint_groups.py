"""The parameters of a language model behind an endpoint, which every corpus with a writer shares."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from pipelines.endpoint.engine import OpenAiEngine
from pipelines.endpoint.loaded import LoadedEngine
from pipelines.recipe import PlanError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which served model writes where `writer` is openai, and how it is asked. Nothing is sent anywhere unless `base_url` names it.

    The key is taken from the environment variable that `api_key_env` names, never from a build file.
    """

    model: str = ""  # as the server names it
    base_url: str = ""  # http://localhost:8000/v1 is vLLM's, :8080/v1 llama.cpp's, :11434/v1 Ollama's
    model_revision: str = ""  # what the name does not say: weights, quantisation, chat template; another one asks anew
    temperature: float = 0.7
    top_p: float = 1.0
    sampling_seed: int = 0
    api_key_env: str = "OPENAI_API_KEY"
    concurrency: int = 16  # requests under way at most; fewer when the server is overloaded. 64 to 256 for vLLM on a GPU
    timeout_s: float = 300.0  # of one request
    max_tries: int = 8  # of one question before the build stops
    max_requests: int = 0  # of one run; 0 is without a bound
    max_output_tokens_total: int = 0  # written in one run; 0 is without a bound
    tokens_field: str = "max_tokens"  # max_completion_tokens for OpenAI's newer models
    samples_per_request: int = 1  # of one question, where the server takes `n`; else each sample is a request with a seed of its own
    stream: bool = False  # replies in pieces; `timeout_s` is then the wait for the next one: for long thoughts, and proxies that cut
    max_cost: float = 0.0  # money, in the currency of the prices; 0 is without a bound
    prompt_price: float = 0.0  # of a million tokens
    output_price: float = 0.0  # of a million tokens
    keep_thoughts: bool = False  # <think>...</think> before the text, where the server takes the thought out of it
    loaded_by: str = ""  # vllm or transformers: the workers load the model themselves, and no server is asked
    num_gpus: float = 1.0  # of one loaded model; 0 loads it on the processor
    replicas: int = 1  # actors that each load the model
    budget_of: str = "run"  # what the three bounds are of: one run, or "replies", all that was ever spent on this folder of replies

    def engine(self) -> OpenAiEngine | LoadedEngine:
        """Raises: PlanError without model or address, or with a value that no server takes."""
        told = dataclasses.asdict(self)
        told["revision"] = told.pop("model_revision")  # in a build file the model stands beside other things that have a revision
        program = told.pop("loaded_by")
        if not self.model or not (self.base_url or program):
            missing = " and ".join(name for name in ("model", "base_url") if not getattr(self, name))
            raise PlanError(f"writer is 'openai', which needs {missing}; see runbooks/endpoints.md")
        try:
            if program:
                names = [field.name for field in dataclasses.fields(LoadedEngine) if field.name != "program"]
                return LoadedEngine(program, **{name: told[name] for name in names})
            return OpenAiEngine(**{name: value for name, value in told.items() if name not in ("num_gpus", "replicas")})
        except ValueError as error:
            raise PlanError(f"writer 'openai': {error}") from error
