"""Validation of corpora: a corpus is good when its rows fit the model, and the model learns from them."""

from model.validate.report import Check, State, Validation
from model.validate.run import validate
from model.validate.settings import DEFAULT, THOROUGH, Settings, without_training

__all__ = ["DEFAULT", "THOROUGH", "Check", "Settings", "State", "Validation", "validate", "without_training"]
