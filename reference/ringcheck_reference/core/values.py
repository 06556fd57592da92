"""How the core's values are made: plain data that compares by what it holds, and that nobody changes."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots that the type checker holds to be frozen.

    It is not guarded at run time: the guard of `frozen=True` makes a value cost three times as much, and a node makes
    some five for each message.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
