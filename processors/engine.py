"""What all engines share: programs and models that do part of the work, and may be missing."""

from __future__ import annotations


class EngineMissing(RuntimeError):
    """A program, package or model that an engine needs is not there; the message gives the command that installs it."""


class EngineStopped(RuntimeError):
    """An engine cannot go on, whatever it is asked next: its server is gone, its key is refused, its budget is spent.

    It says nothing about the data, so the build stops and no record is refused; the message says what to do.
    """
