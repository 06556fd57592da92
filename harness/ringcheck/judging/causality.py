"""What a client must have known: which writes of one key supersede which others.

Values are unique, so causality is known without reading a context. A Get covers the writes whose values it returned
and all that those cover; a write covers itself and what the operation covers whose context it was given. Write x
supersedes write w when the operation whose context x was given covers w. "Covers" is reachability in a graph with
an edge for each value returned and each context used, so marking all that many writes supersede is one walk over it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from ringcheck.judging.operations import Operation


class Causality:
    """The operations of one key, in the order in which they were asked.

    puts         value → the Put that was to write it
    ambiguous    why values of this key cannot be told apart or contexts mean nothing, empty when all is well
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = {operation.id: operation for operation in operations}
        self.puts: dict[str, Operation] = {}
        self.ambiguous = ""
        for operation in operations:
            if operation.asked.kind == "put" and operation.asked.value is not None:
                first = self.puts.setdefault(operation.asked.value, operation)
                if first is not operation:
                    self.ambiguous = f"puts #{first.id} and #{operation.id} write equal values to one key"
            if operation.is_write and not operation.refused and self._strange(operation):
                self.ambiguous = (
                    f"{operation.asked.kind} #{operation.id} was taken with a context that is not its key's"
                )

    def context_of(self, write: Operation) -> Operation | None:
        """The operation whose context a write was given; None for a blind put."""
        return None if write.asked.context_of is None else self.operations.get(write.asked.context_of)

    def writes_returned(self, get: Operation) -> Iterator[Operation]:
        """The Puts whose values a Get returned; values that nobody wrote are left out."""
        return (self.puts[value] for value in get.values if value in self.puts)

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

    def covered_by(self, operation: Operation) -> Iterator[Operation]:
        """What an operation covers at first hand, apart from itself."""
        if not operation.is_write:
            yield from self.writes_returned(operation)
        elif (context := self.context_of(operation)) is not None:
            yield context

    @cached_property
    def _users(self) -> defaultdict[int, list[int]]:
        """The edges, backwards."""
        users: defaultdict[int, list[int]] = defaultdict(list)
        for operation in self.operations.values():
            for covered in self.covered_by(operation):
                users[covered.id].append(operation.id)
        return users

    def _strange(self, write: Operation) -> bool:
        context = write.asked.context_of
        return write.asked.malformed or (context is not None and context not in self.operations)


class Superseded:
    """A growing set of writes that are superseded by writes given one after another; no edge is walked twice."""

    def __init__(self, causality: Causality) -> None:
        self._causality = causality
        self._seen: set[int] = set()

    def by(self, writes: Iterable[Operation], *, until: int | None = None) -> "Superseded":
        """Add all that `writes` supersede; `until` ends the walk as soon as this one is found."""
        causality = self._causality
        contexts = [context for write in writes if (context := causality.context_of(write)) is not None]
        stack = [context for context in contexts if context.id not in self._seen]
        self._seen.update(context.id for context in stack)
        while stack and until not in self._seen:
            for covered in causality.covered_by(stack.pop()):
                if covered.id not in self._seen:
                    self._seen.add(covered.id)
                    stack.append(covered)
        return self

    def __contains__(self, identifier: int) -> bool:
        return identifier in self._seen
