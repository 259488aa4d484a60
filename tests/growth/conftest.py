"""What the tests of growth share: builds that do not wait for the disk."""

from __future__ import annotations

import os

import pytest

from tests.s3 import s3, s3_server

__all__ = ["no_waiting_for_the_disk", "s3", "s3_server"]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power fails here, and most of the time of these builds would go there."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
