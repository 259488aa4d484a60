"""`attempts`: the pool of attempts at problems, right and wrong, from which the corpora of reasoning are made.

Source: arXiv 2503.01743, section 3.1.3: reasoning data sampled from strong models, kept by rule-based and model-based rejection
sampling, wrong outputs fed back for sampling again. Two stages: every attempt is judged on its own; then the attempts of one problem,
from whatever file or model, are measured together.
"""

from __future__ import annotations

from typing import Any

from pipelines.attempt_stages import Attempts, Judging, Sampling
from pipelines.endpoint_groups import Endpoint
from pipelines.recipe import PlanError
from pipelines.stage import Stage


def attempts(
    source: Any,
    *,
    sampling: Sampling = Sampling(),
    judging: Judging = Judging(),
    endpoint: Endpoint = Endpoint(),
    max_tokens: int = 131_072,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Problems with samples, or with a model to sample from -> attempts with verdicts, pass ratios, pass@k and agreement."""
    stages = Attempts(sampling, judging, endpoint, max_tokens, seed).stages(source, "attempts", "attempts")
    if not stages:
        raise PlanError(
            "the source is a pool of attempts already; name it as the source of cot_pretrain, cot_sft or dpo, or join it with another"
        )
    return stages
