"""What taking partitions over costs: each key is read once, few views are made, and nobody waits for a round.

And no message is longer than it may be, however large a partition is and whatever becomes of messages.
"""

from collections import Counter
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core import pieces
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import ChangeResult, DropFact, Persist, PutFact, PutResult
from ringcheck_reference.core.encoding import decode_state
from ringcheck_reference.core.events import ChangeKind
from ringcheck_reference.core.messages import (
    Caller,
    Cause,
    ClientJoin,
    ClientLeave,
    ClientPut,
    Leaf,
    Leaves,
    LeavesQuery,
    NodeId,
    PeerAnswer,
    PeerRequest,
    Read,
    Refusal,
    Release,
    Released,
    Replicate,
    RootsQuery,
)
from ringcheck_reference.core.transfer import Releasing
from ringcheck_reference.core.versions import Context, Dot, State, Version
from ringcheck_reference.shell.translate import answer_to_wire, request_to_wire

from .cluster import Cluster, Disk, Link

KEYS = tuple(b"key %d" % number for number in range(300))
LONG_S = 1000.0
"""An interval that no test waits for."""


class Counting(Cluster):
    """Counts keys asked for, and how often a node made news of the membership durable."""

    counts: Counter[str]

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        self.counts["reads"] += isinstance(request.body, Read)
        super()._send_request(source, target, request)

    def _persist(self, name: NodeId, persist: Persist) -> None:
        facts = sum(isinstance(write, PutFact) for write in persist.writes)
        self.counts["batches"] += facts > 0
        self.counts["facts"] += facts
        super()._persist(name, persist)


def filled(size: int, **options: Any) -> Counting:
    """Nodes with data, all of which have reached all owners."""
    Counting.counts = Counter()
    cluster = Counting(size, handoff_interval=LONG_S, anti_entropy_interval=LONG_S, **options)
    cluster.run_for(1.0)
    for key in KEYS:
        assert isinstance(cluster.ask("n1", ClientPut(key, b"value", w=3)), PutResult)
    cluster.run_for(1.0)
    cluster.counts = Counter()
    return cluster


def is_calm(cluster: Cluster) -> bool:
    """Whether all nodes agree, and nothing is left to take over, to drop or to drain."""
    cores = [process.core for process in cluster.running.values()]
    owners = cores[0].ring().owners
    return (
        len({core.ring().digest for core in cores}) == 1
        and not any(core.membership().moving or core.membership().draining for core in cores)
        and all(
            name in owners[partition]
            for name, process in cluster.running.items()
            for partition, _ in process.core.roots()
        )
    )


def test_a_join_reads_each_key_once_for_each_new_owner() -> None:
    """Although three old owners hold it; and what has failed nothing waits for no round."""
    cluster = filled(4)
    before = cluster.running["n1"].core.ring().owners
    cluster.add("n5")
    assert isinstance(cluster.ask("n2", ClientJoin(Member("n5"))), ChangeResult)
    assert cluster.run_until(lambda: is_calm(cluster), within=10.0)
    after = cluster.running["n5"].core.ring().owners
    gained = [len(set(new) - set(old)) for old, new in zip(before, after, strict=True)]
    due = sum(gained[cluster.ring.partition(key)] for key in KEYS)
    assert due > 0
    assert cluster.counts["reads"] == due


def test_confirmations_are_made_known_many_at_a_time() -> None:
    """Every view costs every node, so a change that moves many partitions makes few."""
    cluster = filled(4, partition_count=64)
    cluster.add("n5")
    assert isinstance(cluster.ask("n2", ClientJoin(Member("n5"))), ChangeResult)
    assert cluster.run_until(lambda: is_calm(cluster), within=10.0)
    assert cluster.counts["facts"] > 3 * cluster.counts["batches"]


class Asking(Counting):
    """Counts what is asked, by kind, and partitions whose roots are."""

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        if source == "n5":
            self.counts[type(request.body).__name__] += 1
            if isinstance(request.body, RootsQuery):
                self.counts["roots"] += len(request.body.partitions)
        super()._send_request(source, target, request)


def test_many_partitions_are_taken_over_several_at_a_time() -> None:
    """Each holds little then, and most messages are about several; each is released by itself, and confirmed once."""
    Asking.counts = Counter()
    cluster = Asking(4, handoff_interval=LONG_S, anti_entropy_interval=LONG_S, partition_count=1024)
    cluster.run_for(1.0)
    cluster.counts, before = Counter(), cluster.running["n1"].core.ring().owners
    cluster.add("n5")
    assert isinstance(cluster.ask("n2", ClientJoin(Member("n5"))), ChangeResult)
    standings = [process.core._desk.standing for process in cluster.running.values()]
    assert cluster.run_until(
        lambda: is_calm(cluster) and not any(standing.unsettled() for standing in standings), within=30.0
    )
    after = cluster.running["n5"].core.ring().owners
    moved = sum(set(new) != set(old) for old, new in zip(before, after, strict=True))
    assert cluster.counts["roots"] > 2 * cluster.counts["RootsQuery"]
    view = cluster.running["n1"].core._desk.standing.view
    assert sum(event.kind is ChangeKind.CONFIRMED for event in view.events) == 3 * moved


class Fussy(Disk):
    """Refuses what takes a partition over for good, once for each of so many batches."""

    left = 0

    def commit(self, persist: Persist) -> bool:
        """See Disk."""
        if self.left and any(isinstance(write, DropFact) for write in persist.writes):
            self.left -= 1
            return False
        return super().commit(persist)


def test_a_confirmation_that_is_not_kept_is_tried_again_without_waiting_for_a_round() -> None:
    """Nothing follows that would begin it anew: no view, since there was none."""
    cluster = filled(4, partition_count=4)
    cluster.add("n5")
    cluster.crash("n5")
    disk = Fussy()
    disk.left = 2
    cluster.replace_disk("n5", disk)
    cluster.start("n5")
    assert isinstance(cluster.ask("n2", ClientJoin(Member("n5"))), ChangeResult)
    assert cluster.run_until(lambda: is_calm(cluster), within=10.0)
    assert disk.left == 0


def test_a_leaver_is_drained_without_waiting_for_a_round() -> None:
    """Partitions are taken over, copies are dropped, and the leaver says that it is empty, one after the other."""
    cluster = filled(4)
    assert isinstance(cluster.ask("n2", ClientLeave("n3")), ChangeResult)
    assert cluster.run_until(lambda: is_calm(cluster), within=10.0)
    assert not cluster.disks["n3"].replica


STATE = State.of([Version(Dot(b"somebody", 1), b"late")], Context.of([Dot(b"somebody", 1)]))
MOST_BYTES = 300
"""Of keys and hashes in a piece, in what follows: some eight leaves."""
LONGEST_BYTES = 2 * MOST_BYTES
"""Of a message about leaves, with all that is around them."""
LARGE: Any = {"n": 2, "r": 1, "w": 1, "partition_count": 2, "handoff_interval": LONG_S, "anti_entropy_interval": LONG_S}
"""Where every partition has a hundred keys and more."""


class Measuring(Counting):
    """Knows the longest message that was sent of each kind, as it goes over the wire."""

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        self._measure(request.body, request_to_wire(request).ByteSize())
        super()._send_request(source, target, request)

    def _send_answer(self, source: NodeId, caller: Caller, answer: PeerAnswer) -> None:
        self._measure(answer.body, answer_to_wire(answer).ByteSize())
        if isinstance(answer.body, Leaves):
            self.counts["pieces"] += answer.body.more
        super()._send_answer(source, caller, answer)

    def _measure(self, body: object, size: int) -> None:
        self.counts[type(body).__name__] = max(self.counts[type(body).__name__], size)


def large(size: int = 3, *, kind: type[Measuring] = Measuring, **options: Any) -> Measuring:
    """Nodes with many keys in each of few partitions, and a newcomer that has just become a member."""
    Measuring.counts = Counter()
    cluster = kind(size, **LARGE, **options)
    for key in KEYS:
        assert isinstance(cluster.ask("n1", ClientPut(key, b"value", w=2)), PutResult)
    cluster.counts.clear()
    cluster.add("newcomer")
    assert isinstance(cluster.ask("n2", ClientJoin(Member("newcomer", weight=9))), ChangeResult)
    return cluster


def assert_taken_over(cluster: Measuring) -> None:
    """The newcomer has all keys as soon as it says so, long before others look whether they may drop theirs."""
    newcomer = cluster.running["newcomer"].core

    def has_confirmed() -> bool:
        return any("newcomer" in nodes for nodes in newcomer.ring().owners) and not newcomer.membership().moving

    assert cluster.run_until(has_confirmed, within=60.0)
    owners = newcomer.ring().owners
    assert cluster.disks["newcomer"].replica.keys() >= {
        key for key in KEYS if "newcomer" in owners[cluster.ring.partition(key)]
    }


def assert_bounded(cluster: Measuring) -> None:
    """There was more to tell than fits one message, and no message was longer than it may be."""
    assert cluster.counts["pieces"] > len(KEYS) * 32 // MOST_BYTES // 4
    for kind in (Leaves, LeavesQuery, Release, Released):
        assert 0 < cluster.counts[kind.__name__] <= LONGEST_BYTES


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3]), st.floats(0.01, 0.2))
def test_a_partition_of_many_keys_is_taken_over_in_pieces(seed: int, duplication: float, slowness: float) -> None:
    """More leaves than fit one message; messages come twice, and the later ones first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "MOST_BYTES", MOST_BYTES)
        late = dict.fromkeys((LeavesQuery, Leaves, Release, Released), slowness)
        cluster = large(seed=seed, duplication=duplication, slowness=late)
        assert_taken_over(cluster)
        assert_bounded(cluster)


def test_what_is_lost_on_the_way_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again the newcomer hears nothing for longer than it waits; what it has already is not read twice."""
    monkeypatch.setattr(pieces, "MOST_BYTES", MOST_BYTES)
    cluster = large(request_timeout=0.5)
    for _ in range(3):
        assert cluster.running["newcomer"].core.membership().moving or not cluster.counts["Released"]
        for link in (Link.DROPPING, Link.OPEN):
            for name in ("n1", "n2", "n3"):
                cluster.set_link("newcomer", name, link)
            cluster.run_for(0.7 if link is Link.DROPPING else 0.05)
    assert_taken_over(cluster)
    assert_bounded(cluster)
    assert cluster.counts["reads"] < 2 * len(KEYS)


def test_a_peer_that_tells_all_it_holds_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one that does not know that leaves may be unwanted."""

    def tell(releasing: Releasing) -> None:
        partition = releasing._body.partition
        leaves = tuple(Leaf(*each) for each in releasing._desk.replica.tree(partition).all_leaves())
        releasing._end(Released(partition, leaves))

    monkeypatch.setattr(pieces, "MOST_BYTES", MOST_BYTES)
    monkeypatch.setattr(Releasing, "_tell", tell)
    assert_taken_over(large())


def test_who_wants_leaves_with_the_release_is_told_them() -> None:
    """It is one that does not compare trees afterwards, and would take their absence for that of keys."""
    cluster = large()
    view = cluster.running["n2"].core._desk.standing.view
    owners = cluster.running["n2"].core.ring().owners
    partition, old = next(
        (number, node)
        for number, nodes in enumerate(owners)
        for node in cluster.ring.owners[number]
        if node not in nodes and cluster.running[node].core._desk.standing.view == view
    )
    caller = Caller("newcomer", "somebody", 9)
    for without, expected in ((False, True), (True, False)):
        request = PeerRequest(5, Release(partition, view.changes_digest, without_leaves=without))
        (answer,) = cluster.question(old, caller, request)
        assert isinstance(answer.body, Released)
        assert bool(answer.body.leaves) == expected


def test_the_tree_of_what_was_released_is_shown_to_owners_whatever_their_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes over many partitions makes a view with each; others are refused as ever."""
    monkeypatch.setattr(pieces, "MOST_BYTES", MOST_BYTES)
    cluster = large()
    desks = {name: process.core._desk for name, process in cluster.running.items()}
    number, old = next(
        (number, name)
        for number, nodes in enumerate(cluster.running["n2"].core.ring().owners)
        for name in cluster.ring.owners[number]
        if name not in nodes
    )
    assert cluster.run_until(lambda: desks[old].standing.has_released(number), within=10.0)
    query = PeerRequest(5, LeavesQuery(number, tuple(range(64)), in_pieces=True), b"a view that nobody knows")
    (to_owner,) = cluster.question(old, Caller("newcomer", "somebody", 9), query)
    (to_other,) = cluster.question(old, Caller("a stranger", "somebody", 9), query)
    assert isinstance(to_owner.body, Leaves)
    assert isinstance(to_other.body, Refusal)


class Belated(Measuring):
    """What an old owner holds changes while it is being asked to release, and nobody else hears of it."""

    late: ClassVar[set[bytes]] = set()

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        if isinstance(request.body, Release):
            number = request.body.partition
            key = next(key for key in KEYS if self.ring.partition(key) == number and key not in self.late)
            self.late.add(key)
            write = Replicate(key, STATE, cause=Cause.WRITE)
            self._receive(target, Caller("n1", "somebody", 9), PeerRequest(0, write))
        super()._send_request(source, target, request)


def test_what_an_old_owner_gets_before_it_releases_is_taken_over() -> None:
    """It counted as a home until then, so somebody may rely on it."""
    Belated.late = set()
    assert_taken_over(cluster := large(kind=Belated))
    assert Belated.late
    for key in Belated.late:
        assert STATE.versions[0] in decode_state(cluster.disks["newcomer"].replica[key]).versions
