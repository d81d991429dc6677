"""Early-exit policies against a sample-by-sample account in plain Python."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from anytime import metrics
from anytime.prediction import policies

K, N, CLASSES = 6, 80, 4


@pytest.fixture(scope="module")
def logits():
    """Logits that grow surer, as a network's do, but change their mind now and then."""
    generator = np.random.default_rng(0)
    steps = generator.normal(size=(K, N, CLASSES))
    return steps.cumsum(0)


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(1).integers(0, CLASSES, N)


def softmax(row) -> list[float]:
    powers = [math.exp(value) for value in row]
    return [power / math.fsum(powers) for power in powers]


def slow_score(policy: str, exits: list[list[float]]) -> float:
    """The score at the last of the exits that one sample has passed, given its probabilities."""
    last = exits[-1]
    if policy == "confidence":
        return max(last)
    if policy == "entropy":
        return 1 - sum(-p * math.log(p) for p in last) / math.log(CLASSES)
    if policy == "agreement":
        return sum(map(min, last, exits[-2])) if len(exits) > 1 else 0.0
    labels = [exit.index(max(exit)) for exit in exits]
    streak = 0
    while streak < len(labels) and labels[-1 - streak] == labels[-1]:
        streak += 1
    return streak


def slow_exit(policy: str, sample, threshold: float) -> int:
    seen = []
    for k, row in enumerate(sample):
        seen.append(softmax(row))
        if slow_score(policy, seen) >= threshold:
            return k
    return k


CASES = [
    *(("confidence", t) for t in (0.0, 0.5, 0.9, 0.999, 2.0)),
    *(("entropy", t) for t in (0.1, 0.4, 0.8)),
    *(("patience", t) for t in (1, 2, 3, 7)),
    *(("agreement", t) for t in (0.3, 0.6, 0.9)),
]


@pytest.mark.parametrize(("policy", "threshold"), CASES)
def test_each_sample_stops_at_the_first_exit_of_which_the_policy_is_sure(policy, threshold, logits):
    expected = [slow_exit(policy, logits[:, i], threshold) for i in range(N)]
    assert policies.stops(policy, logits, threshold).tolist() == expected


def test_the_cases_above_stop_samples_at_every_exit(logits):
    stops = [policies.stops(policy, logits, threshold) for policy, threshold in CASES]
    assert set(np.concatenate(stops)) == set(range(K))


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_the_scores_are_those_of_the_slow_account(policy, logits):
    expected = [
        [slow_score(policy, [softmax(row) for row in logits[: k + 1, i]]) for i in range(N)]
        for k in range(K)
    ]
    np.testing.assert_allclose(policies.exit_scores(policy, logits), expected, atol=1e-12)


def test_logits_too_large_for_an_exponential_give_certain_answers():
    certain = np.array([[[0.0, 5000.0, 0.0]]], dtype=np.float32)
    for policy in ("confidence", "entropy"):
        assert policies.exit_scores(policy, certain).item() == 1.0


@pytest.mark.parametrize("policy", policies.POLICIES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_logits_of_half_precision_are_read(policy, dtype, logits, labels):
    rounded = torch.tensor(logits).to(getattr(torch, dtype))
    exact, budget = rounded.double().numpy(), float(COST.mean())
    threshold = policies.threshold_for(policy, exact, COST, budget)
    assert policies.threshold_for(policy, rounded, COST, budget) == threshold
    expected = policies.outcome(policy, exact, labels, COST, threshold)
    assert policies.outcome(policy, rounded, labels, COST, threshold) == expected
    for measure in (metrics.calibration_error, metrics.overthinking, metrics.monotonicity):
        np.testing.assert_array_equal(measure(rounded, labels), measure(exact, labels))


@pytest.mark.parametrize("policy", ["confidence", "entropy"])
def test_the_only_class_is_certain(policy):
    assert policies.exit_scores(policy, np.array([[[3.0], [-1.0]]])).tolist() == [[1.0, 1.0]]


def test_a_policy_of_ones_own_is_taken_like_those_with_a_name(logits):
    def margin(now, before, scores):
        ordered = np.sort(now, -1)
        return ordered[:, -1] - ordered[:, -2]

    first, second = np.sort(metrics.probabilities(logits), -1)[..., [-1, -2]].transpose(2, 0, 1)
    np.testing.assert_allclose(policies.exit_scores(margin, logits), first - second)


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_an_answer_that_stands_is_no_second_opinion(policy, logits):
    standing = [0, 1, 1, 1, 4, 5, 5]
    scores = policies.exit_scores(policy, logits[standing])
    different = policies.exit_scores(policy, logits[[0, 1, 4, 5]])
    np.testing.assert_array_equal(scores, different[[0, 1, 1, 1, 2, 3, 3]])


def test_an_unknown_policy_is_answered_by_the_known_ones(logits):
    with pytest.raises(ValueError, match="confidence, entropy, patience, agreement"):
        policies.stops("trust", logits, 0.5)


COST = np.array([10, 25, 30, 60, 80, 100])


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_no_other_threshold_spends_more_within_the_budget(policy, logits):
    few = logits[:, :12]

    def spent(threshold):
        return sum(COST[slow_exit(policy, sample, threshold)] for sample in few.swapaxes(0, 1)) / 12

    scores = {
        slow_score(policy, [*map(softmax, few[:k, i])]) for i in range(12) for k in range(1, K)
    }
    all_that_can_be_spent = [spent(t + 1e-9) for t in (-math.inf, *scores)]
    for budget in (10, 11, 20, 37.5, 50, 90, 99.9, 100, 1000):
        found = spent(policies.threshold_for(policy, few, COST, budget))
        assert found == max(s for s in all_that_can_be_spent if s <= budget)


def test_a_budget_that_does_not_pay_for_the_first_exit_is_refused(logits):
    with pytest.raises(ValueError, match="less than the first exit, 10"):
        policies.threshold_for("confidence", logits, COST, 9.99)


def test_cost_and_error_of_a_policy_are_means_over_samples_at_their_exits(logits, labels):
    stops = [slow_exit("confidence", logits[:, i], 0.8) for i in range(N)]
    cost = sum(float(COST[k]) for k in stops) / N
    wrong = sum(logits[k, i].argmax() != labels[i] for i, k in enumerate(stops)) / N
    found = policies.outcome("confidence", logits, labels, COST, 0.8)
    assert found == pytest.approx((cost, wrong))


def slow_calibration_error(logits, labels, bins: int) -> float:
    groups: dict[int, list[tuple[float, bool]]] = {}
    for row, label in zip(logits, labels, strict=True):
        p = softmax(row)
        place = next(b for b in range(bins) if max(p) < (b + 1) / bins or b == bins - 1)
        groups.setdefault(place, []).append((max(p), p.index(max(p)) == label))
    total = 0.0
    for group in groups.values():
        sure, right = zip(*group, strict=True)
        total += len(group) / len(labels) * abs(sum(sure) / len(group) - sum(right) / len(group))
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_calibration_error_is_the_mean_gap_between_confidence_and_accuracy(
    bins, logits, labels
):
    expected = [slow_calibration_error(at_exit, labels, bins) for at_exit in logits]
    np.testing.assert_allclose(metrics.calibration_error(logits, labels, bins), expected)


def test_certain_and_wrong_answers_have_a_calibration_error_of_one():
    logits = np.full((1, 5, 3), -1000.0)
    logits[..., 0] = 1000.0
    assert metrics.calibration_error(logits, np.full(5, 2)) == [1.0]


def test_overthinking_counts_samples_right_on_the_way_and_wrong_at_the_end(logits, labels):
    expected = []
    for k in range(K):
        guesses = [[row.argmax() for row in logits[:, i]] for i in range(N)]
        right = [[g == labels[i] for g in guesses[i]] for i in range(N)]
        expected.append(sum(any(r[: k + 1]) and not r[-1] for r in right) / N)
    assert expected[-1] > 0.1
    np.testing.assert_allclose(metrics.overthinking(logits, labels), expected)


def test_monotonicity_is_the_share_whose_right_class_becomes_no_less_likely(logits, labels):
    expected = []
    for k in range(K - 1):
        pairs = [(logits[k, i], logits[k + 1, i], labels[i]) for i in range(N)]
        kept = [softmax(b)[label] >= softmax(a)[label] for a, b, label in pairs]
        expected.append(sum(kept) / N)
    np.testing.assert_allclose(metrics.monotonicity(logits, labels), expected)
    assert metrics.monotonicity(logits[[0, 0]], labels) == [1.0]


def test_policies_open_without_torch():
    code = "import sys, anytime.prediction.policies; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
