"""Builds in which everything breaks, drawn by a seed: `python -m tests.chaos --builds 100 --seed 0` (see runbooks/chaos.md)."""
