"""Prediction: the best answer under a deadline, a budget or an interrupt, and early exit."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anytime.prediction.interrupts import ctrl_c
    from anytime.prediction.predictor import Answer, AnytimePredictor, predict_early

__all__ = ["Answer", "AnytimePredictor", "ctrl_c", "predict_early"]

# What needs torch is imported when it is first asked for: policies do without.
_MODULES = {
    "Answer": "predictor",
    "AnytimePredictor": "predictor",
    "ctrl_c": "interrupts",
    "predict_early": "predictor",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
