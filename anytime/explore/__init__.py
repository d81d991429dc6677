"""Explorers: pictures of recorded runs that follow controls, each one call in a notebook.

`runs` is None for the runs that ship, a folder or several to show beside them, or a list of
runs to show alone. An explorer's `data` is what it shows; `figure()` is its picture. In `page` are
the same without a kernel.
"""

from anytime.explore.anatomy import adaloss_anatomy
from anytime.explore.chain import eann
from anytime.explore.curves import anytime_curves
from anytime.explore.designer import scheme_designer
from anytime.explore.final_weights import final_weights
from anytime.explore.totals import totals_and_shares
from anytime.explore.watch import watch_one_image
