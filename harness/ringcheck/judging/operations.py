"""The operations of a history, each as one: what was asked, and how it ended."""

from collections.abc import Iterable
from math import inf
from typing import Literal, TypeAlias, cast

import msgspec

from ringcheck.history import Completion, Event, Fail, Info, Invoke, Ok


class Operation(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One operation. What judges ask of every one is worked out once, when it is made.

    end         None for one that was still open when the history ended
    id          its number in the schedule; final reads count from 1,000,000
    key, value  as the schedule writes them
    context_of  the operation whose context it sent
    quorum      R or W as resolved
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
    quorum: int
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


def sort_out(events: Iterable[Event]) -> tuple[Operations, list[Event]]:
    """Every operation that was sent, and all events that are no part of one; an operation that was skipped is none."""
    found: dict[int, Invoke | Operation] = {}
    others: list[Event] = []
    for event in events:
        # Nearly all events of a long history are of these kinds, so the comparison is the cheapest that there is.
        if type(event) is Invoke:
            found[event.operation] = event
        elif type(event) is Ok or type(event) is Fail or type(event) is Info:
            if type(asked := found.get(event.operation)) is Invoke:
                found[event.operation] = _operation(asked, event)
        else:
            others.append(event)
    open_ = [asked for asked in found.values() if type(asked) is Invoke]
    found |= {asked.operation: _operation(asked, None) for asked in open_}
    return cast("Operations", found), others


def _operation(asked: Invoke, end: Completion | None) -> Operation:
    ok, values = (True, end.values) if type(end) is Ok else (False, ())
    return Operation(
        asked,
        end,
        asked.operation,
        asked.kind,
        asked.key,
        asked.value,
        asked.context_of,
        asked.quorum,
        asked.time,
        inf if end is None else end.time,
        asked.kind != "get",
        ok,
        values,
    )
