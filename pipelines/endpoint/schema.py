"""Whether a reply matches the JSON schema that it was asked to match."""

from __future__ import annotations

import functools
from typing import Any

from processors.tasks.replies import reply_json
from schemas.outcome import Refused

MAX_TOLD_CHARS = 160


def mismatch(schema: str, text: str) -> str:
    """Why a reply does not match a schema (JSON text); empty where it does. One fenced block that is the whole reply is read as its content.

    Raises: ValueError for a schema that is none, or refers to another document.
    """
    try:
        told = reply_json(text)
    except Refused as refused:
        return refused.detail
    import referencing.exceptions

    try:
        error = next(iter(_validator(schema).iter_errors(told)), None)
    except referencing.exceptions.Unresolvable as unknown:
        raise ValueError(f"the schema refers to {unknown.ref!r}, which is not in it; nothing is fetched") from None
    if error is None:
        return ""
    place = "/".join(str(step) for step in error.absolute_path)
    return f"at {place or 'the top'}: {error.message[:MAX_TOLD_CHARS]}"


@functools.lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    import json

    import jsonschema
    import referencing

    try:
        told = json.loads(schema)
        kind = jsonschema.validators.validator_for(told, default=jsonschema.Draft202012Validator)
        kind.check_schema(told)
    except (ValueError, jsonschema.SchemaError) as error:
        raise ValueError(f"a prompt's schema is no JSON schema: {str(error)[:MAX_TOLD_CHARS]}") from None
    return kind(told, registry=referencing.Registry())  # an empty registry: the default one would fetch references over the network
