"""How often each interesting thing happened in a run, by name in plain words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

from ringcheck.history import Converged, Counters, DiskLost, FaultBegan, NodeUp, Observation
from ringcheck.judging.handoff import pending
from ringcheck.judging.operations import Operation
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
    writes = sum(len(each.writes) for each in run.keys.values())
    unacknowledged: list[Operation] = []
    deletes = siblings = 0
    for operation in run.operations.values():
        if not operation.is_write:
            if len(operation.values) > 1:
                siblings += 1
        elif not operation.ok:
            unacknowledged.append(operation)
        elif operation.kind == "delete":
            deletes += 1
    events = run.events
    bit = [event for event in events if isinstance(event, FaultBegan) and event.bit]
    return {
        "operations": len(run.operations),
        "acknowledged writes": writes - len(unacknowledged),
        "indefinite writes": sum(each.in_doubt for each in unacknowledged),
        "deletes": deletes,
        "siblings seen": siblings,
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
        **_starved(run),
        **_changed(run),
    }


def _starved(run: Run) -> dict[str, int]:
    """How long others kept the machine busy, where they did."""
    return {"seconds in which the machine was too busy": ceil(total_s)} if (total_s := run.starvation.total_s) else {}


def _changed(run: Run) -> dict[str, int]:
    """Changes of the membership, where nodes declare that there may be any."""
    if "membership" not in run.profiles:
        return {}
    acknowledged = Counter(change.kind for change in run.views.changes if change.ok)
    return {
        "nodes joined": acknowledged["join"],
        "nodes left": acknowledged["leave"],
        "nodes removed": acknowledged["remove"],
        "changes refused": sum(change.refused for change in run.views.changes),
        "changes in doubt": sum(not change.ok for change in run.views.effective),
        "operations while views changed": sum(
            bool(run.views.unsettled(each.start, each.start)) for each in run.operations.values()
        )
        if run.views.effective
        else 0,
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
