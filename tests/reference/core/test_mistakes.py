"""When the core itself errs: it comes out, once, and costs whoever asked and nobody else."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.dropping import MAX_COPIES
from ringcheck_reference.core.effects import Failure, GetResult, PutResult
from ringcheck_reference.core.encoding import encode_context, encode_state
from ringcheck_reference.core.merkle import bucket
from ringcheck_reference.core.messages import (
    Caller,
    ClientGet,
    ClientJoin,
    ClientPut,
    Code,
    Forward,
    PeerRequest,
    Read,
    Refusal,
)
from ringcheck_reference.core.retrying import Retrying
from ringcheck_reference.core.versions import MAX_COUNTER, Context, Dot, State, Version

from .cluster import Cluster, Disk, HintRows

BAD = b"bad"


class Unreadable(dict[bytes, bytes]):
    """A replica's rows, of which one, or some, make whoever asks for them fail."""

    bad: frozenset[bytes] = frozenset({BAD})

    def get(self, key: bytes, default: bytes | None = None, /) -> bytes | None:  # type: ignore[override]
        """See ReplicaRows."""
        if key in self.bad:
            raise OSError("the disk does not answer")
        return super().get(key, default)


def cluster_of_one(**settings: Any) -> Cluster:
    """One node, whose disk has that row."""
    cluster = Cluster(1, n=1, r=1, w=1, partition_count=4, **settings)
    cluster.crash("n1")
    cluster.disks["n1"].replica = Unreadable()
    cluster.start("n1")
    cluster.run_for(0.5)
    return cluster


def test_a_call_that_fails_gives_its_place_back() -> None:
    """However many calls have met a mistake, the next one is taken on; each was answered, with INTERNAL."""
    cluster = cluster_of_one(max_in_flight=4)
    requests: Sequence[ClientGet | ClientPut] = [ClientGet(BAD), ClientPut(BAD, b"v")] * 5
    for request in requests:
        with pytest.raises(OSError, match="does not answer"):
            cluster.call("n1", request)
    cluster.run_for(0.1)
    assert cluster.running["n1"].core.load().in_flight == 0
    assert [(type(reply), getattr(reply, "code", 0)) for reply in set(cluster.replies.values())] == [
        (Failure, Code.INTERNAL)
    ]
    assert len(cluster.replies) == 10
    assert isinstance(cluster.ask("n1", ClientPut(b"good", b"v")), PutResult)
    assert cluster.ask("n1", ClientGet(b"good")).values == (b"v",)  # type: ignore[union-attr]  # a failure has none


def test_a_forwarded_write_that_fails_gives_its_place_back() -> None:
    """The peer is told, and the node takes the next one on."""
    cluster = cluster_of_one(max_in_flight=4)
    incarnation = cluster.running["n1"].incarnation
    caller = Caller("n2", "theirs", 7)
    cluster._foreign[caller] = []
    for number in range(2, 12):
        with pytest.raises(OSError, match="does not answer"):
            cluster.question("n1", caller, PeerRequest(number, Forward(incarnation, BAD, b"v", b"", 1)))
    cluster.run_for(0.1)
    assert cluster.running["n1"].core.load().in_flight == 0
    assert {answer.body.code for answer in cluster._foreign[caller]} == {Code.INTERNAL}  # type: ignore[union-attr]


def test_a_peer_whose_question_meets_a_mistake_is_refused() -> None:
    """It need not wait for an answer that does not come."""
    cluster = cluster_of_one()
    caller = Caller("n2", "theirs", 7)
    with pytest.raises(OSError, match="does not answer"):
        cluster.question("n1", caller, PeerRequest(2, Read(BAD)))
    cluster.run_for(0.1)
    (answer,) = cluster._foreign[caller]
    assert isinstance(answer.body, Refusal)
    assert answer.body.code == Code.INTERNAL


def test_a_call_that_fails_half_way_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake that comes with somebody's answer, or with the disk's, ends the call as well."""
    cluster = Cluster(3, n=3, r=2, w=2, partition_count=4, max_in_flight=4)
    cluster.run_for(0.5)
    with monkeypatch.context() as patch:

        def fail(*_args: object, **_kwargs: object) -> None:
            raise OSError("no more")

        patch.setattr("ringcheck_reference.core.reading.Reading._take", fail)
        patch.setattr("ringcheck_reference.core.writing.Writing.on_persisted", fail)
        patch.setattr("ringcheck_reference.core.quorum.Quorum.acknowledge", fail)
        requests: Sequence[ClientGet | ClientPut] = [ClientGet(b"k"), ClientPut(b"k", b"v")] * 3
        for request in requests:
            try:
                call = cluster.call("n1", request)
            except OSError:
                continue
            for _ in range(50):
                try:
                    cluster.run_until(lambda call=call: call in cluster.replies, within=1.0)  # type: ignore[misc]
                except OSError:
                    continue
                break
            assert cluster.replies[call] == Failure(Code.INTERNAL, cluster.replies[call].message)  # type: ignore[union-attr]
    for _ in range(20):
        try:
            cluster.run_for(3.0)
        except OSError:
            continue
        break
    assert [process.core.load().in_flight for process in cluster.running.values()] == [0, 0, 0]
    assert isinstance(cluster.ask("n1", ClientGet(b"k")), GetResult)


def test_a_context_with_the_last_number_there_is_does_no_harm() -> None:
    """Whoever makes it up, with actors that he has seen: the write is made by another actor, and so are those after."""
    cluster = Cluster(3, n=3, r=2, w=2, partition_count=4, max_in_flight=10)
    cluster.run_for(0.5)
    actors = [cluster.running[name].core._clients._mint.actor for name in cluster.names]
    for number in range(20):
        key = b"k%d" % number
        forged = encode_context(key, Context.of([Dot(actor, MAX_COUNTER) for actor in actors]))
        written = cluster.ask("n1", ClientPut(key, b"first", forged))
        assert isinstance(written, PutResult)
        assert isinstance(cluster.ask("n2", ClientPut(key, b"second", written.context)), PutResult)
        assert cluster.ask("n3", ClientGet(key)).values == (b"second",)  # type: ignore[union-attr]


def test_a_round_that_fails_has_its_next_turn_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One mistake in anti-entropy or handoff does not stop it for good."""
    cluster = Cluster(3, n=3, r=2, w=2, partition_count=4)
    cluster.run_for(0.5)
    cluster.crash("n3")
    cluster.run_for(2.0)
    for number in range(20):
        cluster.ask("n1", ClientPut(b"k%d" % number, b"v"))

    def fail(*_args: object) -> None:
        raise OSError("not now")

    mistakes = 0
    with monkeypatch.context() as patch:
        for name in ("handoff.HandoffRound", "antientropy.AntiEntropyRound", "dropping.DroppingRound"):
            patch.setattr(f"ringcheck_reference.core.{name}.on_time", fail)
        end = cluster.now + 5.0
        while cluster.now < end:
            try:
                cluster.run_for(end - cluster.now)
            except OSError:
                mistakes += 1
    assert mistakes >= 6
    cluster.start("n3")
    cluster.settle()


@pytest.mark.parametrize(
    "place",
    [
        "transfer.Transfer.start",
        "copying.Copying.start",
        "copying.Relieving.start",
        "transfer.Transfer.confirmations",
        "dropping.Dropping.start",
        "gossip.Gossiping.start",
    ],
)
def test_what_could_not_be_begun_is_begun_later(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A mistake at the beginning of one step of a change leaves nothing behind that keeps it from being tried again."""
    cluster = Cluster(4, n=3, r=2, w=2, partition_count=8)
    cluster.run_for(0.5)
    for number in range(20):
        cluster.ask("n1", ClientPut(b"k%d" % number, b"v", w=3))
    cluster.add("n5")
    mistakes = carry_on(cluster, lambda: cluster.call("n1", ClientJoin(Member("n5"))), 0.0)

    def fail(*_args: object) -> None:
        raise OSError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(f"ringcheck_reference.core.{place}", fail, raising=False)
        mistakes += carry_on(cluster, lambda: None, 3.0)
    assert mistakes > 0

    def is_settled() -> bool:
        cores = [process.core for process in cluster.running.values()]
        moving = any(core.membership().moving for core in cores)
        return not moving and len({core.ring().digest for core in cores}) == 1

    assert cluster.run_until(is_settled, within=10.0)
    assert "n5" in {member.id for member in cluster.running["n1"].core.ring().members}


def carry_on(cluster: Cluster, act: Callable[[], object], seconds: float) -> int:
    """Act, and let time pass, whatever comes out of cores meanwhile; how often something did."""
    mistakes, end = 0, cluster.now + seconds
    try:
        act()
    except OSError:
        mistakes += 1
    while cluster.now < end:
        try:
            cluster.run_for(end - cluster.now)
        except OSError:
            mistakes += 1
    return mistakes


def test_a_hint_that_cannot_be_read_holds_up_no_other() -> None:
    """Neither those behind it for the same target, nor those for another; and it stays until it can be read."""

    class Holding(HintRows):
        def get(self, target: str, key: bytes, /) -> bytes | None:
            if (target, key) == unreadable:
                raise OSError("the disk does not answer")
            return super().get(target, key)

    cluster = Cluster(5, n=3, r=1, w=1, partition_count=32, anti_entropy_interval=1000.0)
    cluster.run_for(1.0)
    for away in ("n2", "n3"):
        cluster.crash(away)
    cluster.run_for(3.0)
    for number in range(60):
        cluster.ask("n1", ClientPut(b"k%02d" % number, b"v"))
    cluster.run_for(2.0)

    def kept(name: str) -> list[tuple[str, bytes]]:
        return sorted(cluster.disks[name].hints.rows)

    holder = max(("n1", "n4", "n5"), key=lambda name: len(kept(name)))
    unreadable = kept(holder)[0]
    assert {target for target, _ in kept(holder)} == {"n2", "n3"}
    assert sum(target == unreadable[0] for target, _ in kept(holder)) > 1
    cluster.crash(holder)
    rows = cluster.disks[holder].hints.rows
    cluster.disks[holder].hints = Holding(rows)
    for name in ("n2", "n3", holder):
        cluster.start(name)
    assert carry_on(cluster, lambda: None, 10.0) > 0
    assert list(rows) == [unreadable]
    unreadable = ("nobody", b"")
    carry_on(cluster, lambda: None, 3.0)
    assert not rows


def test_copies_that_cannot_be_read_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is no owner drops the others of their partition, even if there are more than it looks at in one turn."""
    monkeypatch.setattr("ringcheck_reference.core.dropping._LOOKED_AT", 20)
    cluster = Cluster(4, n=3, partition_count=4, anti_entropy_interval=1000.0)
    partition, homes = cluster.ring.partition, cluster.ring.homes(BAD)
    (stranger,) = cluster.ring.fallbacks(BAD)
    keys = [key for number in range(900) if partition(key := b"k%d" % number) == partition(BAD)]
    assert len(keys) > 2 * MAX_COPIES
    dot = Dot(b"a", 1)
    row = encode_state(State.of([Version(dot, b"v")], Context.of([dot])))
    unreadable = frozenset(sorted([BAD, *keys], key=bucket)[:50])
    for name in cluster.names:
        cluster.crash(name)
        held = dict.fromkeys([BAD, *keys], row)
        if name not in homes:
            held = Unreadable(held)
            held.bad = unreadable
        cluster.replace_disk(name, Disk(held))
    for name in cluster.names:
        cluster.start(name)
    assert carry_on(cluster, lambda: None, 10.0) > 0
    assert set(cluster.disks[stranger].replica) == unreadable


def test_a_mistake_is_not_the_last_try() -> None:
    """What is tried again after a failure may be a mistake, too; the failure after that still counts."""
    cluster = Cluster(1, n=1, r=1, w=1)
    tried = []

    def again() -> None:
        tried.append(cluster.now)
        if len(tried) == 1:
            raise OSError("not now")

    retrying = Retrying(cluster.running["n1"].core._desk, again)
    retrying.failed()
    assert carry_on(cluster, lambda: None, 2.0) == 1
    tried_before = len(tried)
    retrying.renew()
    retrying.failed()
    assert carry_on(cluster, lambda: None, 2.0) == 0
    assert len(tried) > tried_before
