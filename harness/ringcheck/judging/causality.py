"""What a client must have known: which writes of one key supersede which others.

Values are unique, so causality is known without reading a context. A Get covers the writes whose values it returned
and all that those cover; a write covers itself and what the operation covers whose context it was given. Write x
supersedes write w when the operation whose context x was given covers w. "Covers" is reachability in a graph with
an edge for each value returned and each context used, so marking all that many writes supersede is one walk over it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from functools import cached_property
from itertools import chain
from operator import attrgetter

from ringcheck.judging.operations import Operation, Operations

NEAR = 8
"""So many writes are looked through before all of a key's Puts are put in order by their values."""


class Causality:
    """The operations of one key: its Gets and its writes, each in the order in which they were asked.

    What is made of them is made when it is first asked for, so that it is at hand for what is judged next.
    """

    def __init__(self) -> None:
        self.reads: list[Operation] = []
        self.fruitless: list[Operation] = []
        """The Gets that returned no value."""
        self.writes: list[Operation] = []

    @cached_property
    def operations(self) -> Operations:
        """All of them by id, the writes first."""
        return {each.id: each for each in chain(self.writes, self.reads)}

    @cached_property
    def returned(self) -> Set[str]:
        """Every value that a Get returned."""
        return {value for read in self.reads for value in read.values}

    @cached_property
    def puts(self) -> dict[str, Operation]:
        """Value → the Put that was to write it; the first, if there are several."""
        return {write.value: write for write in reversed(self.writes) if write.value is not None}

    @cached_property
    def ambiguous(self) -> str:
        """Why values of this key cannot be told apart or contexts mean nothing, empty when all is well."""
        operations, puts = self.operations, self.puts
        for write in reversed(self.writes):
            value, context = write.value, write.context_of
            strange = write.asked.malformed if context is None else context not in operations
            if strange and not write.refused:
                return f"{write.kind} #{write.id} was taken with a context that is not its key's"
            if value is not None and puts[value] is not write:
                return f"puts #{puts[value].id} and #{write.id} write equal values to one key"
        return ""

    def put_of(self, value: str, about: float) -> Operation | None:
        """The Put that was to write a value, looked for first among the writes asked last before `about`.

        That costs least for a value that a Get returned at that time, since the Put is one of them as a rule. Which of
        several Puts of one value it is stays open.
        """
        until = bisect_right(self.writes, about, key=attrgetter("start"))
        for write in reversed(self.writes[max(0, until - NEAR) : until]):
            if write.value == value:
                return write
        return self.puts.get(value)

    def context_of(self, write: Operation) -> Operation | None:
        """The operation whose context a write was given; None for a blind put."""
        return None if write.context_of is None else self.operations.get(write.context_of)

    def writes_returned(self, get: Operation) -> Sequence[Operation]:
        """The Puts whose values a Get returned; values that nobody wrote are left out."""
        return [self.puts[value] for value in get.values if value in self.puts]

    def supersedes(self, write: Operation, other: Operation) -> bool:
        """Whether `write` was given a context that covers `other`."""
        return other.id in Superseded(self).by([write], until=other.id)

    def reaching(self, targets: Iterable[Operation]) -> set[int]:
        """The operations that cover any of `targets`, by id."""
        found = {target.id for target in targets}
        stack = list(found)
        while stack:
            for user in self._users[stack.pop()]:
                if user not in found:
                    found.add(user)
                    stack.append(user)
        return found

    def covered_by(self, operation: Operation) -> Sequence[Operation]:
        """What an operation covers at first hand, apart from itself."""
        if not operation.is_write:
            return self.writes_returned(operation)
        context = self.context_of(operation)
        return () if context is None else (context,)

    @cached_property
    def _users(self) -> defaultdict[int, list[int]]:
        """The edges, backwards."""
        users: defaultdict[int, list[int]] = defaultdict(list)
        for operation in self.operations.values():
            for covered in self.covered_by(operation):
                users[covered.id].append(operation.id)
        return users


def by_key(operations: Iterable[Operation]) -> dict[str, Causality]:
    """The operations of each key, the keys in the order in which they were first asked for."""
    found: defaultdict[str, Causality] = defaultdict(Causality)
    for operation in operations:
        causality = found[operation.key]
        if operation.is_write:
            causality.writes.append(operation)
            continue
        causality.reads.append(operation)
        if not operation.values:
            causality.fruitless.append(operation)
    return dict(found)


class Superseded:
    """A growing set of writes that are superseded by writes given one after another; no edge is walked twice.

    `ids` holds the Gets on the way too. The walk ends at those of `known`, as if it had been there before.
    """

    def __init__(self, causality: Causality, known: Set[int] = frozenset()) -> None:
        self.ids: set[int] = set()
        self._causality = causality
        self._known = known

    def by(self, writes: Iterable[Operation], *, until: int | None = None) -> "Superseded":
        """Add all that `writes` supersede; `until` ends the walk as soon as this one is found."""
        # The same as walking over `covered_by`, without its calls: every operation of a key comes by here.
        operations, puts = self._causality.operations, self._causality.puts
        found, known = self.ids, self._known
        stack = list(writes)
        while stack and until not in found:
            number = stack.pop().context_of
            if number is None or number in found or number in known or (context := operations.get(number)) is None:
                continue
            found.add(number)
            if context.is_write:
                stack.append(context)
                continue
            for value in context.values:
                put = puts.get(value)
                if put is not None and put.id not in found and put.id not in known:
                    found.add(put.id)
                    stack.append(put)
        return self

    def __contains__(self, identifier: int) -> bool:
        return identifier in self.ids
