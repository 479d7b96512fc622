"""Schedules of lambda, the weight of the semantic term."""

from schedulers.adaptive import AdaptiveCollapse
from schedulers.fixed import Constant, Cosine, Cyclic, Exponential, Linear, Step, WarmupLinear
from schedulers.lagrangian import Lagrangian
from schedulers.relobralo import ReLoBRaLo
from schedulers.schedule import LearningState, Schedule

__all__ = [
    "AdaptiveCollapse",
    "Constant",
    "Cosine",
    "Cyclic",
    "Exponential",
    "Lagrangian",
    "LearningState",
    "Linear",
    "ReLoBRaLo",
    "Schedule",
    "Step",
    "WarmupLinear",
]
