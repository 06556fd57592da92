"""Plain words for operations, values and times; every judge and every story uses the same."""

from collections.abc import Iterable

from ringcheck.judging.operations import Operation

LONGEST = 40
"""So many characters of a value are shown."""


def value(text: str) -> str:
    """A value or key in quotes, shortened where it is long."""
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def values(texts: Iterable[str]) -> str:
    """What a Get returned: "nothing", or the values in quotes."""
    return ", ".join(value(text) for text in sorted(texts)) or "nothing"


def named(operation: Operation) -> str:
    """An operation by kind, number and value: "Put #17 of 'v17'"."""
    what = f" of {value(operation.value)}" if operation.value is not None else ""
    return f"{operation.kind.capitalize()} #{operation.id}{what}"


def nodes(names: Iterable[str]) -> str:
    """Node ids as one phrase."""
    return ", ".join(names) or "no node"


def at(seconds: float) -> str:
    """A moment of the run."""
    return f"{seconds:.3f} s"


def times(count: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 hint", "3 hints"."""
    return f"1 {one}" if count == 1 else f"{count} {many or one + 's'}"
