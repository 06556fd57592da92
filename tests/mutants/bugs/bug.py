"""What a bug is, and the list of them all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Plant = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug: what goes wrong, the requirement that must find it, and how to plant it in this process."""

    name: str
    sentence: str
    requirement: str
    plant: Plant


BUGS: dict[str, Bug] = {}


def bug(name: str, sentence: str, requirement: str) -> Callable[[Plant], Plant]:
    """Registers the function that plants it."""

    def register(plant: Plant) -> Plant:
        BUGS[name] = Bug(name, sentence, requirement, plant)
        return plant

    return register


def replace(owner: type, name: str, replacement: Any) -> Any:
    """Put `replacement` in the place of a method that must be there, and return the method."""
    original = owner.__dict__[name]
    setattr(owner, name, replacement)
    return original
