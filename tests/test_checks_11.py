"""The checks of notebook 11's exercises: right answers, undone ones, and likely mistakes."""

import numpy as np
import pytest

from anytime.course import checks


def days(macs, images, epochs, per_second):
    return macs * images * epochs * 3 / (per_second * 24 * 3600)


def rate(epoch, start, milestones):
    for first, value in sorted(milestones):
        start = value if epoch >= first else start
    return start


def verdict(differences, limit, ddof=1):
    away = np.mean(differences) / np.std(differences, ddof=ddof) * len(differences) ** 0.5
    return "undecided" if abs(away) < limit else "shown" if away > 0 else "reversed"


RIGHT = {
    checks.training_days: days,
    checks.milestone_rate: rate,
    checks.own_verdict: verdict,
}


def unsorted(epoch, start, milestones):
    for first, value in milestones:
        start = value if epoch >= first else start
    return start


@pytest.mark.parametrize(
    "name, answer, hint",
    [
        ("training_days", lambda *given: days(*given) / 3, "backward costs twice as much again"),
        ("training_days", lambda *given: days(*given) * 2 / 3, "three times in all"),
        ("training_days", lambda *given: days(*given) * 86_400, "in seconds"),
        ("training_days", lambda *given: days(*given) * 24, "in hours"),
        ("training_days", lambda *given: days(*given) / 300, "one epoch"),
        ("milestone_rate", lambda e, s, m: min(m)[1], "the start holds"),
        ("milestone_rate", lambda e, s, m: rate(e - 1, s, m), "from its own epoch on"),
        ("milestone_rate", unsorted, "in whichever order"),
        ("milestone_rate", lambda e, s, m: None, "end it with `return`"),
        ("own_verdict", lambda d, limit: "shown", "'reversed'"),
        ("own_verdict", lambda d, limit: verdict(d, 2.0), "too few"),
        ("own_verdict", lambda d, limit: verdict(d, limit, ddof=0), "4.16 standard errors"),
        ("own_verdict", lambda d, limit: verdict(d[:3], limit), "3.84 standard errors"),
        ("own_verdict", lambda d, limit: None, "you say None"),
    ],
)
def test_a_wrong_answer_is_told_what_is_off(capsys, name, answer, hint):
    getattr(checks, name)(answer)
    assert hint in capsys.readouterr().out
