"""How often each interesting thing happened in a run, by name in plain words."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ringcheck.history import Converged, Counters, DiskLost, FaultBegan, NodeUp, Observation
from ringcheck.judging.handoff import pending
from ringcheck.judging.run import Run
from ringcheck_chaos.faults import blocks

COUNTED: Mapping[str, str] = {
    "hints stored": "hints_stored",
    "hints delivered": "hints_delivered",
    "read repairs": "read_repairs",
    "anti-entropy repairs": "anti_entropy_repairs",
    "fallback reads": "fallback_reads",
    "forwarded requests": "forwarded_requests",
}
"""What the nodes count themselves, by the names of their counters."""


def occurrences(run: Run) -> dict[str, int]:
    """Every name is there, also with 0. What a node counted after it was last looked at is not known."""
    writes = [each for each in run.operations.values() if each.is_write]
    unacknowledged = [each for each in writes if not each.ok]
    events = run.events
    bit = [event for event in events if isinstance(event, FaultBegan) and event.bit]
    return {
        "operations": len(run.operations),
        "acknowledged writes": len(writes) - len(unacknowledged),
        "indefinite writes": sum(each.in_doubt for each in unacknowledged),
        "deletes": len([each for each in writes if each.ok and each.kind == "delete"]),
        "siblings seen": len([each for each in run.operations.values() if len(each.values) > 1]),
        "faults that bit": len(bit),
        "partitions that bit": sum(blocks(event.fault) for event in bit),
        "restarts": sum(isinstance(event, NodeUp) for event in events),
        "disks destroyed": sum(isinstance(event, DiskLost) for event in events),
        "hints seen pending": len({hint for seen in run.observations for hint in pending(seen)}),
        "convergences": sum(isinstance(event, Converged) and event.by == "inspect" for event in events),
        "convergences, as far as reads can show": sum(
            isinstance(event, Converged) and event.by == "reads" for event in events
        ),
        **_counted(run.observations),
    }


def _counted(observations: Sequence[Observation]) -> dict[str, int]:
    """How far the nodes' counters moved; an incarnation not seen at the start began at 0."""
    first: dict[tuple[str, str], Counters] = {}
    last: dict[tuple[str, str], Counters] = {}
    for seen in observations:
        for name, node in seen.nodes.items():
            if node.counters is not None:
                last[name, node.incarnation] = node.counters
                if seen is observations[0]:
                    first[name, node.incarnation] = node.counters
    total: Counter[str] = Counter()
    for who, counters in last.items():
        for name, field in COUNTED.items():
            total[name] += getattr(counters, field) - (getattr(first[who], field) if who in first else 0)
    return {name: max(0, total[name]) for name in COUNTED}
