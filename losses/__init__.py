"""Losses over the answers to several questions on one graph: pure functions, then classes for configs."""

from losses.answers import Answers, FormattedText
from losses.baselines import Focal, LabelSmoothing, LogitAdjusted, Margin, WeightedCrossEntropy
from losses.cross_entropy import CrossEntropy
from losses.exact_semantic import ExactSemantic
from losses.loss import Loss
from losses.semantic import Semantic
from losses.semantic_distance import SemanticDistance

__all__ = [
    "Answers",
    "CrossEntropy",
    "ExactSemantic",
    "Focal",
    "FormattedText",
    "LabelSmoothing",
    "LogitAdjusted",
    "Loss",
    "Margin",
    "Semantic",
    "SemanticDistance",
    "WeightedCrossEntropy",
]
