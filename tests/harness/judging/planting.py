"""Planted histories: each breaks a requirement when it is asked to, and has a clean twin."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ringcheck.judging.handmade import Handmade

Tell: TypeAlias = Callable[[bool], Handmade]
"""Tells a history: the broken one when it is given True."""


class Plant(NamedTuple):
    """A history, the requirement that it breaks, and those that it rightly breaks too."""

    requirement: str
    tell: Tell
    broken_alike: tuple[str, ...]


class Plants(list[Plant]):
    """The planted histories of one file."""

    def plant(self, requirement: str, *broken_alike: str) -> Callable[[Tell], Tell]:
        """Register a history that breaks the requirement when it is asked to, and holds it otherwise."""

        def register(tell: Tell) -> Tell:
            self.append(Plant(requirement, tell, broken_alike))
            return tell

        return register
