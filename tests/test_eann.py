"""Chains against their members one by one, and against the paper's bound."""

import numpy as np
import pytest
import torch
from torch import nn

from anytime import metrics, networks, theory
from anytime.networks import EANN, cost, eann, member_depths

IMAGES = torch.randint(
    0, 256, (5, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
NAMES = ["resann-1-4", "resann-2-4", "resann-4-4"]


@pytest.fixture(scope="module")
def chain():
    return eann(NAMES, seed=3).eval()


@pytest.fixture(scope="module")
def logits(chain):
    with torch.inference_mode():
        return chain(IMAGES)


def test_a_chain_has_the_predictions_of_its_members_one_after_another(chain, logits):
    with torch.inference_mode():
        alone = [logits for member in chain.members for logits in member.refine(IMAGES)]
    assert chain.num_exits == 3 + 6 + 12
    assert torch.equal(logits, torch.stack(alone))


def test_a_named_member_is_the_network_of_its_name_and_seed(chain):
    for j, name in enumerate(NAMES):
        alone = networks.build(name, seed=3 + j).state_dict()
        assert all(torch.equal(alone[key], v) for key, v in chain.members[j].state_dict().items())
    assert chain.name == "resann-1-4+resann-2-4+resann-4-4"


def test_an_exit_costs_the_members_before_and_its_own_part(chain):
    parts = [cost.multiply_adds(member) for member in chain.members]
    before = [0, parts[0][-1], parts[0][-1] + parts[1][-1]]
    expected = [spent + c for spent, part in zip(before, parts, strict=True) for c in part]
    assert cost.multiply_adds(chain).tolist() == expected


@pytest.mark.parametrize("asked", [1, 3, 4, 8, 10])
def test_nothing_is_computed_beyond_the_exit_asked_for(asked, chain):
    ran = []
    parts = [m for n in chain.members for m in (n.stem, *n.segments)]
    hooks = [
        part.register_forward_hook(lambda *_, i=i: ran.append(i)) for i, part in enumerate(parts)
    ]
    with torch.inference_mode():
        for k, _ in enumerate(chain.refine(IMAGES)):
            if k == asked - 1:
                break
    for hook in hooks:
        hook.remove()
    # Segments are numbered with the members' stems, of which there is one per member begun.
    members_begun = 1 + (asked > 3) + (asked > 9)
    assert ran == list(range(asked + members_begun))


def standing_by_hand(widths) -> list[int]:
    """The exits that answer in a chain of ResANNs with n units a block, all units alike."""
    expected, first = [], 0
    for j, n in enumerate(widths):
        for unit in range(1, 3 * n + 1):
            deep_enough = j == 0 or unit >= 3 * widths[j - 1]
            expected.append(first + unit - 1 if deep_enough else first - 1)
        first += 3 * n
    return expected


@pytest.mark.parametrize(("base", "count"), [(2, 4), (3, 3), (4, 2)])
def test_a_member_answers_from_the_depth_of_the_one_before_on(base, count):
    widths = member_depths(base, count)
    with torch.device("meta"):
        members = [networks.build(f"resann-{n}-2") for n in widths]
    assert EANN(members).standing.tolist() == standing_by_hand(widths)


@pytest.mark.parametrize(("base", "count"), [(2, 4), (3, 3), (4, 3)])
def test_the_answer_costs_as_many_times_more_as_in_theory(base, count):
    widths = member_depths(base, count)
    with torch.device("meta"):
        members = [networks.build(f"resann-{n}-2") for n in widths]
    chain = EANN(members)
    units = np.concatenate([np.arange(1, 3 * n + 1) for n in widths])
    spent = np.arange(1, len(units) + 1)  # each unit costs the same, and a chain repeats none
    budget = spent / 3  # in costs of the first network
    factor = spent / units[chain.standing]
    np.testing.assert_allclose(factor, theory.eann_cost_factor(budget, base))
    assert factor.max() < theory.eann_sup(base)


def test_without_expected_errors_both_rules_of_a_chain_are_one():
    """A wide shallow network before narrow deep ones: deeper is not dearer here."""
    chain = eann(["resann-1-16", "resann-3-4", "resann-2-16"])
    costs = [cost.multiply_adds(member) for member in chain.members]
    numbers = [np.arange(len(part)) + 100 * j for j, part in enumerate(costs)]
    answers, spent = metrics.chain_curve([*zip(numbers, costs, strict=True)])
    assert np.concatenate(numbers)[chain.standing].tolist() == answers.tolist()
    assert spent.tolist() == cost.multiply_adds(chain).tolist()
    assert 100 not in answers  # the narrow network's first exit is worth less than what was there


@pytest.mark.parametrize("seed", range(5))
def test_with_expected_errors_the_best_finished_exit_answers(seed, chain, logits):
    errors = np.random.default_rng(seed).integers(3, 9, 21) / 10  # with equals among them
    mine = EANN(chain.members)
    mine.expect(errors)
    answers = mine.answers(logits)
    for k in range(21):
        best = 0
        for i in range(k + 1):
            if errors[i] <= errors[best]:
                best = i
        assert torch.equal(answers[k], logits[best])
        assert mine.standing[k] == best


def test_the_average_is_that_of_the_finished_members_and_the_one_now(chain, logits):
    answers = EANN(chain.members, combine="average").answers(logits).softmax(-1)
    p = logits.softmax(-1)
    # Exits 1-3, 4-9, 10-21; a member counts from exits 3, 6 and 15 on.
    expected = [p[0], p[1], p[2], p[2], p[2]]
    expected += [(p[2] + p[k]) / 2 for k in range(5, 9)]
    expected += [(p[2] + p[8]) / 2] * 5
    expected += [(p[2] + p[8] + p[k]) / 3 for k in range(14, 21)]
    torch.testing.assert_close(answers, torch.stack(expected))


def test_a_stored_chain_keeps_its_expected_errors(chain):
    first, second = EANN(chain.members), EANN(chain.members)
    first.expect(np.linspace(0.2, 0.9, 21))
    second.load_state_dict(first.state_dict())
    assert second.standing.tolist() == [0] * 21


def test_expecting_errors_for_other_exits_is_refused(chain):
    with pytest.raises(ValueError, match="21 numbers"):
        chain.expect([0.1, 0.2])


def test_an_unknown_way_to_combine_and_an_empty_chain_are_refused(chain):
    with pytest.raises(ValueError, match="'best' or 'average'"):
        EANN(chain.members, combine="vote")
    with pytest.raises(ValueError, match="at least one network"):
        EANN([])


def test_depths_grow_by_the_base_and_are_refused_where_they_do_not():
    assert member_depths(2, 5) == (1, 2, 4, 8, 16)
    assert member_depths(1.5, 2) == (1, 2)
    for base in (1, 1.2, 0.5):
        with pytest.raises(ValueError, match="take 2 or more"):
            member_depths(base, 3)


def test_members_of_any_kind_can_be_chained():
    def member(width):
        segments = [nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(width)]
        stem = nn.Sequential(nn.Flatten(), nn.Linear(12, width))
        return networks.AnytimeNetwork(stem, segments, [nn.Linear(width, 2) for _ in segments])

    with pytest.raises(ValueError, match="give the shape of yours"):
        EANN([member(2), member(4)])
    chain = EANN([member(2), member(4)], image_shape=(3, 2, 2))
    assert chain.standing.tolist() == [0, 1, 2, 3, 4, 5]
    assert chain(torch.zeros(7, 3, 2, 2)).shape == (6, 7, 2)


def test_the_parameters_of_a_chain_are_those_of_its_members_in_a_row(chain):
    counts = cost.parameters(chain).tolist()
    assert counts[:3] == cost.parameters(chain.members[0]).tolist()
    ends = [2, 8, 20]
    whole = [sum(p.numel() for p in member.parameters()) for member in chain.members]
    assert [counts[k] for k in ends] == [whole[0], whole[0] + whole[1], sum(whole)]
    # After the last exit of a member comes a stem, a unit and a head of the next.
    second = chain.members[1]
    begun = [*second.stem.parameters(), *second.segments[0].parameters()]
    begun += second.heads[0].parameters()
    assert counts[3] - counts[2] == sum(p.numel() for p in begun)


@pytest.fixture
def stored(tmp_path):
    """A chain whose parameters half precision can hold, its file, and what a record says of it."""
    small = eann(["resann-1-4", "resann-2-4-to5"], num_classes=6, in_channels=1, seed=0)
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.copy_(parameter.half())
    small = EANN(small.members, combine="average").eval()
    small.members[1].standardise.mean = torch.full((1, 16, 16), 17.5)
    small.expect(np.array([1 / 3, 1 / 3 - 1e-9, 0.5, 0.5, 0.2, 0.2, 0.2 + 1e-12, 0.1]))
    return small, tmp_path / "chain.pt", networks.save(small, tmp_path / "chain.pt")


def test_a_stored_chain_comes_back_as_it_was(stored):
    saved, path, record = stored
    again = networks.load(path, record["sha256"])
    assert isinstance(again, EANN) and not again.training
    assert again.name == "resann-1-4+resann-2-4-to5" and again.combine == "average"
    assert torch.equal(again.expected_errors, saved.expected_errors)
    pixels = IMAGES[:, :1]
    with torch.inference_mode():
        assert torch.equal(again(pixels), saved(pixels))


def test_the_record_of_a_stored_chain_says_how_to_build_it(stored):
    _, path, record = stored
    assert (record["num_classes"], record["in_channels"]) == (6, 1)
    assert record["combine"] == "average" and record["bytes"] == path.stat().st_size


def test_a_stored_chain_of_an_unknown_kind_is_refused_by_name(stored):
    _, path, _ = stored
    content = torch.load(path, weights_only=True)
    torch.save(content | {"combine": "vote"}, path)
    with pytest.raises(ValueError, match=r"chain\.pt holds no network.*vote"):
        networks.load(path)


@pytest.mark.parametrize(("base", "count", "ending"), [(2, 3, "-16-stride2"), (3, 3, "-4")])
def test_recorded_curves_in_a_row_are_the_answers_of_the_chain(base, count, ending):
    with torch.device("meta"):
        members = [networks.build(f"resann-{n}{ending}") for n in member_depths(base, count)]
    whole = EANN(members)
    errors = np.random.default_rng(0).random(whole.num_exits)
    parts = np.split(errors, np.cumsum([member.num_exits for member in members])[:-1])
    costs = [cost.multiply_adds(member) for member in members]
    curve = metrics.chain_curve(list(zip(parts, costs, strict=True)))
    assert curve[0].tolist() == errors[whole.standing].tolist()
    assert curve[1].tolist() == cost.multiply_adds(whole).tolist()
