"""The checks of notebook 00's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import exercise, number_differs


@exercise("0.1")
def error_rate(answer: Callable) -> str | None:
    """(N,) predicted classes, (N,) labels -> the share of wrong predictions."""
    import torch

    predicted, labels = torch.tensor([3, 1, 4, 1, 5]), torch.tensor([3, 1, 4, 1, 9])
    mistakes = {
        0.8: "0.8 is the share of right predictions; the error is the share of wrong ones.",
        1.0: "that is the number of wrong predictions; divide it by the number of images.",
        20.0: "that is in percent; an error here is a share between 0 and 1.",
    }
    return number_differs(answer(predicted, labels), 0.2, mistakes, "one mistake in five images")
