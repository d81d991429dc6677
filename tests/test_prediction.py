"""Deadlines on a clock that only the network moves; budgets and early exit on real networks."""

import itertools
import signal
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from anytime import networks
from anytime.networks import EANN, cost, eann
from anytime.prediction import AnytimePredictor, ctrl_c, policies, predict_early

SIZE, CLASSES = 17, 4


def images(count: int, side: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


@pytest.fixture(autouse=True)
def seeded():
    """Layers that a test makes itself draw from torch's own generator."""
    torch.manual_seed(0)


class Work(nn.Module):
    """A segment that takes seconds on the test's clock, and may do something on its way."""

    def __init__(self, clock: "Clock", each: float, image: float = 0.0) -> None:
        super().__init__()
        self.clock, self.each, self.image = clock, each, image
        self.runs, self.action = [], lambda: None

    def forward(self, features):
        self.clock.now += self.each + self.image * len(features)
        self.runs.append(len(features))
        self.action()
        return features.roll(1, 1)


class Clock:
    now, tick = 100.0, 0.0

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def timed(seconds, image: float = 0.0):
    """A predictor whose units take these seconds, and some more per image; and its segments."""
    clock = Clock()
    segments = [Work(clock, each, image) for each in seconds]
    heads = [nn.Linear(12, CLASSES) for _ in segments]
    network = networks.AnytimeNetwork(nn.Flatten(), segments, heads)
    return AnytimePredictor(network, clock), segments


SECONDS = [0.5, 0.25, 2.0, 1.0, 0.125]  # exact in binary
PIXELS = images(SIZE, side=2)


def test_a_deadline_gets_the_last_exit_that_can_be_finished_by_then():
    predictor, _ = timed(SECONDS)
    predictor.calibrate(PIXELS[:1])
    ends = [*itertools.accumulate(SECONDS)]
    for deadline in [*np.random.default_rng(0).uniform(0, 5, 200), *ends]:
        answer = predictor.predict(PIXELS[:1], deadline=1000 * deadline)
        expected = max((k for k in range(5) if ends[k] <= deadline), default=0)
        assert answer.exit.item() == expected + 1
        assert answer.seconds.item() == ends[expected]
        assert answer.late.item() == (deadline < ends[0])


def test_a_deadline_before_the_first_exit_gets_it_late():
    predictor, segments = timed(SECONDS)
    predictor.calibrate(PIXELS[:1], repeats=1)
    for segment in segments:
        segment.runs.clear()
    answer = predictor.predict(PIXELS[:1], deadline=-5)
    assert (answer.exit.item(), answer.late.item()) == (1, True)
    assert [len(segment.runs) for segment in segments] == [1, 0, 0, 0, 0]


def test_no_deadline_is_overshot_by_more_than_its_last_unit_where_times_are_uncertain():
    predictor, segments = timed(SECONDS)
    predictor.calibrate(PIXELS[:1])
    generator, late = np.random.default_rng(1), 0
    for deadline in generator.uniform(1.6, 8, 300):
        for segment, seconds in zip(segments, SECONDS, strict=True):
            segment.each = seconds * generator.uniform(0.5, 3)
        answer = predictor.predict(PIXELS[:1], deadline=1000 * deadline)
        late += answer.late.item()
        # All but the last unit ended early enough for the last to be begun.
        k = answer.exit.item() - 1
        assert answer.seconds.item() - segments[k].each + SECONDS[k] <= deadline + 1e-9
    assert late > 3


def test_the_units_are_held_to_the_quantile_of_their_repeats():
    predictor, segments = timed([1.0, 1.0])
    warm_up = [50.0, 60.0]
    durations = itertools.chain(warm_up, [2.0, 1.0, 4.0, 3.0], itertools.repeat(0.0))

    def slow_down():
        segments[0].clock.now += next(durations)

    segments[0].action = slow_down
    assert predictor.calibrate(PIXELS[:1], repeats=4, quantile=2 / 3).tolist() == [4.0, 1.0]


def test_times_of_batches_in_between_and_beyond_are_inferred():
    # A unit takes 1 s and 0.25 s per image; 1, 4, 16 and 17 images are measured.
    predictor, _ = timed([1.0] * 4, image=0.25)
    predictor.calibrate(PIXELS)
    for count in (1, 2, 9, 17):
        unit = 1 + 0.25 * count
        answer = predictor.predict(PIXELS[:count], deadline=3000 * unit)
        assert answer.exit.tolist() == [3] * count
        answer = predictor.predict(PIXELS[:count], deadline=3000 * unit - 1)
        assert answer.exit.tolist() == [2] * count
    twice = torch.cat([PIXELS, PIXELS])  # takes 9.5 s; twice 17 images would take 10.5 s
    assert predictor.predict(twice, deadline=9500 + 10499).exit.tolist() == [1] * 34
    assert predictor.predict(twice, deadline=9500 + 10501).exit.tolist() == [2] * 34


def test_the_time_to_make_an_answer_is_left_before_the_deadline():
    predictor, _ = timed(SECONDS)
    predictor.clock.tick = 0.125  # whatever looks at the clock takes as long
    predictor.calibrate(PIXELS[:1])
    for deadline in np.random.default_rng(2).uniform(1, 5, 100):
        assert not predictor.predict(PIXELS[:1], deadline=1000 * deadline).late.any()


def test_images_with_little_time_leave_and_the_rest_goes_on_faster():
    predictor, segments = timed([1.0] * 4, image=1.0)
    predictor.calibrate(PIXELS[:3], repeats=1)
    for segment in segments:
        segment.runs.clear()
    # Three images: unit 1 ends after 4 s. Two go on, to 7 s, and one of them to 9 and 11 s.
    # With all three, unit 2 would end after 8 s: too late for the first one, too.
    answer = predictor.predict(PIXELS[:3], deadline=[7900, 11000, 6900])
    assert answer.exit.tolist() == [2, 4, 1]
    assert answer.seconds.tolist() == [7.0, 11.0, 4.0]
    assert not answer.late.any()
    assert [segment.runs for segment in segments] == [[3], [2], [1], [1]]


def test_answers_are_handed_out_as_soon_as_they_are_due():
    predictor, segments = timed([1.0] * 4)
    predictor.calibrate(PIXELS[:5], repeats=1)
    begun, seen = predictor.clock(), []
    for places, answer in predictor.as_completed(
        PIXELS[:5], deadline=[4500, 1500, 2500, 1500, 4500]
    ):
        assert len(answer.label) == len(places)
        seen.append((places.tolist(), predictor.clock() - begun))
    assert seen == [([1, 3], 1.0), ([2], 2.0), ([0, 4], 4.0)]


def test_time_that_the_reader_of_an_answer_takes_is_not_forgotten():
    predictor, _ = timed([1.0] * 4)
    predictor.calibrate(PIXELS[:2], repeats=1)
    parts = predictor.as_completed(PIXELS[:2], deadline=[1500, 4000])
    next(parts)
    predictor.clock.now += 1.5
    (_, answer), *nothing = parts
    assert (answer.exit.item(), answer.seconds.item(), nothing) == (2, 3.5, [])


def test_a_deadline_without_calibration_on_such_images_is_refused():
    predictor, _ = timed([1.0])
    with pytest.raises(ValueError, match=r"call calibrate\(\) on images of shape \(3, 2, 2\)"):
        predictor.predict(PIXELS, deadline=10)
    predictor.calibrate(images(1, side=4)[:, :, :2, :2].reshape(1, 12, 1, 1), repeats=1)
    with pytest.raises(ValueError, match=r"call calibrate\(\) on images of shape \(3, 2, 2\)"):
        predictor.predict(PIXELS, deadline=10)


def test_without_a_limit_the_last_exit_answers():
    predictor, segments = timed(SECONDS)
    assert predictor.predict(PIXELS).exit.tolist() == [5] * SIZE


def test_an_interrupt_from_a_thread_ends_the_prediction_with_the_unit_that_runs():
    predictor, segments = timed(SECONDS)
    running, stop = threading.Event(), threading.Event()

    def other_thread():
        running.wait(60)
        stop.set()

    def third_unit():
        running.set()
        assert stop.wait(60)

    segments[2].action = third_unit
    thread = threading.Thread(target=other_thread)
    thread.start()
    answer = predictor.predict(PIXELS, interrupt=stop)
    thread.join()
    assert answer.exit.tolist() == [3] * SIZE
    assert segments[3].runs == []


def test_an_interrupt_before_the_start_still_gets_the_first_exit():
    predictor, _ = timed(SECONDS)
    stop = threading.Event()
    stop.set()
    assert predictor.predict(PIXELS, interrupt=stop).exit.tolist() == [1] * SIZE


def test_ctrl_c_ends_the_prediction_and_is_itself_again_afterwards():
    predictor, segments = timed(SECONDS)
    segments[1].action = lambda: signal.raise_signal(signal.SIGINT)
    before = signal.getsignal(signal.SIGINT)
    with ctrl_c() as stop:
        assert predictor.predict(PIXELS, interrupt=stop).exit.tolist() == [2] * SIZE
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


# Real networks: their answers must differ from image to image.


def varied(network):
    """The network with each exit's logits shifted and scaled to be like normal ones."""
    logits = network.eval()(images(200))
    for head, mean, std in zip(network.heads, logits.mean(1), logits.std(1), strict=True):
        head[-1].weight.data /= std[:, None]
        head[-1].bias.data = (head[-1].bias.data - mean) / std
    return network


@pytest.fixture(scope="module", params=["resann-2-4", "best", "average"])
@torch.no_grad()
def network(request):
    if request.param == "resann-2-4":
        return varied(networks.build("resann-2-4", CLASSES, seed=1))
    members = eann(["resann-1-4", "resann-2-4"], CLASSES, seed=1).members
    chain = EANN([varied(member) for member in members], request.param)
    chain.expect([0.5, 0.4, 0.3, 0.6, 0.35, 0.2, 0.25, 0.1, 0.15])
    return chain.eval()


def standing(network) -> list[int]:
    """The exits, from 1, that answer in these networks, by hand."""
    return [1, 2, 3, 3, 3, 6, 6, 8, 8] if isinstance(network, EANN) else [*range(1, 7)]


@torch.inference_mode()
def recorded(network, pixels) -> np.ndarray:
    """What is predicted after each exit, for all images: (K, N, classes)."""
    logits = network(pixels)
    return (network.answers(logits) if isinstance(network, EANN) else logits).numpy()


def test_a_budget_buys_the_exits_it_pays_for_to_the_last_multiply_add(network):
    prices = cost.multiply_adds(network, (3, 12, 12))
    budgets = [budget for price in prices for budget in (price - 1, price, price + 1)]
    pixels = images(1).expand(len(budgets), -1, -1, -1)
    answer = AnytimePredictor(network).predict(pixels, budget=budgets)
    paid = [max(int((prices <= budget).sum()), 1) for budget in budgets]
    assert answer.exit.tolist() == [standing(network)[k - 1] for k in paid]


def test_images_with_different_budgets_are_answered_as_if_alone(network):
    prices, pixels = cost.multiply_adds(network, (3, 12, 12)), images(SIZE)
    budgets = np.random.default_rng(0).uniform(0, 1.2 * prices[-1], SIZE)
    predictor = AnytimePredictor(network)
    together = predictor.predict(pixels, budget=budgets)
    for i, budget in enumerate(budgets):
        paid = max(int((prices <= budget).sum()), 1)
        expected = torch.from_numpy(recorded(network, pixels[i : i + 1])[paid - 1, 0]).softmax(0)
        alone = predictor.predict(pixels[i : i + 1], budget=budget)
        assert alone.exit[0] == together.exit[i] == standing(network)[paid - 1]
        torch.testing.assert_close(alone.probabilities[0], expected)
        torch.testing.assert_close(together.probabilities[i], expected)
        assert together.label[i] == expected.argmax()
        assert together.confidence[i] == together.probabilities[i].max()


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_early_exit_gives_the_answers_of_the_policy_on_recorded_logits(policy, network):
    pixels = images(50)
    logits = recorded(network, pixels)
    price = cost.multiply_adds(network, (3, 12, 12))
    threshold = policies.threshold_for(policy, logits, price, 0.75 * price[-1])
    if policy == "patience":  # a budget may get exit 1 alone, or all
        threshold = 1.5
    stops = policies.stops(policy, logits, threshold)
    assert len(set(stops)) > 1
    answer = predict_early(network, pixels, policy, threshold, batch_size=16)
    assert answer.exit.tolist() == [standing(network)[k] for k in stops]
    expected = torch.from_numpy(logits[stops, np.arange(50)]).softmax(-1)
    torch.testing.assert_close(answer.probabilities, expected)
    assert (answer.seconds[16:] > answer.seconds[0]).all()


def test_early_exit_runs_each_segment_for_the_images_that_need_it_alone():
    predictor, segments = timed(SECONDS)
    pixels = images(30, side=2)
    logits = recorded(predictor.network, pixels)
    threshold = float(np.median(policies.exit_scores("confidence", logits)[:2].max(0)))
    stops = policies.stops("confidence", logits, threshold)
    for segment in segments:
        segment.runs.clear()
    predict_early(predictor.network, pixels, "confidence", threshold - 1e-9, batch_size=100)
    needed = [int((stops >= k).sum()) for k in range(5)]
    assert 0 < needed[-1] < 30
    assert [sum(segment.runs) for segment in segments] == needed


def test_a_deadline_ends_what_early_exit_leaves():
    predictor, _ = timed(SECONDS)
    predictor.calibrate(PIXELS[:9], repeats=1)
    sure = np.arange(9) % 2 == 0
    steps = itertools.count()

    def policy(now, before, scores):  # of every second image from exit 2 on
        return sure.astype(float) if next(steps) == 1 else np.zeros(len(now))

    answer = predictor.predict(PIXELS[:9], deadline=3000, early=(policy, 0.5))
    assert answer.exit.tolist() == [2 if one else 3 for one in sure]


def test_a_network_in_training_is_evaluated_and_learns_nothing_from_what_it_predicts():
    network = networks.build("resann-1-4", seed=0).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    expected = network.eval()(images(3))[-1].softmax(-1)
    predictor = AnytimePredictor(network)
    network.train()
    torch.testing.assert_close(predictor.predict(images(3)).probabilities, expected)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_predictor_serves_many_early_exits(network):
    predictor = AnytimePredictor(network)
    again = predict_early(predictor, images(20), "confidence", 0.6)
    anew = predict_early(network, images(20), "confidence", 0.6)
    assert torch.equal(again.exit, anew.exit)
    assert torch.equal(again.probabilities, anew.probabilities)


def test_the_seconds_of_later_batches_are_counted_on_the_predictor_s_clock():
    ticks = itertools.count()
    network = networks.build("resann-1-4", seed=0)
    predictor = AnytimePredictor(network, clock=lambda: float(next(ticks)))
    seconds = predict_early(predictor, images(6), "confidence", 2.0, batch_size=2).seconds
    assert torch.equal(seconds, seconds.round())
    assert (seconds[2:] > seconds[:-2]).all()


class TwoScales(nn.Module):
    """Features in two resolutions, in a list that holds a tuple."""

    def forward(self, features):
        fine, (coarse,) = features if isinstance(features, list) else (features, (features,))
        return [fine.roll(1, 1), (coarse.flip(1),)]


class Joined(nn.Linear):
    def forward(self, features):
        return super().forward(torch.cat([features[0], features[1][0]], 1))


def test_images_leave_networks_whose_features_are_nested():
    heads = [Joined(24, CLASSES) for _ in range(3)]
    network = networks.AnytimeNetwork(nn.Flatten(), [TwoScales() for _ in range(3)], heads)
    prices, pixels = cost.multiply_adds(network, (3, 2, 2)), images(6, side=2)
    answer = AnytimePredictor(network).predict(pixels, budget=prices[[2, 0, 1, 1, 0, 2]])
    assert answer.exit.tolist() == [3, 1, 2, 2, 1, 3]
    expected = recorded(network, pixels)[answer.exit.numpy() - 1, np.arange(6)]
    torch.testing.assert_close(answer.probabilities, torch.from_numpy(expected).softmax(-1))


def test_what_is_handed_out_after_the_deadline_is_late_though_it_was_ready_before():
    predictor, _ = timed(SECONDS)
    predictor.calibrate(PIXELS[:1])
    predictor.clock.tick = 0.125  # whatever looks at the clock takes as long, now
    ready = predictor.predict(PIXELS[:1], deadline=-1).seconds.item()
    for left, late in ((0.0625, True), (0.1875, False)):
        answer = predictor.predict(PIXELS[:1], deadline=1000 * (ready + left), budget=0)
        assert (answer.exit.item(), answer.seconds.item()) == (1, ready)
        assert answer.late.item() == late


def test_a_deadline_runs_from_the_start_that_it_is_given():
    predictor, _ = timed(SECONDS)
    predictor.calibrate(PIXELS[:1])
    begun = predictor.clock()
    predictor.clock.now += 0.5
    answer = predictor.predict(PIXELS[:1], deadline=1300, start=begun)
    assert (answer.exit.item(), answer.seconds.item()) == (2, 1.25)


@pytest.mark.parametrize("stall", [0.5, 1.5, 6.0])
def test_of_deadlines_from_twice_the_first_exit_s_time_on_few_are_missed_beside_others(stall):
    predictor, segments = timed([0.125] * 8)
    predictor.calibrate(PIXELS[:1])
    generator = np.random.default_rng(3)

    def others():  # they come in between once a second, at random
        predictor.clock.now += stall * (generator.random() < 0.125)

    def served(count, longest=1.2 + stall):
        drawn = generator.uniform(0.25, longest, count)
        return [predictor.predict(PIXELS[:1], deadline=1000 * deadline) for deadline in drawn]

    # All but the first unit are delayed, as no rule can help a first exit that is too late.
    for segment in segments[1:]:
        segment.action = others
    served(200)
    answers = served(600)
    late = np.mean([answer.late.item() for answer in answers])
    assert late <= 0.04
    if stall < 5:  # no more is given away than that takes
        assert late >= 0.02

    for segment in segments:
        segment.action = lambda: None
    served(700)
    assert predictor.predict(PIXELS[:1], deadline=1000.0).exit.item() == 8


def test_answers_handed_out_too_late_are_learned_from_though_they_were_there_in_time():
    predictor, _ = timed(SECONDS)
    predictor.calibrate(PIXELS[:1])
    predictor.clock.tick = 0.125  # whatever looks at the clock takes as long, now
    second = cost.multiply_adds(predictor.network, (3, 2, 2))[1]
    ready = predictor.predict(PIXELS[:1], deadline=9000, budget=second).seconds.item()
    answers = [predictor.predict(PIXELS[:1], deadline=1000 * ready + 62.5) for _ in range(100)]
    assert answers[0].late.item() and answers[0].exit.item() == 2
    assert np.mean([answer.late.item() for answer in answers[20:]]) < 0.05


def test_rare_delays_give_little_away():
    predictor, segments = timed([0.125] * 8)
    predictor.calibrate(PIXELS[:1])
    exits = []
    for number in range(300):
        segments[3].each = 0.25 if number % 100 == 99 else 0.125
        exits.append(predictor.predict(PIXELS[:1], deadline=1000.0).exit.item())
    assert np.mean(exits) > 7.8


@pytest.mark.parametrize("deadline", [100.0, 200.0, None, float("inf")])
def test_a_deadline_that_could_not_be_held_and_none_at_all_teach_nothing(deadline):
    predictor, segments = timed([0.125] * 8)
    predictor.calibrate(PIXELS[:1])
    segments[0].each = 9.0
    for _ in range(10):
        predictor.predict(PIXELS[:1], deadline=deadline)
    segments[0].each = 0.125
    assert predictor.predict(PIXELS[:1], deadline=1000.0).exit.item() == 8


ZEROS, HALVES = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)
PICTURE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize("ask", ["predict", "calibrate"])
@pytest.mark.parametrize(
    ("bad", "error", "fix"),
    [
        (
            PICTURE,
            TypeError,
            r"not ndarray.*torch.from_numpy\(np.array\(image\)\).permute\(2, 0, 1\)",
        ),
        (Image.fromarray(PICTURE), TypeError, "not Image; .*torch.stack"),
        ([PICTURE, PICTURE], TypeError, "not list; .*torch.stack"),
        (None, TypeError, "not NoneType"),
        (ZEROS[0], ValueError, r"for one image take image\[None\]"),
        (ZEROS[:0], ValueError, r"not \(0, 3, 2, 2\)"),
        (ZEROS.double(), TypeError, "torch.uint8 or torch.float32, not torch.float64"),
        (ZEROS.long(), TypeError, "not torch.int64"),
        (ZEROS.bool(), TypeError, "not torch.bool"),
        (HALVES, ValueError, r"255 \* images"),
        (HALVES.bfloat16(), ValueError, r"255 \* images"),
        (ZEROS + 1.0, ValueError, r"255 \* images"),
        (ZEROS - 255, ValueError, "lie in -255 ... -255; undo their scaling"),
        (HALVES - 1, ValueError, "lie in -0.5 ... -0.5"),
        (HALVES * 514, ValueError, "lie in 257 ... 257"),
        (HALVES / 0, ValueError, "inf"),
        (ZEROS / 0, ValueError, "nan"),
    ],
)
def test_images_that_cannot_be_read_are_refused_with_the_fix(ask, bad, error, fix):
    predictor, _ = timed(SECONDS)
    with pytest.raises(error, match=fix):
        getattr(predictor, ask)(bad)
    if ask == "predict":
        with pytest.raises(error, match=fix):
            predict_early(predictor, bad, "confidence", 0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_pixels_of_bytes_and_of_floats_are_one(dtype):
    predictor, dark = AnytimePredictor(Plain()), torch.zeros(1, 3, 2, 2, dtype=dtype)
    answer = predictor.predict(pixels(4).to(dtype))
    assert torch.equal(answer.probabilities, predictor.predict(pixels(4)).probabilities)
    assert predictor.predict(dark).exit.item() == 3


@pytest.mark.parametrize("shape", [(2, 1, 12, 12), (2, 12, 12, 3), (2, 4, 12, 12)])
def test_images_of_other_channels_are_refused_with_the_fix(shape):
    predictor = AnytimePredictor(networks.build("resann-1-4", CLASSES, seed=0))
    bad = torch.zeros(shape, dtype=torch.uint8)
    fix = r"cannot read images of shape .*expand\(-1, 3, -1, -1\) or images.permute\(0, 3, 1, 2\)"
    for ask in (predictor.predict, predictor.calibrate):
        with pytest.raises(ValueError, match=fix):
            ask(bad)


@pytest.mark.parametrize(
    "early",
    ["confidence", ("confidence",), ("confidence", "0.9"), ("confidence", float("nan"))]
    + [0.9, ("confidence", None), (0.9, "confidence"), ["confidence", 0.9], "ab"],
    ids=str,
)
def test_early_says_what_it_takes(early):
    predictor, _ = timed(SECONDS)
    with pytest.raises(
        ValueError, match=r'a policy and its threshold, such as \("confidence", 0.9'
    ):
        predictor.predict(PIXELS, early=early)
    for policy in ("c", None, 0.5):
        with pytest.raises(ValueError, match="unknown policy .* there are confidence, entropy"):
            predictor.predict(PIXELS, early=(policy, 0.5))


def test_images_and_limits_of_a_wrong_shape_are_refused():
    predictor, _ = timed(SECONDS)
    with pytest.raises(ValueError, match=r"image\[None\]"):
        predictor.predict(PIXELS[0])
    with pytest.raises(ValueError, match="image"):
        predictor.predict(PIXELS[:0])
    with pytest.raises(ValueError, match="budget must be one number, or one for each of the 17"):
        predictor.predict(PIXELS, budget=[1, 2, 3])
    with pytest.raises(ValueError, match="deadline must be"):
        predictor.predict(PIXELS, deadline=float("nan"))
    with pytest.raises(ValueError, match="unknown policy 'trust'"):
        predict_early(predictor.network, PIXELS, "trust", 0.5)


class Plain(nn.Module):
    """The protocol and nothing more: linear layers on all pixels."""

    num_exits = 3

    def __init__(self, dtype=torch.float32) -> None:
        super().__init__()
        self.asked = 0
        self.layers = nn.ModuleList(nn.Linear(12, 4, dtype=dtype) for _ in range(3))
        self.dtype = dtype

    def refine(self, images):
        for layer in self.layers:
            self.asked += 1
            yield layer(images.to(self.dtype).flatten(1) / 255)


def pixels(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, 3, 2, 2), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_module_with_the_protocol_alone_answers_and_leaves_early(dtype):
    network = Plain(dtype)
    predictor = AnytimePredictor(network)
    predictor.calibrate(pixels(5), repeats=2)
    macs = cost.multiply_adds(network, (3, 2, 2))
    network.asked = 0
    answer = predictor.predict(pixels(5), budget=float(macs[1]))
    assert network.asked == 2 and answer.exit.tolist() == [2] * 5
    with torch.no_grad():
        logits = torch.stack(list(network.refine(pixels(5)))).float()
    assert torch.equal(answer.label, logits[1].argmax(-1))

    threshold = float(logits[0].softmax(-1).amax(-1).median())
    early = predict_early(network, pixels(5), "confidence", threshold, batch_size=3)
    stops = policies.stops("confidence", logits.numpy(), threshold)
    assert early.exit.tolist() == (stops + 1).tolist() and len(set(stops)) > 1
    slow = logits.argmax(-1)[torch.from_numpy(stops), torch.arange(5)]
    assert torch.equal(early.label, slow)


class Contrary(networks.AnytimeNetwork):
    """Refines in a way of its own: each exit's logits are turned round."""

    def refine(self, images):
        for logits in super().refine(images):
            yield -logits


def test_a_subclass_that_refines_in_a_way_of_its_own_is_predicted_with_in_that_way():
    plain = networks.build("resann-1-4-stride2", 4, seed=0)
    network = Contrary(plain.stem, plain.segments, plain.heads).eval()
    images = torch.randint(
        256, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )
    answer = AnytimePredictor(network).predict(images)
    assert torch.equal(answer.label, (-plain.eval()(images)[-1]).argmax(-1))
    cut = AnytimePredictor(network.up_to(2)).predict(images)
    assert torch.equal(cut.label, (-plain(images)[1]).argmax(-1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_chain_in_half_precision_answers_and_leaves_early(dtype):
    chain = eann(["resann-1-4", "resann-2-4"], CLASSES, seed=1).to(dtype).eval()
    with torch.no_grad():
        logits = chain.answers(chain(images(4)))
    scores = policies.exit_scores("confidence", logits)
    threshold = float(np.median(scores))
    answer = predict_early(chain, images(4), "confidence", threshold)
    stops = policies.stops("confidence", logits, threshold)
    assert answer.exit.tolist() == [int(chain.standing[k]) + 1 for k in stops]


def test_a_chain_may_have_members_that_know_the_protocol_alone():
    chain = EANN([Plain(), Plain()], image_shape=(3, 2, 2)).eval()
    answer = AnytimePredictor(chain).predict(pixels(3))
    assert torch.equal(answer.label, chain(pixels(3))[-1].argmax(-1))
