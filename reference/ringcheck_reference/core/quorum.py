"""Counting acknowledgements of a write.

A copy stands for one home node: the node that holds it is that home itself, or keeps a hint that names it. W
copies count when they are on W distinct machines AND stand for W distinct homes: two stand-ins for one home
leave a single copy after handoff. That is a matching of machines and homes, not a count; a stand-in that holds
hints for several homes counts once, for whichever home fits best.
"""

from collections.abc import Callable, Collection

from .messages import NodeId

Copy = tuple[NodeId, NodeId]
"""(node that holds it, home node for which it stands)."""


class Quorum:
    """The copies of one write: awaited, acknowledged, or given up."""

    def __init__(self, needed: int, machine: Callable[[NodeId], str]) -> None:
        self.needed = needed
        self._machine = machine
        self._awaited: set[Copy] = set()
        self._acknowledged: set[Copy] = set()
        self.held: set[NodeId] = set()
        """The home nodes for which some node has acknowledged a copy."""
        self._most: int | None = None
        """How many can count if every awaited answer comes; None = to be counted again."""

    def expect(self, node: NodeId, home: NodeId) -> None:
        """`node` has been asked to hold a copy for `home`."""
        self._awaited.add((node, home))
        self._most = None

    def acknowledge(self, node: NodeId, home: NodeId) -> None:
        """`node` holds it durably. Saying so again changes nothing."""
        copy = (node, home)
        if copy in self._awaited:
            self._awaited.remove(copy)
        else:
            self._most = None
        self._acknowledged.add(copy)
        self.held.add(home)

    def give_up(self, node: NodeId, home: NodeId) -> None:
        """`node` will not say that it holds it. What is acknowledged stays."""
        self._awaited.discard((node, home))
        self._most = None

    def is_awaited(self, node: NodeId, home: NodeId) -> bool:
        """Whether an answer may still come."""
        return (node, home) in self._awaited

    @property
    def enough(self) -> bool:
        """Whether the write may be acknowledged."""
        return len(self._acknowledged) >= self.needed and self._size(self._acknowledged) >= self.needed

    @property
    def hopeless(self) -> bool:
        """Whether it stays too few even if every awaited answer comes."""
        if self._most is None:
            self._most = self._size(self._acknowledged | self._awaited)
        return self._most < self.needed

    def _size(self, copies: Collection[Copy]) -> int:
        """The size of the largest matching of machines and homes (augmenting paths)."""
        machines, homes = set(), set()
        for node, home in copies:
            machines.add(self._machine(node))
            homes.add(home)
        if len(machines) == len(homes) == len(copies):
            return len(copies)  # As nearly always, there is nothing to choose between.
        homes_of: dict[str, set[NodeId]] = {}
        for node, home in copies:
            homes_of.setdefault(self._machine(node), set()).add(home)
        holder: dict[NodeId, str] = {}

        def place(machine: str, tried: set[NodeId]) -> bool:
            for home in homes_of[machine] - tried:
                tried.add(home)
                if home not in holder or place(holder[home], tried):
                    holder[home] = machine
                    return True
            return False

        return sum(place(machine, set()) for machine in homes_of)
