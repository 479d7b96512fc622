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

    Returns `diverged`, and as text `divergence`: the terms' values at the first step and at the end, and the rule.
    """
    logged = [entry for entry in history if "loss" in entry]
    terms = [name for name in TERMS if logged and all(name in entry for entry in logged)] or ["loss"] * bool(logged)
    last = logged[-math.ceil(len(logged) / 10) :] if logged else []
    first = {name: logged[0][name] for name in terms}
    ended = {name: sum(entry[name] for entry in last) / len(last) for name in terms}
    diverged = any(ended[name] > max(2 * first[name], first[name] + math.log(2)) for name in terms)
    values = ", ".join(f"{name} {first[name]:.3g} -> {ended[name]:.3g}" for name in first)
    return {"diverged": diverged, "divergence": f"{values} ({RULE})"}
