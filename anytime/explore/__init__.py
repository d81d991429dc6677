"""Explorers: pictures of recorded runs that follow controls, each one call in a notebook.

`runs` is None for the runs that ship, a folder or several to show beside them, or a list of
runs to show alone. An explorer's `data` is what it shows; `figure()` is its picture.
"""

import os

import ipywidgets as widgets

from anytime import plots
from anytime.explore.anatomy import adaloss_anatomy
from anytime.explore.chain import eann
from anytime.explore.curves import anytime_curves
from anytime.explore.designer import scheme_designer
from anytime.explore.final_weights import final_weights
from anytime.explore.recorded import Runs, gather
from anytime.explore.watch import watch_one_image


def dashboard(runs: Runs = None) -> widgets.VBox:
    """All explorers below one another; the folders that ANYTIME_RUNS lists are shown too."""
    plots.theme()
    given = os.environ.get("ANYTIME_RUNS", "").split() or None if runs is None else runs
    known = gather(given)
    parts = [
        final_weights(known),
        anytime_curves(known),
        adaloss_anatomy(runs=known),
        scheme_designer(known),
        eann(),
        watch_one_image(given),
    ]
    links = " · ".join(f'<a href="#{part.name}">{part.title}</a>' for part in parts)
    return widgets.VBox([widgets.HTML(f"<p>{links}</p>"), *parts])
