"""The checks of notebook 04's exercises."""

from anytime.course.checks.friendly import Answer, Cases, Problems, cases, differs, exercise
from anytime.runs import Run


@exercise("4.1")
def exit_losses(answer: Answer) -> Problems:
    """(K, N, classes) logits, (N,) labels -> (K,) mean cross-entropy of each exit."""
    import torch

    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([3, 1, 4, 1])
    images = torch.arange(4)
    surprise = -logits.log_softmax(-1)
    wanted = surprise[:, images, labels].mean(1)

    sums = "that is the sum over the images; take the mean."
    mixed = surprise.flatten(0, 1)[torch.arange(12), labels.repeat_interleave(3)].view(3, 4).mean(1)
    order = "flatten(0, 1) lists all images of exit 1, then all of exit 2: use labels.repeat(K)."
    twice = -logits.softmax(-1).log_softmax(-1)[:, images, labels].mean(1)
    soft = "F.cross_entropy takes logits, not probabilities: leave out the softmax."

    found = answer(logits, labels)
    if isinstance(found, list):
        yield "that is a list; make it one tensor of shape (3,) with torch.stack."
    wrong = (4 * wanted, sums), (mixed, order), (twice, soft)
    yield differs(found, wanted, "3 exits, 4 images", *wrong)
    yield differs(answer(logits[:2], labels), wanted[:2], "2 exits, 4 images")
    if not getattr(found, "requires_grad", False):
        yield "right numbers, but without gradients: leave out detach, item and numpy."


@exercise("4.2")
def power_weighting(answer: Answer) -> Problems:
    """A subclass of Weighting with the weights (i / K)^power."""
    import torch

    from anytime.weighting import Weighting

    for power, wanted in ((2.0, [0.0625, 0.25, 0.5625, 1.0]), (0.0, [1.0] * 4)):
        scheme = answer(4, power=power)
        if not isinstance(scheme, Weighting):
            yield "derive your class from weighting.Weighting."
        if not hasattr(scheme, "weights"):
            yield "hand the weights on with super().__init__(weights, total)."
        yield differs(scheme.weights, wanted, f"4 exits, power {power:g}")

    scheme = answer(4, total=3.0, power=2.0)
    if differs(scheme.weights.sum(), 3.0, "the total"):
        yield "with total=3 the weights should sum to 3: pass `total` on to super().__init__."
    loss = scheme(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    yield differs(loss, 10.0, "the training loss of losses 1, 2, 3, 4, total 3")


@cases("4.3", "the first epoch below {1}")
def first_epoch_below() -> Cases:
    """A run, a level -> the first evaluated epoch whose last test error is below it, or None."""
    history: list[dict] = [{"epoch": epoch, "train_error": [0.0, 0.0]} for epoch in range(1, 9)]
    for epoch, first, last in ((2, 0.3, 0.6), (4, 0.2, 0.4), (6, 0.2, 0.5), (8, 0.1, 0.3)):
        history[epoch - 1]["test_error"] = [first, last]
    run = Run({}, cost=[1, 2], history=history)

    train = "look at the test error of the last exit; 0.45 is first reached in epoch 4."
    early = "return entry['epoch'], not a position, and look at the last exit, not the first."
    place = "that is a position, counted from 0: return entry['epoch']."
    late = "that is the last time; the error was below 0.45 before, in epoch 4."
    yield (run, 0.45), 4, (1, train), (2, early), (3, place), (8, late)
    yield (run, 0.4), 8, (4, "an error of exactly the level is not below it.")
    yield (run, 0.7), 2
    yield (run, 0.1), None


@cases("4.4", "the rate {}, the weights {}")
def effective_learning_rate() -> Cases:
    """Learning rate, (K,) weights -> the learning rate of CONST with steps of the same size."""
    import torch

    total = "divide the total by the number of exits, K."
    mean = "that is the mean weight; multiply it by the learning rate."
    largest = "that is the rate times the largest weight; take the mean of the weights."
    divided = "multiply by the mean weight, don't divide: smaller weights, smaller steps."
    given = 0.1, torch.tensor([0.2, 0.2, 0.4, 1.0])
    yield given, 0.045, (0.18, total), (0.45, mean), (0.1, largest), (0.1 / 0.45, divided)
    yield (0.3, torch.tensor([0.5, 1.0])), 0.225
