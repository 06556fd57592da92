"""The operations of a history, each as one: what was asked, and how it ended."""

from collections.abc import Iterable, Sequence
from math import inf
from typing import Literal, NamedTuple, TypeAlias, cast

import msgspec

from ringcheck.history import Completion, Event, Fail, Info, Invoke, Ok


class Operation(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One operation. What judges ask of every one is worked out once, when it is made.

    end         None for one that was still open when the history ended
    id          its number in the schedule; final reads count from 1,000,000
    key, value  as the schedule writes them
    context_of  the operation whose context it sent
    start       seconds, stamped before the send
    stop        seconds, stamped after the receive; infinite for one that never ended
    is_write    Put or Delete
    ok          answered OK; for a write: acknowledged
    values      what a Get returned
    """

    asked: Invoke
    end: Completion | None
    id: int
    kind: Literal["get", "put", "delete"]
    key: str
    value: str | None
    context_of: int | None
    start: float
    stop: float
    is_write: bool
    ok: bool
    values: tuple[str, ...]

    @property
    def node(self) -> str:
        """The node asked."""
        return self.asked.node

    @property
    def quorum(self) -> int:
        """R or W as resolved."""
        return self.asked.quorum

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


Operations: TypeAlias = dict[int, Operation]
"""By id, in the order in which they were asked."""


class SortedOut(NamedTuple):
    """What a history tells.

    operations  every operation that was sent; one that was skipped is none
    finals      those of them that are final reads
    others      all events that are no part of an operation
    in_order    whether the operations are told in the order of their starts
    """

    operations: Operations
    finals: Sequence[Operation]
    others: Sequence[Event]
    in_order: bool


def sort_out(events: Iterable[Event]) -> SortedOut:
    """Find the operations among these events, and say what else there is."""
    found: dict[int, Operation | None] = {}
    open_: dict[int, Invoke] = {}
    finals: dict[int, None] = {}
    others: list[Event] = []
    last, in_order = -inf, True
    for event in events:
        # Nearly all events of a long history are of the first two kinds, so what they need is done here, while they are
        # at hand, and by the cheapest means that there are.
        if type(event) is Invoke:
            number, time = event.operation, event.time
            if time < last or number in found:
                in_order = False
            last = time
            found[number], open_[number] = None, event
            if event.final:
                finals[number] = None
        elif type(event) is Ok:
            if (asked := open_.pop(event.operation, None)) is not None:
                found[asked.operation] = Operation(
                    asked,
                    event,
                    asked.operation,
                    asked.kind,
                    asked.key,
                    asked.value,
                    asked.context_of,
                    asked.time,
                    event.time,
                    asked.kind != "get",
                    True,
                    event.values,
                )
        elif type(event) is Fail or type(event) is Info:
            if (asked := open_.pop(event.operation, None)) is not None:
                found[asked.operation] = _failed(asked, event)
        else:
            others.append(event)
    found |= {number: _failed(asked, None) for number, asked in open_.items()}
    operations = cast("Operations", found)
    return SortedOut(operations, [operations[number] for number in finals], others, in_order)


def _failed(asked: Invoke, end: Fail | Info | None) -> Operation:
    """One that was not answered OK."""
    return Operation(
        asked,
        end,
        asked.operation,
        asked.kind,
        asked.key,
        asked.value,
        asked.context_of,
        asked.time,
        inf if end is None else end.time,
        asked.kind != "get",
        False,
        (),
    )
