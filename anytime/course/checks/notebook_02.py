"""The checks of notebook 02's exercises."""

import numpy as np

from anytime.course.checks.drawn import drawn
from anytime.course.checks.friendly import Answer, Problems, differs, exercise


@exercise("2.1")
def even_weights(answer: Answer) -> Problems:
    """(K,) lengths of gradients -> (K,) weights that make all shares of the pull equal."""
    longer = "that pulls the uneven further apart: the longer a gradient, the smaller its weight."
    alike = "equal weights leave the shares as uneven as the lengths are."
    square = (
        "with these the longest has the smallest share: the first power of the lengths is enough."
    )
    for exits in (6, 3, 9):
        lengths = drawn().uniform(0.2, 5.0, exits).round(2)
        even = lengths.min() / lengths
        yield differs(
            answer(lengths.copy()),
            even,
            f"the lengths {lengths}",
            (lengths / lengths.max(), longer),
            (np.ones(exits), alike),
            (even**2, square),
        )


def _compared(seeds: int, exits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two arrays of errors (seeds, K), and (K,) where the first is higher in every seed."""
    generator = drawn()
    others = generator.uniform(0.3, 0.7, (seeds, exits))
    wanted = generator.permutation(np.arange(exits) % 3 - 1)
    apart = generator.uniform(0.01, 0.1, (seeds, exits)) * wanted

    # Where the seeds do not agree, the mean has a sign of its own, or one seed is level.
    split = generator.permuted(np.linspace(-0.09, 0.05, seeds)[:, None].repeat(exits, 1), axis=0)
    apart = np.where(wanted == 0, split, apart)
    errors = (others + apart).round(3)
    others = others.round(3)
    level = int(np.flatnonzero(wanted == 0)[0])
    errors[:, level] = others[:, level] + 0.02
    errors[0, level] = others[0, level]
    return errors, others, wanted


@exercise("2.2")
def in_every_seed(answer: Answer) -> Problems:
    """Two (S, K) errors -> (K,): 1 or -1 where all seeds are higher or lower, 0 elsewhere."""
    turned = "that is the sign turned round: 1 says that the first has the higher error."
    means = "that compares means; here every single seed has to agree."
    once = "one seed is not enough: 1 only where the first is higher in all of them."
    half = "and -1 where the first is lower in every seed; that differs from no agreement, 0."
    level = "equal errors are neither higher nor lower: a seed that is level breaks the agreement."
    for seeds, exits in ((3, 6), (2, 4), (5, 9)):
        errors, others, wanted = _compared(seeds, exits)
        apart = errors - others
        higher = (apart > 0).any(0)
        never = (apart >= 0).all(0).astype(int) - (apart <= 0).all(0)
        yield differs(
            answer(errors.copy(), others.copy()),
            wanted,
            f"errors of {seeds} seeds, {errors.tolist()} and {others.tolist()},",
            (-wanted, turned),
            (np.sign(apart.mean(0)), means),
            (np.where(higher, 1, -1), once),
            (wanted == 1, half),
            (never, level),
        )
