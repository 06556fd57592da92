"""Which hints there are for whom: the index tells what a walk over all of them would, and spares it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.config import CoreConfig, Member
from ringcheck_reference.core.dropping import MAX_COPIES, astray
from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.hints import HintKey, Hints
from ringcheck_reference.core.node import Node
from ringcheck_reference.core.overlay import Overlay
from ringcheck_reference.core.ring import Ring, ring_of
from ringcheck_reference.core.versions import Context, Dot, State, Version
from ringcheck_reference.core.views import Tally

from .cluster import Cluster, Disk, HintRows

PARTITIONS = 8
TARGETS = ["n2", "n4", "n9"]
KEYS = [b"key %d" % number for number in range(6)]

hint_keys = st.tuples(st.sampled_from(TARGETS), st.sampled_from(KEYS))
member_sets = st.sets(st.sampled_from(["n1", "n2", "n3", "n4", "n5"]), min_size=1)
acts = st.one_of(
    st.tuples(st.just("store"), hint_keys, st.integers(1, 300)),
    st.tuples(st.just("drop"), st.just(None), st.integers(0, 20)),
    st.tuples(st.just("settle"), st.sampled_from([True, True, False]), st.integers(1, 9)),
    st.tuples(st.just("tear"), st.just(None), st.integers(0, 20)),
    st.tuples(st.just("view"), member_sets, st.just(0)),
    st.tuples(st.just("restart"), st.none(), st.just(0)),
)


def state(counter: int) -> State:
    """A state of one version, longer for higher counters."""
    dot = Dot(b"a", counter)
    return State.of([Version(dot, b"v" * counter)], Context.of([dot]))


def ring(members: set[str]) -> Ring:
    """Of these members."""
    return ring_of(tuple(Member(name) for name in sorted(members)), 3, PARTITIONS)


class Kept:
    """Hints, their disk, and what a look at every row says."""

    def __init__(self) -> None:
        self.disk = HintRows()
        self.ring = ring({"n1", "n2", "n3", "n4"})
        self.token = 0
        self.restart()

    def restart(self) -> None:
        """What is on its way is lost; what cannot be read is kept and is no hint once somebody has looked."""
        self.flying: list[tuple[int, HintKey, State]] = []
        self.torn: set[HintKey] = set()
        self.hints = Hints(self.disk, self.ring)
        self.hints.list()
        self.durable = {hint: row for hint, row in self.disk.rows.items() if row}

    def act(self, what: str, which: Any, counter: int) -> None:
        """One step."""
        if what in ("drop", "tear") and self.durable:
            which = sorted(self.durable)[counter % len(self.durable)]
        if what == "view":
            self.ring = ring(which)
        elif what == "restart":
            self.restart()
        elif what == "tear":
            if which in self.durable and not any(hint == which for _, hint, _ in self.flying):
                self.disk.rows[which] = b""
                self.hints.durable(which)
                del self.durable[which]
        elif what == "settle":
            for _ in range(counter):
                self.settle(durable=which)
        elif which is not None:
            self.token += 1
            to = state(counter) if what == "store" else State.EMPTY
            self.hints.stage(self.token, which, to)
            self.flying.append((self.token, which, to))

    def settle(self, *, durable: bool) -> None:
        """The disk answers for what was staged first."""
        if not self.flying:
            return
        token, hint, to = self.flying.pop(0)
        if durable:
            self.durable.pop(hint, None) if not to else self.durable.update({hint: encode_state(to)})
            self.disk.rows.pop(hint, None)
            self.disk.rows.update({hint: encode_state(to)} if to else {})
        self.hints.settle(token, hint, durable=durable)

    def check(self) -> None:
        """Index and walk agree."""
        hints, partition = self.hints, self.ring.partition
        assert hints.targets() == sorted({target for target, _ in self.durable})
        assert hints.pending() == Tally(
            len(self.durable), sum(len(key) + len(row) for (_, key), row in self.durable.items())
        )
        assert bool(hints) == bool(self.durable)
        found = set()
        for target in hints.targets():
            assert hints.keys_for(target) == sorted(key for whose, key in self.durable if whose == target)
            for number in hints.partitions(target):
                keys = hints.keys_in(target, number)
                assert keys
                assert {partition(key) for key in keys} == {number}
                found |= {(target, key) for key in keys}
        assert found == set(self.durable)
        listed = [(hint.target, hint.entry.key, hint.entry.state) for hint in hints.list()]
        assert listed == sorted((target, key, row) for (target, key), row in self.durable.items())
        for key in KEYS:
            flying = any(hint[1] == key for _, hint, _ in self.flying)
            assert hints.holds(key) == (flying or any(kept == key for _, kept in self.durable))
            merged = State.EMPTY
            for target in TARGETS:
                merged = merged.merge(hints.durable((target, key)))
            assert hints.of_key(key) == merged
        strayed = {(target, key) for target, key in self.durable if target not in self.ring.homes(key)}
        by_partition = astray(hints, self.ring)
        assert all(targets == sorted(set(targets)) for targets in by_partition.values())
        assert strayed == {
            (target, key)
            for number, targets in by_partition.items()
            for target in targets
            for key in hints.keys_in(target, number)
        }


@settings(deadline=None)
@given(st.lists(acts, max_size=40))
def test_the_index_tells_what_a_walk_over_all_hints_would(steps: list[tuple[str, Any, int]]) -> None:
    """After any stores, drops, failures of the disk, damage, changes of members and restarts."""
    kept = Kept()
    for step in steps:
        kept.act(*step)
        kept.check()


def test_keys_come_the_oldest_first() -> None:
    """So that their order is the same in every run, and nobody sorts them; a hint that grows keeps its place."""
    hints = Hints(HintRows(), ring({"n1"}))
    partition = ring({"n1"}).partition
    keys = [key for number in range(50) if partition(key := b"key %d" % number) == partition(KEYS[0])]
    assert len(keys) > 1
    for token, key in enumerate([*reversed(keys), keys[-1]], start=1):
        hints.stage(token, ("n2", key), state(token))
        hints.settle(token, ("n2", key), durable=True)
    assert hints.keys_in("n2", partition(KEYS[0])) == list(reversed(keys))


class Watched(dict[bytes, int]):
    """The hints of one target and partition, that count how often somebody looks at them."""

    looks = 0

    def __iter__(self) -> Iterator[bytes]:
        type(self).looks += 1
        return super().__iter__()

    def __contains__(self, key: object) -> bool:
        type(self).looks += 1
        return super().__contains__(key)

    def keys(self) -> Any:
        """See dict."""
        type(self).looks += 1
        return super().keys()

    def items(self) -> Any:
        """See dict."""
        type(self).looks += 1
        return super().items()


class Rows(HintRows):
    """Rows that count how often one is read by its key."""

    reads = 0

    def get(self, target: str, key: bytes, /) -> bytes | None:
        """See HintRows."""
        self.reads += 1
        return super().get(target, key)


def alone(target: str, count: int) -> tuple[Node, Rows]:
    """A node whose peers do not answer, and the rows of the hints that it keeps."""
    members = tuple(Member(f"n{number}") for number in range(1, 5))
    rows = Rows({(target, b"key %d" % number): encode_state(state(1)) for number in range(count)})
    config = CoreConfig("n1", members, n=3, partition_count=4)
    node = Node(config, {}, rows, {}, b"n1-actor", "incarnation", 1)
    for kept in node._desk.hints._sizes.values():
        kept.update({number: Watched(keys) for number, keys in kept.items()})
    rows.reads = Watched.looks = 0
    return node, rows


def live(node: Node, seconds: float) -> int:
    """Let time pass; how often the node had something to do."""
    now, ticks = 0.0, 0
    while now < seconds:
        node.tick(now)
        due = node.next_deadline()
        assert due is not None
        now, ticks = max(now, due), ticks + 1
    return ticks


def test_a_quiet_node_touches_no_hint() -> None:
    """However many it keeps for a home that is away; nor does Status, or the question whether any can be delivered."""
    node, rows = alone("n4", 500)
    assert live(node, 3.0) > 3.0 / node._desk.config.handoff_interval
    assert node.status().hints_pending.count == 500
    assert not node.hands_over
    assert (Watched.looks, rows.reads) == (0, 0)
    assert len(list(node.hints())) == 500
    assert (Watched.looks, rows.reads) == (4, 500)


def test_hints_that_nobody_takes_are_asked_about_a_few_at_a_time() -> None:
    """What is for no home any more, and cannot be dropped: as many are touched where there are ten times as many."""
    touched = []
    for count in (1000, 10_000):
        node, rows = alone("n9", count)
        live(node, 3.0)
        touched.append((Watched.looks, rows.reads))
    assert touched[0] == touched[1]
    assert 0 < touched[0][1] <= 3.0 / node._desk.config.handoff_interval * 4 * MAX_COPIES


class Compared(bytes):
    """A key that counts how often it is compared with another, as who sorts them does."""

    times = 0

    def __lt__(self, other: bytes) -> bool:
        type(self).times += 1
        return super().__lt__(other)


def strangers(cluster: Cluster, node: str, count: int) -> list[bytes]:
    """So many keys that are none of the node's."""
    keys = (b"key %d" % number for number in range(1_000_000))
    found: list[bytes] = []
    while len(found) < count:
        key = next(keys)
        if node not in cluster.ring.homes(key):
            found.append(key)
    return found


def is_empty(disk: Disk) -> bool:
    """Whether neither a replica nor a hint is kept there."""
    return not disk.replica and not disk.hints.rows


@pytest.mark.parametrize("as_hints", [False, True])
def test_each_copy_that_is_dropped_is_looked_at_a_few_times(as_hints: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are of one partition: they are not sorted for those that come next."""
    looked = []
    honest, delay = Overlay.settled, Cluster._delay

    def settled(overlay: Overlay[Any], key: Any) -> State:
        looked.append(key)
        return honest(overlay, key)

    monkeypatch.setattr(Overlay, "settled", settled)
    # Disks as quick as can be: nothing is looked at again because it is still on its way.
    monkeypatch.setattr(Cluster, "_delay", lambda cluster, body=None: delay(cluster, body) if body else 0.0)
    shares = []
    for count in (4 * MAX_COPIES, 16 * MAX_COPIES):
        cluster = Cluster(4, n=3, partition_count=4, anti_entropy_interval=1000.0)
        keys = strangers(cluster, "n2", count)
        for name in cluster.names:
            cluster.crash(name)
            cluster.replace_disk(name, Disk())
        for key in keys:
            for owner in cluster.ring.homes(key):
                cluster.disks[owner].replica[key] = encode_state(state(1))
        disk = cluster.disks["n2"]
        for key in keys:
            counted = Compared(key)
            if as_hints:
                disk.hints.rows["n9", counted] = encode_state(state(1))
            else:
                disk.replica[counted] = encode_state(state(1))
        looked.clear()
        monkeypatch.setattr(Compared, "times", 0)
        for name in cluster.names:
            cluster.start(name)
        assert cluster.run_until(partial(is_empty, disk), within=60.0)
        shares.append((len(looked) / count, Compared.times / count))
    looks, comparisons = zip(*shares, strict=True)
    assert 1 <= max(looks) < 3
    assert max(comparisons) < 3
