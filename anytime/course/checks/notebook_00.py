"""The checks of notebook 00's exercises."""

from anytime.course.checks.drawn import drawn
from anytime.course.checks.friendly import Answer, Problems, differs, exercise


def _answers(exits: int, images: int) -> tuple:
    """Answers (K, N) that become better exit by exit, and labels (N,), as tensors and arrays."""
    import torch

    generator = drawn()
    labels = generator.integers(10, size=images)
    guesses = generator.integers(10, size=(exits, images))
    knows = generator.random((exits, images)) < generator.uniform(0.3, 0.9, (exits, 1))
    answers = labels * knows + guesses * ~knows
    return torch.from_numpy(answers), torch.from_numpy(labels), answers, labels


@exercise("0.1")
def exit_errors(answer: Answer) -> Problems:
    """(K, N) answered classes, (N,) right classes -> (K,) shares that are wrong."""
    for exits, images in ((6, 40), (3, 25), (1, 7)):
        answers, labels, said, right = _answers(exits, images)
        wrong = (said != right).mean(1)
        yield differs(
            answer(answers, labels),
            wrong,
            f"the errors of {exits} exits on {images} images",
            (
                1 - wrong,
                "these are the shares of right answers; the error is the share of wrong ones.",
            ),
            (images * wrong, "these are numbers of images; divide them by how many there are."),
            (100 * wrong, "these are in percent; an error here lies between 0 and 1."),
            (wrong.mean(), "that is one mean over all exits; keep one number for each exit."),
            ((said != right).mean(0), "these are means over the exits; take them over the images."),
        )


@exercise("0.2")
def gained_and_spoiled(answer: Answer) -> Problems:
    """(K, N) answers, (N,) labels -> shares that only the last, only the first exit has right."""
    for exits, images in ((6, 50), (2, 31), (4, 9)):
        answers, labels, said, right = _answers(exits, images)
        first, last = said[0] == right, said[-1] == right
        gained, spoiled = (last & ~first).mean(), (first & ~last).mean()
        early = (said[:-1] == right).any(0)
        yield differs(
            answer(answers, labels),
            [gained, spoiled],
            f"the two shares of {exits} exits and {images} images",
            ([spoiled, gained], "right, but the gained share comes first, then the spoiled one."),
            ([images * gained, images * spoiled], "these are numbers of images, not shares."),
            ([100 * gained, 100 * spoiled], "these are in percent; a share lies between 0 and 1."),
            ([last.mean(), first.mean()], "leave out the images that both exits get right."),
            (
                [gained, (early & ~last).mean()],
                "compare with exit 1 alone, not with any before the last.",
            ),
        )
