"""What the assistant says when none of its tools serves: that it makes no call, and which tools it has. It claims nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from processors.tools.schema import Tool
from schemas.identity import keyed_rng

MAX_NAMED = 3
ONE = (
    "I can't do that with the tool I have: `{names}` is for something else, so I am not calling it.",
    "The only function available to me is `{names}`, and it does not answer this request. I won't call it.",
    "None of my tools fits here. I only have `{names}`, which serves another purpose.",
    "I don't have a tool for this. `{names}` is all I was given, and calling it would not help.",
    "Calling `{names}` would not get you what you asked for, and it is the only tool I have.",
    "This is outside of what `{names}`, my only tool, can do, so I make no call.",
    "There is no suitable function for this request. The one I was given, `{names}`, does something different.",
    "With just `{names}` at hand I can't take this on: it does not cover what you are asking.",
)
SEVERAL = (
    "I can't do that with the tools I have. They are {names}, and none of them is made for this.",
    "None of the functions available to me ({names}) answers this request, so I am not calling any.",
    "I don't have a tool for this: {names} serve other purposes.",
    "My tools are {names}. None of them would get you what you asked for, so I make no call.",
    "No call fits here. What I was given, {names}, covers other requests.",
    "There is no suitable function among {names}, so I won't call one.",
    "Of the tools that I have, {names}, not one does what you are asking.",
)
MANY = (
    "I was given {count} tools, but none of them does this, so I make no call.",
    "None of my {count} functions answers this request.",
    "I don't have a tool for this: the {count} that I have serve other purposes.",
    "Not one of the {count} tools available to me would get you what you asked for.",
)
MORE = (
    "",
    "",
    " If you can give me a function that does, I will use it.",
    " Is there something that you would like me to do with it?",
    " If a different tool becomes available, I can try again.",
    " Please tell me if you meant something else.",
)


def no_call_answer(question: str, tools: Sequence[Tool], seed: int, key: str) -> str:
    """A sentence or two, chosen by a hash of seed, key and question."""
    rng = keyed_rng(seed, "no_call", f"{key} {question}")
    names = [tool.name for tool in tools]
    texts = ONE if len(names) == 1 else SEVERAL if len(names) <= MAX_NAMED else MANY
    quoted = names if len(names) == 1 else [f"`{name}`" for name in names]
    said = texts[int(rng.integers(len(texts)))].format(names=_listed(quoted), count=len(names))
    more = MORE[int(rng.integers(len(MORE)))]
    return said + (more.replace("do with it", "do with them") if len(names) > 1 else more)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
