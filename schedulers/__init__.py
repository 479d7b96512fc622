"""Schedules of lambda, the weight of the semantic term."""

from schedulers.fixed import Constant, Cosine, Exponential, Linear, Step, WarmupLinear
from schedulers.schedule import LearningState, Schedule

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "LearningState",
    "Linear",
    "Schedule",
    "Step",
    "WarmupLinear",
]
