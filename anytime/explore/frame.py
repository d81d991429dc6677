"""What all explorers share: controls, and below them a picture and its meaning in words."""

import asyncio
import base64
import html
import io
import os
import textwrap
from collections.abc import Callable, Sequence
from functools import partial, partialmethod
from typing import Any, NamedTuple

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from anytime import plots
from anytime.paths import REPOSITORY

ABOVE = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.1, "ncols": 3}
SIZE = (9.5, 4.2)
PAUSE = 0.25  # seconds for which a picture of a film stays at least

Options = Sequence | dict[str, Any]
"""The values to choose from, which may have words of their own as keys."""


class View(NamedTuple):
    """What is shown at one setting of the controls: data, a sentence, and how to draw."""

    data: pd.DataFrame
    words: str
    draw: Callable[[Figure], Any] = str  # draws nothing


class NothingToShow(LookupError):
    """There is nothing to show; the message says why, and what there is instead."""


class Control(NamedTuple):
    """A control as it was asked for, with its value, which is one of the options.

    sets: what else than itself it changes, by key, for a new value. play: it can be a film.
    """

    kind: str
    label: str
    options: dict[str, Any]
    value: Any
    sets: Callable[[Any], dict[str, Any]] | None = None
    play: bool = False


class Asking:
    """One look at an explorer: it asks for a control when it needs its value.

    So a control may depend on those before it, and offers only what exists. state: what was
    chosen, by the controls' keys; what isn't offered is passed over.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.state, self.controls = state, dict[str, Control]()

    def _ask(self, kind: str, key: str, label: str, options: Options = (), **more: Any) -> Any:
        """A control's value. start: where the state has none; value: whatever the state has."""
        offered = options if isinstance(options, dict) else {str(one): one for one in options}
        start, value = more.pop("start", None), more.pop("value", None)
        wanted = self.state.get(key) if value is None else value
        choose, _ = KINDS[kind]
        chosen = choose(list(offered.values()), start if wanted is None else wanted, start)
        self.controls[key] = Control(kind, label, offered, chosen, **more)
        return chosen

    select = partialmethod(_ask, "select")
    several = partialmethod(_ask, "several")
    range = partialmethod(_ask, "range")
    upright = partialmethod(_ask, "upright")
    text = partialmethod(_ask, "text")


def _one(there: list, wanted: Any, start: Any) -> Any:
    return wanted if wanted in there else there[0] if start is None else start


def _some(there: list, wanted: Sequence, start: Sequence) -> tuple:
    chosen = tuple(one for one in there if one in wanted)
    return chosen if chosen or not wanted else tuple(start)


def _nearest(there: list, wanted: float | None, start: float | None) -> float:
    return there[-1] if wanted is None else min(there, key=lambda one: abs(one - wanted))


# How each kind of control finds its value, and what it is made as.
KINDS: dict[str, tuple[Callable, Callable]] = {
    "select": (_one, widgets.Dropdown),
    "several": (_some, widgets.SelectMultiple),
    "range": (_nearest, partial(widgets.SelectionSlider, layout={"width": "34em"})),
    "upright": (_nearest, partial(widgets.SelectionSlider, orientation="vertical")),
    "text": (
        lambda _, wanted, start: wanted,
        partial(widgets.Text, continuous_update=False, layout={"width": "100%"}),
    ),
}


class Picture(Figure):
    """A figure that a notebook shows, whether or not pyplot is used there."""

    def _repr_png_(self) -> bytes:
        written = io.BytesIO()
        self.savefig(written, dpi=100, pil_kwargs={"compress_level": 1})
        return written.getvalue()


class Explorer(widgets.VBox):
    """Controls, a picture and a sentence that follow them; `data` is what is shown.

    look: what there is to show; it may raise NothingToShow. state: what is chosen at first.
    explained_in: number of the course's notebook. `controls` are the widgets, by key.
    """

    def __init__(
        self,
        title: str,
        explained_in: str,
        look: Callable[[Asking], View],
        state: dict[str, Any] | None = None,
    ) -> None:
        self.title, self.name = title, title.lower().replace(" ", "-")
        self.look, self.state, self._more = look, dict(state or {}), _link(explained_in)
        self.controls: dict[str, widgets.Widget] = {}
        self._asked: dict[str, Control] = {}
        self.play = widgets.Button(description="Play")
        self.play.on_click(self._start_or_stop)
        self._film: asyncio.Task | None = None
        self.slider: widgets.Widget = self.play  # the one that the button moves
        self._following, self._size = False, SIZE
        self.picture, self.text = widgets.HTML(), widgets.HTML()
        self.panel = widgets.HBox(layout={"flex_flow": "row wrap", "align_items": "flex-end"})
        head = widgets.HTML(f'<h2 id="{self.name}">{title}</h2>')
        super().__init__([head, self.panel, self.picture, self.text])
        self._redraw()

    def figure(self, **values) -> Picture:
        """The picture as a figure of its own, at the controls' values or those given.

        Raises NothingToShow where there is nothing to show, and ValueError for a value that is not
        offered.
        """
        asking = Asking(self.state | values)
        view = self.look(asking)
        for key, value in values.items():
            if key not in asking.controls or asking.controls[key].value != value:
                raise ValueError(f"{key} = {value!r} is not offered here")
        return _figure(view)

    def _redraw(self) -> None:
        asking, links = Asking(self.state), [self._more]
        try:
            view = self.look(asking)
            figure = _figure(view)
            picture = figure._repr_png_()
            self._size = tuple(figure.get_size_inches())
            csv = view.data.to_csv(index=False).encode()
            links.append(_download(f"{self.name}.csv", "text/csv", csv))
            links.append(_download(f"{self.name}.png", "image/png", picture))
        except Exception as error:  # ipywidgets would swallow it
            failed = not isinstance(error, NothingToShow)
            said = f"{type(error).__name__}, not drawn: {error}" if failed else str(error)
            view = View(pd.DataFrame(), said)
            picture = Picture(self._size)._repr_png_()  # keeps the place
        self._follow(asking.controls)
        self.data, words = view.data, html.escape(view.words)
        self.picture.value = as_html(picture, f"{self.title}. {view.words}")
        self.text.value = f'<p role="status">{words}</p><p>{" · ".join(links)}</p>'

    def _follow(self, asked: dict[str, Control]) -> None:
        """Makes the controls that are missing, and lets all show what was asked for."""
        self._asked.update(asked)
        self._following = True
        for key, control in asked.items():
            if key not in self.controls:
                self.controls[key] = widget = _widget(control)
                widget.observe(partial(self._changed, key), "value")
                self.panel.children = [*self.controls.values(), self.play]
            _mirror(self.controls[key], control)
        for key, widget in self.controls.items():
            widget.layout.display = None if key in asked else "none"
        played = [key for key in asked if asked[key].play]
        self.slider = self.controls[played[0]] if played else self.play
        self.play.layout.display = None if played else "none"
        self._following = False

    def _changed(self, key: str, change) -> None:
        if not self._following:
            sets = self._asked[key].sets
            self.state |= sets(change["new"]) if sets else {key: change["new"]}
            self._redraw()

    def _start_or_stop(self, button=None) -> None:
        if self._film and not self._film.done():
            self._film.cancel()
        else:
            self._film = asyncio.ensure_future(self.film())

    async def film(self) -> None:
        """Moves the slider to its end, from its start if it is there; each step is drawn first."""
        slider, self.play.description = self.slider, "Stop"
        try:
            if slider.index == len(slider.options) - 1:
                slider.index = 0
            while slider is self.slider and slider.index < len(slider.options) - 1:
                await asyncio.sleep(PAUSE)
                slider.index += 1
        finally:
            self.play.description = "Play"


def as_html(picture: bytes, alt: str) -> str:
    """A PNG as wide as its place allows, with what it shows in words."""
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    return f'<img style="max-width: 100%" alt="{html.escape(alt)}" src="{source}">'


def _widget(control: Control) -> widgets.Widget:
    offered = {"options": list(control.options.items())} if control.options else {}
    _, make = KINDS[control.kind]
    widget = make(**offered, value=control.value, description=control.label)
    widget.style.description_width, widget.layout.max_width = "initial", "100%"
    return widget


def _mirror(widget: widgets.Widget, control: Control) -> None:
    options = tuple(control.options.items())
    if options and widget.options != options:
        widget.options = options
    if widget.value != control.value:
        widget.value = control.value


def _figure(view: View) -> Picture:
    # Fast: to find a layout takes as long as to draw.
    with rc_context(plots.LOOK | {"figure.constrained_layout.use": False}):
        figure = Picture(figsize=SIZE)
        figure.subplots_adjust(0.095, 0.14, 0.745, 0.9, wspace=0.4, hspace=0.12)
        view.draw(figure)
    for ax in figure.axes:
        _space_ticks(ax.xaxis)
        _space_ticks(ax.yaxis)
        legend = ax.get_legend()
        for text in legend.get_texts() if legend else ():
            text.set_text(textwrap.fill(text.get_text(), 21))
    return figure


def _space_ticks(axis: Axis) -> None:
    """Few ticks: they, and powers of ten most of all, take most of the time to draw."""
    locator = axis.get_major_locator()
    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5) if high < 10 * low else (1, 3)))
        axis.set_minor_locator(NullLocator())
        if "%" not in axis.get_major_formatter()(0.5):
            axis.set_major_formatter("{x:g}")
    elif isinstance(locator, MaxNLocator):
        counted = axis.get_label_text() in ("exit", "epoch", "network")
        locator.set_params(nbins=5, integer=counted)


def steps(low: float, high: float, count: int = 61) -> list[float]:
    """Numbers with three digits, equally many in each decade."""
    return sorted({float(f"{one:.3g}") for one in np.geomspace(low, high, count)})


def million(cost: float) -> str:
    """A number of multiply-adds in words."""
    return f"{cost / 1e6:.3g} million multiply-adds"


def ask_budget(ask: Asking, costs: Sequence[float]) -> float:
    """A budget in multiply-adds, in steps of three digits."""
    words = {f"{cost / 1e6:.3g}": cost for cost in costs}
    return ask.range("budget", "Budget, million multiply-adds", words, start=costs[len(costs) // 2])


def _download(name: str, kind: str, content: bytes) -> str:
    data = base64.b64encode(content).decode()
    return f'<a download="{name}" href="data:{kind};base64,{data}">{name}</a>'


def _link(number: str) -> str:
    """To the notebook, where Jupyter shows it."""
    found = next((REPOSITORY / "notebooks").glob(f"{number}_*.ipynb"), None)
    if found is None:
        return f"Notebook {number} explains this."
    return f'<a href="{os.path.relpath(found)}" target="_blank">Notebook {number} explains this</a>'
