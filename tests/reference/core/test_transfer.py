"""What taking partitions over costs: each key is read once, few views are made, and nobody waits for a round."""

from collections import Counter
from typing import Any

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import ChangeResult, DropFact, Persist, PutFact, PutResult
from ringcheck_reference.core.messages import ClientJoin, ClientLeave, ClientPut, NodeId, PeerRequest, Read

from .cluster import Cluster, Disk

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
