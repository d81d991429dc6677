"""The paper's comparisons: lists of jobs, how they are carried out, and what came of them."""

from anytime.experiments.job import Job
from anytime.experiments.lists import EXPERIMENTS, PROFILES, jobs
