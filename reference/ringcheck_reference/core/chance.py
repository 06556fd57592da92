"""Choices that need no secrecy, drawn from a seed."""

import hashlib


class Chance:
    """The same numbers for the same seed, for ever."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._base = f"{purpose}/{seed}/".encode()
        self._drawn = 0

    def fraction(self) -> float:
        """A number from 0 up to 1, 1 excluded."""
        self._drawn += 1
        digest = hashlib.sha256(self._base + str(self._drawn).encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48
