"""Who belongs to the cluster of a run, as its operator knows it: by what he has asked for, and what he was answered.

An answer other than OK or a definite error leaves both possible; then what the nodes themselves show decides. A node
that was removed or retired is *gone*: nobody starts it again, nobody waits for it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ringcheck.client import DEFINITE
from ringcheck.history import Change, ChangeDone, NodeSeen
from ringcheck.schedule import Join, Leave, MembershipChange, Remove

DEFINITE_CODES = frozenset(code.name for code in DEFINITE)


class Known(Enum):
    """Whether a change has taken effect, as far as its answers tell."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


@dataclass
class _Asked:
    """What has become of all changes of one kind for one node."""

    agreed: bool = False
    uncertain: set[int] = field(default_factory=set)
    """The numbers of those that were not answered, or indefinitely."""

    @property
    def known(self) -> Known:
        return Known.YES if self.agreed else Known.MAYBE if self.uncertain else Known.NO


class _Standing:
    """One node. The `join` of one that the configuration names is agreed from the start."""

    def __init__(self, *, initial: bool) -> None:
        self.changes = {"join": _Asked(initial), "leave": _Asked(), "remove": _Asked()}
        self.started = initial
        self.retired = False

    @property
    def joined(self) -> Known:
        return self.changes["join"].known

    @property
    def left(self) -> Known:
        return self.changes["leave"].known

    @property
    def removed(self) -> Known:
        return self.changes["remove"].known

    @property
    def gone(self) -> bool:
        return self.retired or self.removed is Known.YES


class Roster:
    """The operator's list of all nodes of a schedule: those of its configuration, then its joiners."""

    def __init__(self, initial: Iterable[str], joiners: Iterable[str] = ()) -> None:
        self._nodes = {name: _Standing(initial=True) for name in initial}
        self._nodes |= {name: _Standing(initial=False) for name in joiners}
        self._sent: dict[int, Change] = {}

    @property
    def moved(self) -> bool:
        """Whether any membership change was asked for."""
        return bool(self._sent)

    def change(self, step: MembershipChange, time: float, runs: Callable[[str], bool]) -> Change | None:
        """The change that a step asks for, which is about to be sent; None when no member runs that could be asked."""
        asked = step.through or next((name for name in self._askable() if name != step.node and runs(name)), "")
        if not asked or not self.was_started(asked):
            return None
        number = len(self._sent) + 1
        match step:
            case Join(node=node, weight=weight, host=host):
                host = host or node
                change = Change(
                    time=time, number=number, kind="join", node=node, weight=weight, host=host, through=asked
                )
            case Leave(node=node):
                change = Change(time=time, number=number, kind="leave", node=node, through=asked)
            case Remove(node=node):
                change = Change(time=time, number=number, kind="remove", node=node, through=asked)
        self._sent[number] = change
        if standing := self._nodes.get(step.node):
            standing.changes[change.kind].uncertain.add(number)
        return change

    def answered(self, done: ChangeDone) -> None:
        """A change was answered."""
        change = self._sent[done.number]
        asked = self._nodes[change.node].changes[change.kind] if change.node in self._nodes else _Asked()
        if done.code == "OK":
            asked.agreed = True
        elif done.code in DEFINITE_CODES:
            asked.uncertain.discard(done.number)

    def start(self, name: str) -> bool:
        """Whether a node that is to join may be started; it counts as started from then on."""
        standing = self._nodes[name]
        standing.started = standing.started or not standing.gone
        return not standing.gone

    def seeds(self, name: str) -> tuple[str, ...]:
        """Whom a node that is to join gossips with first: the members for certain, who may be other than at first."""
        return tuple(each for each in self._askable() if each != name)

    def was_started(self, name: str) -> bool:
        """Whether there has ever been such a process."""
        return name in self._nodes and self._nodes[name].started

    def retire(self, name: str) -> None:
        """A leaver was stopped for good."""
        self._nodes[name].retired = True

    def startable(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these nodes that may be started again."""
        return tuple(name for name in names if self.was_started(name) and not self._nodes[name].gone)

    @property
    def gone(self) -> tuple[str, ...]:
        """The nodes that are never started again."""
        return tuple(name for name, standing in self._nodes.items() if standing.gone)

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The nodes that may have been removed, or may not."""
        return tuple(
            name for name, standing in self._nodes.items() if standing.removed is Known.MAYBE and not standing.gone
        )

    @property
    def due(self) -> tuple[str, ...]:
        """The nodes that are to run once everything is healed, whatever the nodes show."""
        return tuple(name for name in self.startable(self._nodes) if self._nodes[name].removed is Known.NO)

    def decide(self, seen: Mapping[str, NodeSeen]) -> None:
        """Of the doubtful, those that no member lists any more are removed for good."""
        for name in set(self.doubtful) - self._listed(seen):
            self._nodes[name].changes["remove"].agreed = True

    def voices(self, seen: Mapping[str, NodeSeen]) -> dict[str, NodeSeen]:
        """Those that tell who is a member: the nodes seen that joined for certain, and were not removed for certain."""
        return {name: node for name, node in seen.items() if self._certain(name)}

    def expected(self, seen: Mapping[str, NodeSeen]) -> tuple[str, ...]:
        """Who has to be up and agree: every member, and every leaver that was not retired."""
        listed = self._listed(seen)
        return tuple(
            name
            for name, standing in self._nodes.items()
            if self._certain(name) or (name in listed and standing.started and not standing.gone)
        )

    def members(self, seen: Mapping[str, NodeSeen]) -> tuple[str, ...]:
        """Who is asked as a member: by what the nodes show, else by what was answered."""
        listed = {member for node in self.voices(seen).values() for member in node.members}
        if not listed:
            return tuple(name for name in self._askable() if self._nodes[name].started)
        return tuple(name for name in self.expected(seen) if name in listed)

    def is_drained(self, name: str, seen: Mapping[str, NodeSeen]) -> bool:
        """Whether a node has left and may be stopped, as all others show it, each of them: one view, and not in it.

        A node that has not heard of its joining yet shows the same, so this has to be answered for certain.
        """
        standing = self._nodes.get(name)
        if standing is None or standing.joined is not Known.YES or standing.left is Known.NO:
            return False
        others = [each for each in self._nodes if each != name and self._certain(each)]
        if not others or not set(others) <= seen.keys():
            return False
        views = [node for each, node in seen.items() if each in (name, *others)]
        if len({node.view_digest for node in views}) > 1:
            return False
        return not any(name in (*node.members, *node.draining) for node in views)

    def _certain(self, name: str) -> bool:
        standing = self._nodes[name]
        return standing.joined is Known.YES and standing.removed is Known.NO and not standing.gone

    def _askable(self) -> list[str]:
        """The members for certain."""
        return [name for name in self._nodes if self._certain(name) and self._nodes[name].left is Known.NO]

    def _listed(self, seen: Mapping[str, NodeSeen]) -> set[str]:
        voices = self.voices(seen).values()
        return {name for node in voices for names in (node.members, node.draining) for name in names}
