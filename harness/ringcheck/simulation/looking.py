"""What simulated nodes show of themselves, as the live world's `ringcheck.observe` sees it."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ringcheck import merkle
from ringcheck.codec import Codec
from ringcheck.history import Counters, EntrySeen, HintSeen, NodeSeen, ReplicaSeen
from ringcheck.simulation.core import Core, Entry
from ringcheck.simulation.node import CoreFailedError, SimulatedNode

HINTS_PENDING = "hints_pending"


def look(
    nodes: Iterable[SimulatedNode], profiles: frozenset[str], codec: Codec, keys: Sequence[str]
) -> dict[str, NodeSeen]:
    """What is seen of each node; `keys` are those whose preference lists are asked for. Raises CoreFailedError."""
    with _what_it_shows():
        return {node.name: _look_into(node, profiles, codec, keys) for node in nodes}


def seems_quiet(nodes: Sequence[SimulatedNode], profiles: frozenset[str]) -> bool:
    """A cheap first question: no hint is pending, nothing moves, all views and roots are equal.

    Raises CoreFailedError.
    """
    with _what_it_shows():
        return _seems_quiet(nodes) and not ("membership" in profiles and _moves(nodes))


def look_at_members(nodes: Iterable[SimulatedNode]) -> dict[str, NodeSeen]:
    """Whom each node knows as members and leavers, and nothing else. Raises CoreFailedError."""
    with _what_it_shows():
        return {
            node.name: NodeSeen(
                view_digest=node.core.view_digest().hex(),
                members=_members(node.core),
                draining=tuple(node.core.draining()),
            )
            for node in nodes
        }


@contextlib.contextmanager
def _what_it_shows() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        said = f"{type(error).__name__}: {next(iter(str(error).splitlines()), 'no message')}"
        raise CoreFailedError(f"What a core shows of itself cannot be used: {said}") from error


def _seems_quiet(nodes: Sequence[SimulatedNode]) -> bool:
    if any(node.core.counters()[HINTS_PENDING] for node in nodes):
        return False
    if len({node.core.view_digest() for node in nodes}) > 1:
        return False
    found: defaultdict[int, set[bytes]] = defaultdict(set)
    for node in nodes:
        for partition, root in node.core.roots():
            found[partition].add(root)
    return all(len(roots) == 1 for roots in found.values())


def _moves(nodes: Sequence[SimulatedNode]) -> bool:
    return any(node.core.unconfirmed() or node.core.draining() for node in nodes)


def _members(core: Core) -> tuple[str, ...]:
    return tuple(sorted(name for name, _, _ in core.members()))


def _look_into(node: SimulatedNode, profiles: frozenset[str], codec: Codec, keys: Sequence[str]) -> NodeSeen:
    core = node.core
    inspected = "inspect" in profiles
    ring = "ring" in profiles
    moving = inspected and "membership" in profiles
    members = core.members() if inspected or ring else ()
    return NodeSeen(
        incarnation=node.incarnation if inspected else "",
        counters=_counters(core) if inspected else None,
        replicas=tuple(_replicas(core, codec)) if inspected else (),
        hints=tuple(_hints(core, codec)) if inspected else (),
        view_digest=core.view_digest().hex() if inspected or ring else "",
        members=_members(core) if inspected or ring else (),
        hosts={name: host for name, _, host in members} if ring else {},
        weights={name: weight for name, weight, _ in members} if ring else {},
        owners={partition: tuple(owners) for partition, owners in enumerate(core.owners())} if ring else {},
        preference_lists={key: tuple(core.preference_list(codec.known_key(key))) for key in keys} if ring else {},
        unconfirmed_partitions=tuple(core.unconfirmed()) if moving else (),
        draining=tuple(core.draining()) if moving else (),
    )


def _counters(core: Core) -> Counters:
    counts = core.counters()
    return Counters(**{name: counts.get(name, 0) for name in Counters.__struct_fields__})


def _replicas(core: Core, codec: Codec) -> Iterable[ReplicaSeen]:
    for partition, root in core.roots():
        scan_root, entries = core.scan(partition)
        ours = [seen for entry in entries if (seen := _entry(entry, codec))]
        yield ReplicaSeen(
            partition=partition,
            root=root.hex(),
            scan_root=scan_root.hex(),
            computed_root=merkle.root((key, state) for key, _, state in entries).hex(),
            entries=tuple(sorted(ours, key=lambda entry: entry.key)),
            others=len(entries) - len(ours),
        )


def _hints(core: Core, codec: Codec) -> Iterable[HintSeen]:
    for target, entry in core.hints():
        if seen := _entry(entry, codec):
            yield HintSeen(target=target, entry=seen)


def _entry(entry: Entry, codec: Codec) -> EntrySeen | None:
    key, values, state = entry
    name = codec.key_text(key)
    if name is None:
        return None
    return EntrySeen(key=name, values=tuple(codec.value_text(name, value) for value in values), state=state)
