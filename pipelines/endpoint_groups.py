"""The parameters of a language model behind an endpoint, which every corpus with a writer shares."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.endpoint.engine import OpenAiEngine
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

    def engine(self) -> OpenAiEngine:
        """Raises: PlanError without model or address, or with a value that no server takes."""
        if not self.model or not self.base_url:
            missing = " and ".join(name for name in ("model", "base_url") if not getattr(self, name))
            raise PlanError(f"writer is 'openai', which needs {missing}; see runbooks/endpoints.md")
        try:
            return OpenAiEngine(
                self.model,
                self.base_url,
                self.model_revision,
                self.temperature,
                self.top_p,
                self.sampling_seed,
                self.api_key_env,
                self.concurrency,
                self.timeout_s,
                self.max_tries,
                self.max_requests,
                self.max_output_tokens_total,
                self.tokens_field,
            )
        except ValueError as error:
            raise PlanError(f"writer 'openai': {error}") from error
