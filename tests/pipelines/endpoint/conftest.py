"""The server of chat completions that the tests of a module share, with its rules as they were at first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Server, serving

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(scope="package")
def _running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(_running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _running.set()
    return _running
