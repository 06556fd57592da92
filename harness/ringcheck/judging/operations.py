"""The operations of a history, each as one: what was asked, and how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from ringcheck.history import Completion, Event, Fail, Info, Invoke, Ok


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `end` is None for one that was still open when the history ended."""

    asked: Invoke
    end: Completion | None

    @property
    def id(self) -> int:
        """Its number in the schedule; final reads count from 1,000,000."""
        return self.asked.operation

    @property
    def key(self) -> str:
        """The key, as the schedule writes it."""
        return self.asked.key

    @property
    def node(self) -> str:
        """The node asked."""
        return self.asked.node

    @property
    def start(self) -> float:
        """Seconds, stamped before the send."""
        return self.asked.time

    @property
    def stop(self) -> float:
        """Seconds, stamped after the receive; infinite for one that never ended."""
        return inf if self.end is None else self.end.time

    @property
    def is_write(self) -> bool:
        """Put or Delete."""
        return self.asked.kind != "get"

    @property
    def ok(self) -> bool:
        """Answered OK; for a write: acknowledged."""
        return isinstance(self.end, Ok)

    @property
    def refused(self) -> bool:
        """Ended with a definite error, so that a write never takes effect."""
        return isinstance(self.end, Fail)

    @property
    def in_doubt(self) -> bool:
        """Ended indefinitely, or not at all, so that a write may or may not take effect."""
        return not isinstance(self.end, Ok | Fail)

    @property
    def code(self) -> str:
        """How it ended: "OK", the name of another gRPC status, or "no answer"."""
        match self.end:
            case Ok():
                return "OK"
            case Fail(code=code) | Info(code=code):
                return code
        return "no answer"

    @property
    def values(self) -> tuple[str, ...]:
        """What a Get returned."""
        return self.end.values if isinstance(self.end, Ok) else ()


Operations: TypeAlias = dict[int, Operation]
"""By id, in the order in which they were asked."""


def operations(events: Iterable[Event]) -> Operations:
    """Every operation that was sent; one that was skipped is none."""
    asked: dict[int, Invoke] = {}
    ended: dict[int, Completion] = {}
    for event in events:
        if isinstance(event, Invoke):
            asked[event.operation] = event
        elif isinstance(event, Ok | Fail | Info):
            ended[event.operation] = event
    return {number: Operation(invoke, ended.get(number)) for number, invoke in asked.items()}
