"""What a well-formed schedule must not have: promises that whoever carries it out, and the judge, rely on."""

from collections import defaultdict
from collections.abc import Iterator

from ringcheck.schedule import (
    Backup,
    CrashAfter,
    Delete,
    Disturb,
    ExpectAnswer,
    ExpectSettled,
    Get,
    Heal,
    Inject,
    Join,
    Kill,
    Leave,
    Observe,
    Operation,
    Put,
    Remove,
    Restart,
    Retire,
    RollBack,
    Schedule,
    Settle,
    Wipe,
)
from ringcheck_chaos.faults import CLIENT, directions

FOREIGN_CONTEXTS = "KV-10"
"""The one requirement for whose sake a write may carry the context of another key."""


def flaws(schedule: Schedule) -> list[str]:
    """Everything that is wrong with a schedule, one sentence each; empty when it is well-formed."""
    return [
        *_of_operations(schedule),
        *_of_faults(schedule),
        *_of_disks(schedule),
        *_of_members(schedule),
        *_of_expectations(schedule),
    ]


def _of_operations(schedule: Schedule) -> Iterator[str]:
    earlier: dict[int, Operation] = {}
    values: defaultdict[str, set[str]] = defaultdict(set)
    sizes: dict[str, int | str] = {}
    for operation in schedule.operations():
        if operation.id in earlier:
            yield f"operation {operation.id} stands twice"
        if operation.node not in _nodes(schedule):
            yield f"operation {operation.id} asks {operation.node}, which is no node"
        if sizes.setdefault(operation.key, operation.key_size) != operation.key_size:
            yield f"operation {operation.id} gives key {operation.key!r} another size"
        if not isinstance(operation, Get) and isinstance(operation.context, int):
            source = earlier.get(operation.context)
            if source is None or isinstance(source, Delete):
                yield f"operation {operation.id} uses the context of {operation.context}, which gives none before it"
            elif source.key != operation.key and FOREIGN_CONTEXTS not in schedule.requirements:
                yield f"operation {operation.id} uses the context of another key"
        if isinstance(operation, Put):
            if operation.value in values[operation.key]:
                yield f"operation {operation.id} writes {operation.value!r} to {operation.key!r} again"
            values[operation.key].add(operation.value)
        earlier[operation.id] = operation


def _of_faults(schedule: Schedule) -> Iterator[str]:
    nodes = _nodes(schedule)
    ids: set[int] = set()
    active: set[int] = set()
    down: set[str] = set()
    for step in schedule.steps:
        match step:
            case Inject(id=number, fault=fault):
                if number in ids:
                    yield f"fault {number} stands twice"
                if not directions(fault, nodes):
                    yield f"fault {number} touches nothing"
                if unknown := {end for pair in directions(fault, nodes) for end in pair} - {*nodes, CLIENT}:
                    yield f"fault {number} touches {', '.join(sorted(unknown))}, which are no nodes"
                ids.add(number)
                active.add(number)
            case Heal(id=number):
                if number not in ids:
                    yield f"fault {number} is healed before it began"
                active.discard(number)
            case Kill(nodes=killed) | Restart(nodes=killed):
                if not killed or set(killed) - set(nodes):
                    yield f"{killed} are killed or restarted, which are not nodes of the cluster"
                down = down | set(killed) if isinstance(step, Kill) else down - set(killed)
            case Remove(node=node):
                down.discard(node)
            case Put(as_peer=source) if source and source not in down:
                yield f"operation {step.id} is forwarded as {source}, which runs or is no node"
            case Disturb(node=node, source=source):
                if not {node, source} <= set(nodes) or node == source:
                    yield f"{node} is disturbed as {source}, which are not two nodes of the cluster"
                elif source not in down:
                    yield f"{node} is disturbed as {source}, which runs"
            case Settle():
                active.clear()
                down.clear()
    if active or down:
        yield f"it ends with faults {sorted(active)} in force and {sorted(down)} down"


def _of_disks(schedule: Schedule) -> Iterator[str]:
    """Disks may be lost within the contract: fewer than W nodes between two settles. One removed counts as lost."""
    nodes = set(_nodes(schedule))
    copied: set[str] = set()
    lost: set[str] = set()
    for step in schedule.steps:
        match step:
            case CrashAfter(node=node, effects=effects):
                if node not in nodes or effects < 0:
                    yield f"{node} is to die after {effects} effects, which makes no sense"
            case Backup(nodes=named):
                copied |= set(named)
            case Wipe(nodes=named):
                lost |= set(named)
                copied -= set(named)
            case RollBack(nodes=named):
                lost |= set(named) & copied
                copied -= set(named)
            case Remove(node=node):
                lost.add(node)
            case Settle():
                lost.clear()
            case _:
                continue
        if isinstance(step, Backup | Wipe | RollBack) and (not step.nodes or set(step.nodes) - nodes):
            yield f"the disks of {step.nodes} are copied or lost, which are not nodes of the cluster"
        if lost and len(lost) >= schedule.configuration.w:
            yield f"{', '.join(sorted(lost))} lose their disks between two settles, and W is {schedule.configuration.w}"


def _of_members(schedule: Schedule) -> Iterator[str]:
    """Who joins is nobody who was there; who goes was there, and goes through somebody who is."""
    present = set(schedule.configuration.node_ids)
    gone: set[str] = set()
    leaving: set[str] = set()
    for place, step in enumerate(schedule.steps):
        match step:
            case Join(node=node):
                if node in present | gone:
                    yield f"{node} joins, which was there before"
                present.add(node)
            case Leave(node=node) | Remove(node=node):
                if node not in present | leaving or (node in leaving and isinstance(step, Leave)):
                    yield f"{node} is to go, which is no member"
                present.discard(node)
                leaving.discard(node)
                (leaving if isinstance(step, Leave) else gone).add(node)
            case Retire(nodes=nodes):
                if not nodes or set(nodes) - leaving:
                    yield f"{nodes} are retired, which do not leave"
                leaving -= set(nodes)
                gone |= set(nodes)
            case _:
                continue
        through = getattr(step, "through", "")
        if through and through not in present | leaving:
            yield f"step {place} goes through {through}, which is no member"
        if not present:
            yield f"after step {place} nobody is a member"


def _nodes(schedule: Schedule) -> tuple[str, ...]:
    """The ids of all that the schedule knows: members from the start, and those that are to join."""
    return (*schedule.configuration.node_ids, *schedule.joiners())


def _of_expectations(schedule: Schedule) -> Iterator[str]:
    operations = {operation.id for operation in schedule.operations()}
    keys = set(schedule.keys())
    written: defaultdict[str, set[str]] = defaultdict(set)
    settled = False
    for step in schedule.steps:
        match step:
            case Put(key=key, value=value):
                written[key].add(value)
            case Settle():
                settled = True
            case Observe(key=key, node=node):
                if (key and key not in keys) or (node and node not in _nodes(schedule)):
                    yield f"something is observed that the schedule does not have: {key or node!r}"
            case ExpectAnswer(operation=operation):
                if operation not in operations:
                    yield f"operation {operation} is expected to end but never begins"
            case ExpectSettled(key=key, values=values):
                if not settled:
                    yield f"key {key!r} is expected to be settled before any settle"
                if key not in keys or set(values) - written[key]:
                    yield f"key {key!r} is expected to hold what nobody wrote to it"
    named = {step.requirement for step in schedule.steps if isinstance(step, ExpectAnswer | ExpectSettled)}
    # On a mixed cluster all of it counts for another requirement.
    if (unnamed := named - set(schedule.requirements)) and not schedule.configuration.mixed:
        yield f"it expects something for {', '.join(sorted(unnamed))} but does not say that it is about them"
