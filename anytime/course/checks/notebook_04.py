"""The checks of notebook 04's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import NOTHING, exercise, number_differs, weights_differ


@exercise("4.1")
def exit_losses(answer: Callable) -> str | None:
    """(K, N, classes) logits, (N,) labels -> (K,) mean cross-entropy of each exit."""
    import torch

    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([3, 1, 4, 1])
    surprise = -logits.log_softmax(-1)
    wanted = surprise[:, torch.arange(4), labels].mean(1)
    found = answer(logits, labels)
    if found is None:
        return NOTHING
    if not isinstance(found, torch.Tensor) or found.shape != (3,):
        shape = tuple(getattr(found, "shape", [type(found).__name__]))
        return f"for 3 exits and 4 images return a tensor of shape (3,), yours is {shape}."
    mixed = surprise.flatten(0, 1)[torch.arange(12), labels.repeat_interleave(3)]
    twice = -logits.softmax(-1).log_softmax(-1)[:, torch.arange(4), labels].mean(1)
    mistakes = [
        ("that is the sum over the images; take the mean.", 4 * wanted),
        ("flatten(0, 1) lists all images of exit 1, then all of exit 2: use labels.repeat(K), "
         "which goes through all labels K times.", mixed.view(3, 4).mean(1)),
        ("F.cross_entropy takes logits, not probabilities: leave out the softmax.", twice),
    ]  # fmt: skip
    for text, values in mistakes:
        if torch.allclose(found, values, rtol=1e-4):
            return text
    if not torch.allclose(found, wanted, rtol=1e-4):
        return f"the loss of exit 1 should be {wanted[0]:.3f}, yours is {found[0]:.3f}."
    if not found.requires_grad:
        return "right numbers, but without gradients: leave out detach, item and numpy."
    return None


@exercise("4.2")
def power_weighting(answer: Callable) -> str | None:
    """A subclass of Weighting with the weights (i / K)^power."""
    import torch

    from anytime.weighting import Weighting

    for power, wanted in ((2.0, [0.0625, 0.25, 0.5625, 1.0]), (0.0, [1.0] * 4)):
        scheme = answer(4, power=power)
        if not isinstance(scheme, Weighting):
            return "derive your class from weighting.Weighting."
        if not hasattr(scheme, "weights"):
            return "hand the weights on with super().__init__(weights, total)."
        if off := weights_differ(scheme.weights, wanted, f"4 exits, power {power:g}"):
            return off
    scheme = answer(4, total=3.0, power=2.0)
    if abs(float(scheme.weights.sum()) - 3.0) > 1e-4:
        return "with total=3 the weights should sum to 3: pass `total` on to super().__init__."
    loss = float(scheme(torch.tensor([1.0, 2.0, 3.0, 4.0])))
    return number_differs(
        loss, 3 * 6.25 / 1.875, {}, "the training loss of losses 1, 2, 3, 4, total 3"
    )


@exercise("4.3")
def first_epoch_below(answer: Callable) -> str | None:
    """A run, a level -> the first evaluated epoch whose last test error is below it, or None."""
    from anytime.runs import Run

    errors = {2: [0.3, 0.6], 4: [0.2, 0.4], 6: [0.2, 0.5], 8: [0.1, 0.3]}
    history = [
        {"epoch": epoch, "train_error": [0.0, 0.0]}
        | ({"test_error": errors[epoch]} if epoch in errors else {})
        for epoch in range(1, 9)
    ]
    run = Run({}, cost=[1, 2], history=history)
    hints = {
        (0.45, 1): "look at the test error of the last exit; 0.45 is first reached in epoch 4.",
        (0.45, 2): "if that is a position in a list, return entry['epoch']; if it is the epoch of "
        "the first exit, look at the last.",
        (0.45, 3): "that is a position, counted from 0: return entry['epoch'].",
        (0.45, 8): "that is the last time; the error was below 0.45 before, in epoch 4.",
        (0.4, 4): "an error of exactly the level is not below it.",
    }
    for level, wanted in ((0.45, 4), (0.4, 8), (0.7, 2), (0.1, None)):
        found = answer(run, level)
        if found != wanted:
            general = f"below {level:g} for the first time in epoch {wanted}, you say {found}."
            return hints.get((level, found), general)
    return None


@exercise("4.4")
def effective_learning_rate(answer: Callable) -> str | None:
    """Learning rate, (K,) weights -> the learning rate of CONST with steps of the same size."""
    import torch

    mistakes = {
        0.18: "divide the total by the number of exits, K.",
        0.45: "that is the mean weight; multiply it by the learning rate.",
        0.1: "that is the rate times the largest weight; take the mean of the weights.",
        0.1 / 0.45: "multiply by the mean weight, don't divide: smaller weights, smaller steps.",
    }
    weights = torch.tensor([0.2, 0.2, 0.4, 1.0])
    return number_differs(
        answer(0.1, weights), 0.045, mistakes, "rate 0.1, weights 0.2, 0.2, 0.4, 1"
    )
