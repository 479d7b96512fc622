"""Did a training that ended diverge? Its loss may be finite and yet far above where it began."""

import math
from collections.abc import Mapping, Sequence

RULE = (
    "diverged: a term of the loss, without its weight, is on average over the last tenth of the logged steps more than "
    "twice what it was at the first, and more than ln 2 nats (a coin's answer) above it"
)
# The total would rise with lambda.
TERMS = ("loss/cross_entropy", "loss/semantic")


def divergence(history: Sequence[Mapping]) -> dict:
    """What RULE says of a training log (one entry a logged step; probes between them do not matter).

    Of each term only the steps that measured it count. One in which no label could be read leaves a term out, or says exactly
    0: of a loss without terms, and in older logs.

    Returns `diverged`, and as text `divergence`: the terms' values at the first step and at the end, and the rule.
    """
    measured = {name: [entry[name] for entry in history if entry.get(name)] for name in (*TERMS, "loss")}
    terms = {name: measured[name] for name in TERMS if measured[name]} or {
        k: values for k, values in measured.items() if values
    }
    first = {name: values[0] for name, values in terms.items()}
    last = {name: values[-math.ceil(len(values) / 10) :] for name, values in terms.items()}
    ended = {name: sum(values) / len(values) for name, values in last.items()}
    diverged = any(ended[name] > max(2 * first[name], first[name] + math.log(2)) for name in terms)
    values = ", ".join(f"{name} {first[name]:.3g} -> {ended[name]:.3g}" for name in first)
    return {"diverged": diverged, "divergence": f"{values} ({RULE})"}
