"""What all explorers share: controls, and below them a picture and its meaning in words."""

import base64
import html
import io
import os
import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import ipywidgets as widgets
import pandas as pd
from matplotlib import rc_context
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from anytime.paths import REPOSITORY

SLIDER = {"width": "32em"}
ABOVE = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.1, "ncols": 3}


class View(NamedTuple):
    """What is shown at one setting of the controls: data, a sentence, and how to draw."""

    data: pd.DataFrame
    words: str
    draw: Callable[[Figure], None]


class NothingToShow(LookupError):
    """There is nothing to show; the message says why, and what there is instead."""


class Picture(Figure):
    """A figure that a notebook shows, whether or not pyplot is used there."""

    def _repr_png_(self) -> bytes:
        written = io.BytesIO()
        self.savefig(written, dpi=100, pil_kwargs={"compress_level": 1})
        return written.getvalue()


class Explorer(widgets.VBox):
    """Controls, a picture and a sentence that follow them; `data` is what is shown.

    look: the controls' values by name -> View; it may raise NothingToShow.
    controls: widgets by name.
    beside: further widgets that set controls. explained_in: number of the course's notebook.
    """

    def __init__(
        self,
        title: str,
        explained_in: str,
        look: Callable[..., View],
        controls: dict[str, widgets.Widget],
        beside: Sequence[widgets.Widget] = (),
    ) -> None:
        self.title, self.name = title, title.lower().replace(" ", "-")
        self.look, self.controls, self._more = look, controls, _link(explained_in)
        self.picture = widgets.Image(layout={"max_width": "100%", "align_self": "flex-start"})
        self.text = widgets.HTML()
        for control in controls.values():
            control.style.description_width, control.layout.min_width = "initial", "24em"
            control.observe(self._redraw, names="value")
        head = widgets.HTML(f'<h2 id="{self.name}">{title}</h2>')
        panel = widgets.HBox([*controls.values(), *beside], layout={"flex_flow": "row wrap"})
        super().__init__([head, panel, self.picture, self.text])
        self._redraw()

    def figure(self, **values) -> Picture:
        """The picture as a figure of its own, at the controls' values or those given.

        Raises NothingToShow where there is nothing to show.
        """
        return _figure(self._view(**values))

    def _view(self, **values) -> View:
        return self.look(**{name: c.value for name, c in self.controls.items()} | values)

    def _redraw(self, change=None) -> None:
        links, picture = [self._more], b""
        try:
            view = self._view()
            picture = _figure(view)._repr_png_()
            csv = view.data.to_csv(index=False).encode()
            links.append(_download(f"{self.name}.csv", "text/csv", csv))
            links.append(_download(f"{self.name}.png", "image/png", picture))
        except NothingToShow as nothing:
            view = View(pd.DataFrame(), str(nothing), print)
        except Exception as error:  # ipywidgets would swallow it
            view = View(pd.DataFrame(), f"{type(error).__name__}, not drawn: {error}", print)
        self.data, self.picture.value = view.data, picture
        self.picture.layout.display = None if picture else "none"
        words = f'<p role="status">{html.escape(view.words)}</p>'
        self.text.value = f"{words}<p>{' · '.join(links)}</p>"


def _figure(view: View) -> Picture:
    # Fast: to find a layout takes as long as to draw.
    with rc_context({"figure.constrained_layout.use": False}):
        figure = Picture(figsize=(10.0, 4.2))
    figure.subplots_adjust(0.095, 0.13, 0.755, 0.92, wspace=0.4, hspace=0.12)
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
        axis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    elif isinstance(locator, MaxNLocator):
        counted = axis.get_label_text() in ("exit", "epoch", "network")
        locator.set_params(nbins=5, integer=counted)


def _download(name: str, kind: str, content: bytes) -> str:
    data = base64.b64encode(content).decode()
    return f'<a download="{name}" href="data:{kind};base64,{data}">{name}</a>'


def _link(number: str) -> str:
    """To the notebook, where Jupyter shows it."""
    found = next((REPOSITORY / "notebooks").glob(f"{number}_*.ipynb"), None)
    if found is None:
        return f"Notebook {number} explains this."
    return f'<a href="{os.path.relpath(found)}" target="_blank">Notebook {number} explains this</a>'
