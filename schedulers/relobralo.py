"""lambda from relative loss balancing with random lookback."""

from __future__ import annotations

import math
import random

from schedulers.adaptive import AdaptiveSchedule
from schedulers.schedule import LearningState, require_number

# A loss of exactly 0 has no rate of progress; below this it counts as this.
SMALLEST_LOSS = 1e-8


class ReLoBRaLo(AdaptiveSchedule):
    """Bischof & Kraus 2021 (arXiv:2110.09813), equation 11, for the two terms L_base + lambda * L_sem.

    The balance of the terms at step t since step t' is b_i(t; t') = 2 softmax_i(L_i(t) / (T L_i(t'))):
    the term that has made less progress gets more. Their weights are averaged,
    w_i <- a (r w_i + (1 - r) b_i(t; 0)) + (1 - a) b_i(t; t - 1), with r = 1 for "compare with the last
    step" and r = 0 for "look back to the first", drawn anew each step. Since only the ratio of the two
    weights matters here, lambda = start * w_sem / w_base, within its bounds: ``start`` is lambda while
    both terms progress alike.

    base, term: names of the two parts of the loss. temperature > 0: T; large is even weights.
    memory_share in [0, 1): a. lookback in [0, 1]: probability of r = 0.
    seed: of the draws; they depend on (seed, step) only, so that a resumed run draws the same.
    Steps that did not measure both parts are passed over.
    Raises ValueError for values outside these ranges.
    """

    def __init__(
        self,
        start: float = 0.3,
        minimum: float = 0.01,
        maximum: float = 3.0,
        base: str = "cross_entropy",
        term: str = "semantic",
        temperature: float = 1.0,
        memory_share: float = 0.95,
        lookback: float = 0.01,
        seed: int = 0,
    ) -> None:
        super().__init__(start, minimum, maximum)
        self.follows = {"base": base, "term": term}
        self.temperature = require_number("schedule.temperature", temperature, open_low=True)
        self.memory_share = require_number("schedule.memory_share", memory_share, 0, 1, open_high=True)
        self.lookback = require_number("schedule.lookback", lookback, 0, 1)
        self.seed = seed
        self.memory |= {"weights": [1.0, 1.0], "first": None, "last": None}

    def observe(self, state: LearningState) -> None:
        now = self.followed(state)
        if now is None:
            return
        self.elapsed(state)
        memory = self.memory
        if memory["first"] is None:
            memory["first"] = memory["last"] = now
            return
        looks_back = random.Random(f"{self.seed}-{state.step}").random() < self.lookback
        kept = self._balance(now, memory["first"]) if looks_back else memory["weights"]
        recent = self._balance(now, memory["last"])
        share = self.memory_share
        memory["weights"] = [share * old + (1 - share) * new for old, new in zip(kept, recent, strict=True)]
        memory["last"] = now
        base, term = memory["weights"]
        self.set_value(self.start * term / max(base, SMALLEST_LOSS))

    def _balance(self, now: list[float], then: list[float]) -> list[float]:
        """b_i(now; then): two weights that sum to 2."""
        base, term = (
            max(new, SMALLEST_LOSS) / (self.temperature * max(old, SMALLEST_LOSS))
            for new, old in zip(now, then, strict=True)
        )
        # 2 softmax over two terms; the difference is cut where it already decides everything
        of_term = 2 / (1 + math.exp(min(max(base - term, -50.0), 50.0)))
        return [2 - of_term, of_term]
