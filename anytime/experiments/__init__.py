"""The paper's comparisons: lists of jobs, how they are carried out, and what came of them."""

from typing import TYPE_CHECKING

from anytime import lazily

if TYPE_CHECKING:
    from anytime.experiments.job import Job
    from anytime.experiments.lists import EXPERIMENTS, PROFILES, jobs

# One job does without what a list needs.
__getattr__ = lazily(__name__, {"job": "Job", "lists": "EXPERIMENTS PROFILES jobs"})
