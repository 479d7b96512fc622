"""The random numbers behind every sample: Python's own, drawn with less ceremony."""

import hashlib
import random
from collections.abc import Sequence

# Up to this size of the population, and for the whole of it, random.sample draws from a list of what is left.
_SMALL = 21


class Stream(random.Random):
    """random.Random with the methods that drawing graphs spends its time in, for small populations.

    They give the same numbers from the same seed as Python's, as the tests hold; what is saved is mostly the checking
    of arguments.
    """

    def below(self, count: int) -> int:
        """0..count-1; count >= 1."""
        width, draw = count.bit_length(), self.getrandbits
        drawn = draw(width)
        while drawn >= count:
            drawn = draw(width)
        return drawn

    def several_below(self, counts: Sequence[tuple[int, int]]) -> int:
        """`below` of each count in turn, as the digits of one number, the first the highest: see `digits`.

        Args:
            counts: (count, its bit length).
        """
        draw, number = self.getrandbits, 0
        for count, width in counts:
            drawn = draw(width)
            while drawn >= count:
                drawn = draw(width)
            number = number * count + drawn
        return number

    def sample(self, population: Sequence, k: int) -> list:
        count = len(population)
        if 0 <= k <= count <= _SMALL or k == count:
            return self.sample_each((population,), k)
        return super().sample(population, k)

    def sample_each(self, populations: Sequence[Sequence], most: int) -> list:
        """What sample(population, min(most, len(population))) draws from one after another, in one list."""
        draw, drawn = self.getrandbits, []
        for population in populations:
            pool, left = list(population), len(population)
            for _ in range(most if most < left else left):
                width = left.bit_length()
                place = draw(width)
                while place >= left:
                    place = draw(width)
                drawn.append(pool[place])
                left -= 1
                pool[place] = pool[left]
        return drawn

    def two_of(self, count: int) -> tuple[int, int]:
        """Two different numbers of 0..count-1: those of sample(range(count), 2); count >= 2."""
        if count > _SMALL:
            return tuple(super().sample(range(count), 2))
        width, draw, left = count.bit_length(), self.getrandbits, count - 1
        first = draw(width)
        while first >= count:
            first = draw(width)
        width = left.bit_length()
        second = draw(width)
        while second >= left:
            second = draw(width)
        return first, left if second == first else second

    def randint(self, a: int, b: int) -> int:
        return a + self.below(b - a + 1) if a <= b else super().randint(a, b)

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return self.below(start) if stop is None and start > 0 else super().randrange(start, stop, step)

    def choice(self, seq: Sequence):
        return seq[self.below(len(seq))] if seq else super().choice(seq)


def digits(number: int, counts: Sequence[tuple[int, int]]) -> list[int]:
    """What Stream.several_below drew, one number for each count."""
    drawn = []
    for count, _ in reversed(counts):
        number, digit = divmod(number, count)
        drawn.append(digit)
    return drawn[::-1]


def generator(*key: str | int) -> Stream:
    """A private generator whose stream depends on the key alone."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    return Stream(int.from_bytes(digest, "big"))
