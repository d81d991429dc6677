"""The laboratory of notebook 04: trainings that are watched while they run, stopped, taken up.

They run in a task of the kernel's event loop, which lets everything else in after each slice of a
training. A slice ends after `SLICE` seconds, or with one look at the test images.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from ipywidgets import HTML, BoundedIntText, Button, HBox, ToggleButtons, VBox
from matplotlib import rc_context

from anytime import datasets, networks, plots, theory, weighting
from anytime.explore.frame import Picture, as_html
from anytime.training import Recipe, Session
from anytime.training.loop import surroundings

SLICE = 0.2  # seconds of training between two moments in which the kernel answers
REDRAW = 1.0  # seconds between two pictures

WEIGHTINGS = (*theory.STATIC, "adaloss:every=5", "adaloss:every=5,extra=1")

GPU = "on this GPU"
SIZES = {
    "one minute here": ("resann-2-8-stride4", 1_000, 12),
    "ten minutes here": ("resann-3-8-stride2", 6_000, 30),
    GPU: ("resann-3-16", 6_000, 30),
}
"""How much is trained: the network, the training images, the passes over them."""


class Training:
    """One training, slice by slice; `run` is the record that `train` makes of it.

    It runs on the processor, but for the size "on this GPU", where there is one.
    weights: pairs of an epoch, fractions counted, and the weights B (K,) in force.
    """

    def __init__(self, spec: str, size: str = "one minute here", seed: int = 0) -> None:
        name, images, epochs = SIZES[size]
        network = networks.build(name, in_channels=1, seed=seed)
        network.to("cuda" if size == GPU and torch.cuda.is_available() else "cpu")
        scheme = weighting.build(spec, network.num_exits)
        recipe = Recipe(epochs=epochs, batch_size=50, augmentation=("flip",))
        data = datasets.load("fashion", train_size=images)

        self.title = plots.scheme_name(spec)
        self.session = Session(network, scheme, data, recipe, seed)
        self.run = self.session.run
        self.weights: list[tuple[float, torch.Tensor]] = []
        self._steps = self._step_by_step()

    def advance(self, seconds: float = SLICE) -> bool:
        """Trains for so long, or to the end of the epoch; False where nothing was left to do."""
        until = time.monotonic() + seconds
        with surroundings(self.session, None):  # the caller's threads and random numbers stay
            for epoch_ends in self._steps:
                if epoch_ends or time.monotonic() > until:
                    return True
        return False

    def _step_by_step(self) -> Iterator[bool]:
        """As `train` does; after each step, whether the epoch ended with it."""
        session = self.session
        session.begin()
        while not session.run.finished:
            session.network.train()
            for batch in session.batches():
                session.train_step(batch)
                self.weights.append((session.step / session.steps_per_epoch, session.used))
                yield False
            session.end_epoch()
            yield True

    def __str__(self) -> str:
        session, errors = self.session, self.run.values("test_error")[-1:].ravel()
        told = f"{self.title}, seed {session.seed}, on {session.device}: epoch {self.run.epochs}"
        return f"{told}, test errors {' '.join(f'{error:.0%}' for error in errors) or 'unknown'}."


def compare(*specs: str, size: str = "one minute here", seed: int = 0) -> Picture:
    """The laboratory in one line: trains under each weighting to the end, and shows them all."""
    trainings = [Training(spec, size, seed) for spec in specs]
    for training in trainings:
        while training.advance():
            pass
    return picture(trainings)


def picture(trainings: Sequence[Training]) -> Picture:
    """The test error of each exit, and below it the weights: a column per training."""
    with rc_context({"figure.constrained_layout.use": False}):  # to find a layout takes long
        figure = Picture(figsize=(10.0, 6.0))
    figure.subplots_adjust(0.11, 0.11, 0.87, 0.94, wspace=0.08, hspace=0.12)
    axes = figure.subplots(2, len(trainings), sharex=True, sharey="row", squeeze=False)
    for (errors, weights), training in zip(axes.T, trainings, strict=True):
        if training.run.history:
            plots.draw_history(errors, training.run, "test_error")
        if training.weights:
            epochs, values = zip(*training.weights, strict=True)
            plots.draw_weight_evolution(weights, torch.stack(values).cpu(), epochs)
        errors.set(title=training.title, ylim=(0, 1), xlabel="")
        weights.set(ylim=(0, 1.05), xlim=(0, training.session.recipe.epochs), xlabel="epoch")

    for ax in figure.axes:
        ax.label_outer()
        if (legend := ax.get_legend()) and ax is not axes[0, -1]:
            legend.remove()
    return figure


class Laboratory(VBox):
    """A button for each weighting, and the last two trainings side by side while they run.

    trainings: those that are shown. weightings: texts; one's own has one by `weighting.register`.
    """

    _opened: Laboratory | None = None

    def __init__(self, *weightings: str) -> None:
        if Laboratory._opened:
            Laboratory._opened.stop()  # its controls may no longer be on the page
        Laboratory._opened = self
        self.trainings: list[Training] = []
        self.going = False
        self._task: asyncio.Task | None = None

        offered = [size for size in SIZES if size != GPU or torch.cuda.is_available()]
        self.size = ToggleButtons(options=offered, description="Train")
        self.seed = BoundedIntText(0, 0, 999, description="Seed")
        starts = [_button(spec, self.start, spec) for spec in weightings or WEIGHTINGS]
        self.starts = HBox(starts, layout={"flex_flow": "row wrap"})
        self.stops = HBox([_button("Stop", self.stop), _button("Go on", self.go_on)])
        self.picture, self.text = HTML(), HTML("Press a weighting, then another one.")
        size = HBox([self.size, self.seed])
        super().__init__([size, self.starts, self.stops, self.text, self.picture])

    def start(self, spec: str) -> None:
        """Begins a training in the place of the older of two; the other one goes on beside it."""
        try:
            new = Training(spec, self.size.value, self.seed.value)
        except Exception as error:  # a button would swallow it
            self._say(f"{type(error).__name__}: {error}")
        else:
            self.trainings = [*self.trainings[-1:], new]
            self.go_on()

    def stop(self) -> None:
        """Lets all trainings rest after the slice that runs."""
        self.going = False

    def go_on(self) -> None:
        """Takes up what was stopped, where it was stopped."""
        self.going = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._train())

    async def _train(self) -> None:
        drawn = -REDRAW
        try:
            while self.going and (unfinished := [t for t in self.trainings if not t.run.finished]):
                for training in unfinished:
                    training.advance()
                    await asyncio.sleep(0.001)  # here the kernel answers
                if time.monotonic() - drawn > REDRAW:
                    self._show("training")
                    drawn = time.monotonic()
            self._show("finished" if self.going else "stopped; Go on takes them up again")
        except Exception as error:  # nobody waits for the task
            self._say(f"{type(error).__name__}: {error}")

    def _show(self, state: str) -> None:
        if self.trainings:
            told = f"{state}. {' '.join(map(str, self.trainings))}"
            alt = f"Errors of the exits above their weights, a column for each training; {told}"
            self.picture.value = as_html(picture(self.trainings)._repr_png_(), alt)
            self._say(told)

    def _say(self, text: str) -> None:
        self.text.value = f'<p role="status">{html.escape(text)}</p>'


def _button(name: str, does: Callable[..., None], *given: str) -> Button:
    button = Button(description=plots.scheme_name(name))
    button.on_click(lambda _: does(*given))
    return button
