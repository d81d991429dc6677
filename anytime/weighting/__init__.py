"""Ways to weigh the exits' losses, and how to build them from a short text."""

from anytime.theory import adaloss_weights
from anytime.weighting.adaloss import AdaLoss
from anytime.weighting.base import Weighting
from anytime.weighting.build import SCHEMES, build, register
from anytime.weighting.changing import DWA, RLW
from anytime.weighting.gradients import FirstOrder, GradNorm, gradients
from anytime.weighting.objectives import GLS, IMTLL, UW
from anytime.weighting.static import Const, Exponential, HalfEnd, Linear, Opt, Sieve
