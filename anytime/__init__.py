"""Anytime prediction with neural networks: a course and a reproduction kit for AdaLoss."""

__version__ = "0.1.0"
