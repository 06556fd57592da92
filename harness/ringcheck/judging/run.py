"""One history, arranged for the judges: operations by key, Settles, disturbances, observations."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ringcheck import schedule as planned
from ringcheck.history import DiskLost, Event, History, Observation
from ringcheck.judging.causality import Causality
from ringcheck.judging.disks import Disks
from ringcheck.judging.operations import Operation, Operations, sort_out
from ringcheck.judging.settlements import Settlement, settlements
from ringcheck.judging.timeline import Timeline, timeline


@dataclass(frozen=True)
class Run:
    """What all judges are given. Times are seconds.

    `events` are all that are no part of an operation, in the order in which they were written.
    """

    history: History
    operations: Operations
    events: Sequence[Event]
    keys: Mapping[str, Causality]
    settlements: Sequence[Settlement]
    timeline: Timeline
    observations: Sequence[Observation]

    @classmethod
    def of(cls, history: History) -> "Run":
        """Arrange a history."""
        operations, events = sort_out(history.events)
        by_key: defaultdict[str, Operations] = defaultdict(dict)
        for number, operation in operations.items():
            by_key[operation.key][number] = operation
        return cls(
            history=history,
            operations=operations,
            events=events,
            keys={key: Causality(each) for key, each in by_key.items()},
            settlements=settlements(events, operations),
            timeline=timeline(events, history.header.nodes),
            observations=sorted(
                (event for event in events if isinstance(event, Observation)), key=lambda event: event.began
            ),
        )

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The ids of all nodes."""
        return tuple(self.history.header.nodes)

    @cached_property
    def profiles(self) -> tuple[str, ...]:
        """What any node declares, sorted."""
        return tuple(sorted({name for each in self.history.header.nodes.values() for name in each.profiles}))

    @cached_property
    def n(self) -> int:
        """Copies of each key."""
        return max((each.n for each in self.history.header.nodes.values()), default=self.configuration.n)

    @cached_property
    def disks(self) -> Disks:
        """The disks that were destroyed."""
        return Disks(
            (event for event in self.events if isinstance(event, DiskLost)),
            {each.ended: self.n if each.by_inspection else 1 for each in self.settlements if self.at_rest(each)},
        )

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
        ids, hosts = self.configuration.node_ids, self.configuration.hosts
        return hosts[ids.index(node)] if hosts and node in ids else node

    def request_timeout_s(self, node: str) -> float:
        """The request time-out that `node` declares."""
        return self.history.header.nodes[node].request_timeout_ms / 1000

    def at_rest(self, settlement: Settlement) -> bool:
        """Whether a Settle ended in a converged state, with no message of a fault left on its way for certain."""
        return settlement.converged and not self.timeline.erratic(settlement.ended, settlement.ended)

    @cached_property
    def steps(self) -> Mapping[int, planned.Operation]:
        """The schedule's operations by id."""
        return {step.id: step for step in self.history.header.schedule.operations()}

    def is_valid(self, operation: Operation) -> bool:
        """Whether what was asked is within the contract, so that no node may refuse it for its form."""
        step = self.steps.get(operation.id)
        over = step is not None and "over" in (step.key_size, getattr(step, "value_size", 0))
        return bool(operation.key) and not over and 1 <= operation.quorum <= self.n
