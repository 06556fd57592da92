"""Where all chance of a simulated world comes from."""

import random


class Chance:
    """Numbers from one seed; `draws` counts them, so that a seed that has grown stale is noticed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.draw = self._random.random
        """A bare `fraction`, for who cannot afford the call and counts in `draws` himself."""
        self.draws = 0

    def fraction(self) -> float:
        """From 0 up to 1, 1 excluded."""
        self.draws += 1
        return self.draw()

    def between(self, least: float, most: float) -> float:
        """From `least` to `most`."""
        self.draws += 1
        return least + (most - least) * self.draw()

    def below(self, limit: int) -> int:
        """A whole number from 0 up to `limit`, which is excluded."""
        return int(self.fraction() * limit)

    def entropy(self) -> bytes:
        """16 bytes."""
        self.draws += 1
        return self._random.randbytes(16)
