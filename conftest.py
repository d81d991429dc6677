"""Tests and notebooks run alike everywhere: one thread, no window, nothing of the user's."""

import os

import matplotlib

from anytime.course.notebooks import steady_kernels
from anytime.paths import REPOSITORY

steady_kernels()
os.environ["ANYTIME_CACHE"] = str(REPOSITORY / "build" / "cache")
os.environ.pop("ANYTIME_DOWNLOADS", None)
matplotlib.use("Agg")  # not by the environment: kernels draw into the notebook
