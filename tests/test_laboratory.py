"""The laboratory: its trainings are those of `train`, and whoever watches can stop them."""

import asyncio
import re
from dataclasses import replace

import jupyter_client
import numpy as np
import pytest
import torch
from matplotlib import rc_context

from anytime import datasets, networks, weighting
from anytime.course import laboratory
from anytime.course.laboratory import Laboratory, Training, compare
from anytime.training import Recipe, train

SMALL = "resann-1-4-stride4", 100, 2
ADALOSS = "adaloss:every=1"


@pytest.fixture(autouse=True)
def small_and_one_step_at_a_time(monkeypatch):
    monkeypatch.setattr(laboratory, "SIZES", {"one minute here": SMALL, laboratory.GPU: SMALL})
    monkeypatch.setattr(laboratory, "REDRAW", 1e9)
    monkeypatch.setattr(Training.advance, "__defaults__", (-1.0,))
    whole = datasets.load("fashion", train_size=SMALL[1])
    few = replace(whole, test=datasets.subset(whole.test, 20, seed=0))
    monkeypatch.setattr(laboratory.datasets, "load", lambda *_, **__: few)


def by_train(spec, seed=0):
    """The record and the network that the package's own loop makes."""
    network = networks.build(SMALL[0], in_channels=1, seed=seed)
    recipe = Recipe(epochs=SMALL[2], batch_size=50, augmentation=("flip",))
    data = datasets.load("fashion")
    scheme = weighting.build(spec, network.num_exits)
    return train(network, scheme, data, recipe, seed=seed, progress=False), network


def said(lab):
    return re.sub("<[^>]*>", "", lab.text.value)


def press(lab, name):
    (button,) = (b for b in lab.starts.children + lab.stops.children if b.description == name)
    button.click()


async def until(condition):
    """Lets the laboratory train until something holds; never for ever."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


def steps(lab):
    return [training.session.step for training in lab.trainings]


# One training


def test_a_training_in_slices_is_that_of_train_to_the_last_digit():
    training = Training(ADALOSS, seed=3)
    while training.advance():
        torch.rand(7)  # what else happens between two slices changes nothing
    run, network = by_train(ADALOSS, seed=3)
    assert training.run.history == run.history and training.run.config == run.config
    assert training.run.finished
    ours = training.session.network.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in network.state_dict().items())


def test_a_training_leaves_random_numbers_and_threads_as_they_were():
    torch.manual_seed(0)
    wanted, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(0)
    Training("const").advance()
    assert torch.equal(torch.rand(3), wanted) and torch.get_num_threads() == threads


def test_the_weights_that_are_drawn_are_those_of_each_step():
    training = Training(ADALOSS)
    while training.advance():
        pass
    epochs, weights = zip(*training.weights, strict=True)
    assert epochs == (0.5, 1.0, 1.5, 2.0)
    assert weights[0].tolist() == [1, 1, 1]
    assert np.allclose(weights[-1], training.run.final("weights"), rtol=1e-4)


def test_a_slice_ends_when_its_time_is_over(monkeypatch):
    training, clock = Training("const"), iter(np.arange(0, 100, 0.1))
    monkeypatch.setattr(laboratory.time, "monotonic", lambda: next(clock))
    assert training.advance(0.05)
    assert training.session.step == 1


def test_a_slice_ends_with_the_epoch_however_much_time_is_left():
    training = Training("const")
    assert training.advance(1e9) and training.run.epochs == 1
    assert training.advance(1e9) and training.run.epochs == 2
    assert not training.advance(1e9)


# Two of them


@pytest.mark.filterwarnings("error")
def test_a_picture_keeps_its_place_whatever_layout_a_notebook_has_chosen():
    with rc_context({"figure.constrained_layout.use": True}):
        figure = laboratory.picture([Training("const"), Training("linear")])
        figure._repr_png_()
    assert figure.axes[0].get_position().x0 == pytest.approx(0.11)


def test_one_line_trains_and_draws_errors_and_weights_of_each():
    figure = compare("linear", ADALOSS, seed=1)
    top, bottom = figure.axes[:2], figure.axes[2:]
    assert [ax.get_title() for ax in top] == ["LINEAR", "AdaLoss"]
    for spec, ax in zip(("linear", ADALOSS), top, strict=True):
        drawn = np.array([line.get_ydata() for line in ax.lines]).T
        assert np.array_equal(drawn, by_train(spec, seed=1)[0].values("test_error"))
    assert [line.get_ydata()[-1] for line in bottom[0].lines] == [0.25, 0.625, 1]


def test_two_buttons_train_two_networks_side_by_side_as_train_does():
    async def use():
        lab = Laboratory("const", ADALOSS)
        press(lab, "CONST")
        press(lab, "AdaLoss")
        await until(lambda: said(lab).startswith("finished"))
        return lab

    lab = asyncio.run(use())
    for training, spec in zip(lab.trainings, ("const", ADALOSS), strict=True):
        assert training.run.history == by_train(spec)[0].history
    assert "CONST, seed 0, on cpu: epoch 2, test errors " in said(lab)
    assert 'alt="Errors of the exits' in lab.picture.value


def test_others_get_their_turn_while_it_trains_and_stop_is_obeyed_at_once():
    async def use():
        lab = Laboratory("const", ADALOSS)
        press(lab, "AdaLoss")
        await until(lambda: steps(lab) == [1])  # this line runs between two steps
        press(lab, "Stop")
        await asyncio.sleep(0.05)
        stopped = steps(lab)
        assert stopped[0] <= 2 and said(lab).startswith("stopped")
        await asyncio.sleep(0.05)
        assert steps(lab) == stopped

        press(lab, "Go on")
        await until(lambda: said(lab).startswith("finished"))
        return lab

    (training,) = asyncio.run(use()).trainings
    assert training.run.history == by_train(ADALOSS)[0].history


def test_a_third_training_takes_the_place_of_the_oldest():
    async def use():
        lab = Laboratory("const", "linear", "opt")
        for name in ("CONST", "LINEAR", "OPT"):
            press(lab, name)
        lab.stop()
        return [training.title for training in lab.trainings]

    assert asyncio.run(use()) == ["LINEAR", "OPT"]


def test_a_laboratory_that_is_opened_again_stops_the_one_before():
    async def use():
        first = Laboratory("const")
        press(first, "CONST")
        Laboratory("const")
        await until(lambda: said(first).startswith("stopped"))

    asyncio.run(use())


@pytest.fixture
def own(monkeypatch):
    """Two weightings of one's own, by the names early and infinite."""
    for name in ("early", "infinite"):
        monkeypatch.setitem(weighting.SCHEMES, name, None)  # forgotten again after the test

    @weighting.register("early")
    class Early(weighting.Weighting):
        def __init__(self, num_exits, total=None):
            super().__init__(torch.linspace(1, 0.5, num_exits), total)

    @weighting.register("infinite")
    class Infinite(weighting.Weighting):
        def __init__(self, num_exits, total=None):
            super().__init__(torch.full((num_exits,), 1e30), total)


def test_a_weighting_of_ones_own_has_a_button_too(own):
    async def use():
        lab = Laboratory("early")
        press(lab, "early")
        await until(lambda: said(lab).startswith("finished. early, seed 0"))
        return lab.trainings[0].run.final("weights")

    assert asyncio.run(use()).tolist() == [1, 0.75, 0.5]


def test_a_training_that_breaks_is_said_to_be_broken(own):
    async def use():
        lab = Laboratory("infinite")
        press(lab, "infinite")
        await until(lambda: "NotFinite" in said(lab))

    asyncio.run(use())


def test_what_is_no_weighting_is_said_and_nothing_is_trained():
    lab = Laboratory("addaloss")
    lab.starts.children[0].click()
    assert "unknown weighting" in said(lab) and not lab.trainings


# Where it trains


def offered():
    return list(Laboratory().size.options)


def test_a_graphics_card_is_offered_and_used_only_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert offered() == ["one minute here"]
    assert Training("const", laboratory.GPU).session.device.type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert offered() == ["one minute here", "on this GPU"]

    asked, move = [], torch.nn.Module.to

    def to(module, *where, **how):
        asked.append(where)
        return module if where == ("cuda",) else move(module, *where, **how)

    monkeypatch.setattr(torch.nn.Module, "to", to)
    Training("const")
    assert ("cuda",) not in asked
    Training("const", laboratory.GPU)
    assert ("cuda",) in asked


# In a kernel


@pytest.mark.timeout(600)
def test_a_kernel_answers_while_it_trains_and_stops_when_the_button_is_pressed():
    manager, client = jupyter_client.manager.start_new_kernel(kernel_name="python3")

    def value(expression):
        answer = client.execute("", user_expressions={"it": expression}, reply=True, timeout=300)
        return eval(answer["content"]["user_expressions"]["it"]["data"]["text/plain"])

    def click(button):
        """What a browser sends when a button is pressed."""
        event = {"method": "custom", "content": {"event": "click"}}
        content = {"comm_id": value(f"{button}.comm.comm_id"), "data": event}
        client.shell_channel.send(client.session.msg("comm_msg", content))

    def wait_for(expression):
        for _ in range(3000):
            if value(expression):
                return
        raise AssertionError(expression)

    try:
        client.execute(
            "from anytime.course import laboratory as it\n"
            "it.SIZES['one minute here'] = 'resann-1-4-stride4', 100, 10_000\n"
            "lab = it.Laboratory('const'); step = lambda: lab.trainings[0].session.step",
            reply=True,
            timeout=300,
        )
        click("lab.starts.children[0]")
        wait_for("bool(lab.trainings) and step() > 2")  # it answers in the middle of a training
        click("lab.stops.children[0]")
        wait_for("lab._task.done()")
        stopped = value("step()")
        assert stopped < 20_000 and value("lab.text.value").count("stopped; Go on")
        click("lab.stops.children[1]")
        wait_for(f"step() > {stopped}")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
