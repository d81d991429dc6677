"""The checks of notebook 00's exercises."""

from anytime.course.checks.friendly import Cases, cases


@cases("0.1", "{} predicted for the labels {}")
def error_rate() -> Cases:
    """(N,) predicted classes, (N,) labels -> the share of wrong predictions."""
    import torch

    right = "0.8 is the share of right predictions; the error is the share of wrong ones."
    count = "that is the number of wrong predictions; divide it by the number of images."
    percent = "that is in percent; an error here is a share between 0 and 1."
    given = torch.tensor([3, 1, 4, 1, 5]), torch.tensor([3, 1, 4, 1, 9])
    yield given, 0.2, (0.8, right), (1.0, count), (20.0, percent)
    yield (torch.tensor([2, 0, 1, 1]), torch.tensor([0, 0, 2, 3])), 0.75
