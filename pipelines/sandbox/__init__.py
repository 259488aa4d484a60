"""Runs programs that nobody has read: without network or files, within limits, and never outside of the isolation."""
