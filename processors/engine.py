"""What all engines share: programs and models that do part of the work, and may be missing."""

from __future__ import annotations


class EngineMissing(RuntimeError):
    """A program, package or model that an engine needs is not there; the message gives the command that installs it."""
