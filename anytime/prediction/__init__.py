"""Prediction: the best answer under a deadline, a budget or an interrupt, and early exit."""

from typing import TYPE_CHECKING

from anytime import lazily

if TYPE_CHECKING:
    from anytime.prediction.interrupts import ctrl_c
    from anytime.prediction.predictor import Answer, AnytimePredictor, predict_early

LATE = {"predictor": "Answer AnytimePredictor predict_early", "interrupts": "ctrl_c"}
__getattr__ = lazily(__name__, LATE)  # policies do without torch
