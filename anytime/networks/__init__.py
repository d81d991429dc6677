"""Networks with several exits, built by name."""

from anytime.networks.attach import attach
from anytime.networks.base import AnytimeNetwork, Head, Refining, Standardise
from anytime.networks.build import FAMILIES, build, eann, register, up_to
from anytime.networks.densenet import DenseNet as densenet
from anytime.networks.eann import EANN, member_depths
from anytime.networks.export import export
from anytime.networks.msdnet import MSDNet as msdnet
from anytime.networks.resann import Shape, parse, resann
from anytime.networks.storage import load, save
from anytime.networks.vit import VisionTransformer as vit
