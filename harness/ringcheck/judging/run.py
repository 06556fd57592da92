"""One history, arranged for the judges: operations by key, Settles, disturbances, observations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ringcheck import schedule as planned
from ringcheck.history import Description, DiskLost, Event, History, NodeUp, Observation
from ringcheck.judging.causality import Causality, by_key
from ringcheck.judging.disks import Disks
from ringcheck.judging.operations import Operation, Operations, sort_out
from ringcheck.judging.settlements import Settlement, settlements
from ringcheck.judging.starvation import Starvation
from ringcheck.judging.timeline import Timeline, timeline
from ringcheck.judging.views import Views


@dataclass(frozen=True)
class Run:
    """What all judges are given. Times are seconds.

    `events` are all that are no part of an operation, in the order in which they were written; `in_order` tells whether
    the operations were written in the order of their starts.
    """

    # The keys come first, and so are let go first: the operations are then freed in the order in which they were made,
    # which takes a quarter of the time.
    keys: Mapping[str, Causality]
    history: History
    operations: Operations
    in_order: bool
    events: Sequence[Event]
    settlements: Sequence[Settlement]
    views: Views
    timeline: Timeline
    observations: Sequence[Observation]

    @classmethod
    def of(cls, history: History) -> "Run":
        """Arrange a history."""
        operations, finals, events, in_order = sort_out(history.events)
        settled = settlements(events, finals)
        views = Views.of(events, history.header.nodes, settled)
        return cls(
            history=history,
            operations=operations,
            in_order=in_order,
            events=events,
            keys=by_key(operations.values()),
            settlements=settled,
            views=views,
            timeline=timeline(events, history.header.nodes, views.settled_without),
            observations=sorted(
                (event for event in events if isinstance(event, Observation)), key=lambda event: event.began
            ),
        )

    @cached_property
    def descriptions(self) -> Mapping[str, Description]:
        """What each node said of itself, those included that were started later."""
        later = {each.node: each.description for each in self.events if isinstance(each, NodeUp) and each.description}
        return self.history.header.nodes | later

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The ids of all nodes that ever ran."""
        return tuple(self.descriptions)

    @cached_property
    def profiles(self) -> tuple[str, ...]:
        """What any node declares, sorted; on a mixed cluster, what all do."""
        declared = [frozenset(each.profiles) for each in self.history.header.nodes.values()]
        if self.configuration.mixed and declared:
            return tuple(sorted(frozenset.intersection(*declared)))
        return tuple(sorted(frozenset().union(*declared)))

    @cached_property
    def n(self) -> int:
        """Copies of each key."""
        return max((each.n for each in self.history.header.nodes.values()), default=self.configuration.n)

    @cached_property
    def disks(self) -> Disks:
        """The disks that were destroyed."""
        return Disks(
            (*(event for event in self.events if isinstance(event, DiskLost)), *self.views.losses()),
            {each.ended: self.n if each.by_inspection else 1 for each in self.settlements if self.at_rest(each)},
        )

    @cached_property
    def starvation(self) -> Starvation:
        """When the machine was too busy with something else."""
        return Starvation(self.events)

    @property
    def configuration(self) -> planned.Configuration:
        """The cluster that the schedule asked for."""
        return self.history.header.schedule.configuration

    @cached_property
    def detection_s(self) -> float:
        """The slowest node's declared detection deadline."""
        return max((each.detection_deadline_ms for each in self.history.header.nodes.values()), default=0) / 1000

    def converged_before(self, moment: float) -> float:
        """When the last convergence before a moment was reached; 0 without one, since a cluster starts converged."""
        return max((each.ended for each in self.settlements if each.converged and each.ended <= moment), default=0.0)

    def host(self, node: str) -> str:
        """The physical machine of `node`, as the schedule has it."""
        return self._hosts.get(node) or self.views.host(node)

    @cached_property
    def _hosts(self) -> Mapping[str, str]:
        """Node → its physical machine, where the schedule names machines."""
        return dict(zip(self.configuration.node_ids, self.configuration.hosts, strict=False))

    def hosts(self, nodes: Iterable[str]) -> frozenset[str]:
        """The physical machines of `nodes`."""
        group = frozenset(nodes)
        if (found := self._hosts_of.get(group)) is None:
            found = self._hosts_of[group] = frozenset(map(self.host, group))
        return found

    @cached_property
    def _hosts_of(self) -> dict[frozenset[str], frozenset[str]]:
        """What `hosts` has found so far: groups are few, and asked for once for every operation."""
        return {}

    def answering(self, settlement: Settlement) -> tuple[str, ...]:
        """The nodes that owe an answer to the final reads of a Settle: whoever is a member for certain."""
        members = self.views.certain(settlement.ended, settlement.ended)
        return tuple(node for node in self.nodes if node in members)

    def request_timeout_s(self, node: str) -> float:
        """The request time-out that `node` declares."""
        return self.descriptions[node].request_timeout_ms / 1000

    def at_rest(self, settlement: Settlement) -> bool:
        """Whether a Settle ended in a converged state, with no message of a fault left on its way for certain."""
        return settlement.converged and not self.timeline.erratic(settlement.ended, settlement.ended)

    @cached_property
    def steps(self) -> Mapping[int, planned.Operation]:
        """The schedule's operations by id."""
        return {step.id: step for step in self.history.header.schedule.operations()}

    def is_clients(self, operation: Operation) -> bool:
        """Whether a client asked for it, and not the harness in the place of a member."""
        return not getattr(self.steps.get(operation.id), "as_peer", "")

    def is_valid(self, operation: Operation) -> bool:
        """Whether what was asked is within the contract, so that no node may refuse it for its form."""
        step = self.steps.get(operation.id)
        over = step is not None and "over" in (step.key_size, getattr(step, "value_size", 0))
        return bool(operation.key) and not over and 1 <= operation.quorum <= self.n
