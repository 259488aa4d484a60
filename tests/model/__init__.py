"""Tests of the reference model, its data, training and validation."""
