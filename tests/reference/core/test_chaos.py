"""Whatever happened, once all nodes run and all links are open the cluster agrees, and nothing promised is lost."""

import copy
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core.effects import DeleteResult, Failure, GetResult, PutResult
from ringcheck_reference.core.messages import CallId, ClientDelete, ClientGet, ClientPut

from .cluster import Cluster, Disk, Link

NAMES = ("n1", "n2", "n3", "n4", "n5")
KEYS = (b"a", b"b")


@dataclass
class Write:
    """One write: what it puts, and what its context was read to cover."""

    key: bytes
    value: bytes | None
    supersedes: frozenset[bytes]


@dataclass
class Clients:
    """Issues writes with unique values, and remembers what each had seen."""

    cluster: Cluster
    writes: dict[CallId, Write] = field(default_factory=dict)
    seen: dict[bytes, tuple[bytes, frozenset[bytes]]] = field(default_factory=dict)

    def put(self, name: str, key: bytes, *, blind: bool) -> None:
        """Put a value of its own, on what was read last unless `blind`."""
        context, covered = (b"", frozenset()) if blind else self.seen.get(key, (b"", frozenset()))
        value = b"value %d" % len(self.writes)
        self._write(name, ClientPut(key, value, context), Write(key, value, covered))

    def delete(self, name: str, key: bytes) -> None:
        """Delete what was read last, if anything was."""
        context, covered = self.seen.get(key, (b"", frozenset()))
        if context:
            self._write(name, ClientDelete(key, context), Write(key, None, covered))

    def get(self, name: str, key: bytes) -> None:
        """Read, and remember the context."""
        result = self.cluster.ask(name, ClientGet(key))
        if isinstance(result, GetResult) and result.context:
            # A context also covers what the values read had superseded.
            covered = set(result.values)
            for write in self.writes.values():
                if write.value in covered:
                    covered |= write.supersedes
            self.seen[key] = (result.context, frozenset(covered))

    def check(self, key: bytes, found: set[bytes]) -> None:
        """No acknowledged value is missing, no covered one is back, and none was made up."""
        replies = self.cluster.replies
        writes = {call: write for call, write in self.writes.items() if write.key == key}
        acknowledged = [
            write for call, write in writes.items() if isinstance(replies.get(call), PutResult | DeleteResult)
        ]
        perhaps_covered = {value for write in writes.values() for value in write.supersedes}
        surely_covered = {value for write in acknowledged for value in write.supersedes}
        promised = {write.value for write in acknowledged if write.value is not None}
        assert promised - perhaps_covered <= found, "an acknowledged write is lost"
        assert not found & surely_covered, "a superseded version is back"
        assert found <= {write.value for write in writes.values()}, "a value that nobody put"

    def _write(self, name: str, request: ClientPut | ClientDelete, write: Write) -> None:
        if name in self.cluster.running:
            self.writes[self.cluster.call(name, request)] = write


names = st.sampled_from(NAMES)
keys = st.sampled_from(KEYS)
steps = st.one_of(
    st.tuples(st.just("put"), names, keys, st.booleans()),
    st.tuples(st.just("get"), names, keys),
    st.tuples(st.just("delete"), names, keys),
    st.tuples(st.just("crash"), names),
    st.tuples(st.just("crash after"), names, st.integers(0, 6)),
    st.tuples(st.just("start"), names),
    st.tuples(st.just("link"), names, names, st.sampled_from(Link)),
    st.tuples(st.just("disk"), names, st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.002, 0.01, 0.3, 1.0])),
    st.tuples(st.just("heal")),
)


def carry_out(cluster: Cluster, clients: Clients, step: tuple) -> None:  # type: ignore[type-arg]
    """Do one step of a schedule; one that makes no sense now is skipped."""
    match step:
        case ("put", name, key, blind):
            clients.put(name, key, blind=blind)
        case ("get", name, key):
            clients.get(name, key)
        case ("delete", name, key):
            clients.delete(name, key)
        case ("crash", name):
            cluster.crash(name)
        case ("crash after", name, effects):
            cluster.crash_after(name, effects)
        case ("start", name) if name not in cluster.running:
            cluster.start(name)
        case ("link", source, target, link) if source != target:
            cluster.set_link(source, target, link)
        case ("disk", name, refuses):
            cluster.disks[name].refuses = refuses
        case ("wait", seconds):
            cluster.run_for(seconds)
        case ("heal",):
            cluster.heal()


@settings(max_examples=30, deadline=None)
@given(
    schedule=st.lists(steps, max_size=25),
    seed=st.integers(0, 10_000),
    duplication=st.sampled_from([0, 0.2]),
    victim=st.none() | names,
    rolled_back=st.booleans(),
)
def test_after_any_faults_the_cluster_converges_and_keeps_its_promises(
    schedule: list[tuple],  # type: ignore[type-arg]
    seed: int,
    duplication: float,
    victim: str | None,
    rolled_back: bool,
) -> None:
    """Crashes between effects, cut and silent links, failing disks, repeated messages; then heal, wait, and read.

    Before that W-1 nodes may come back without their disk, or with an older copy of it.
    """
    cluster = Cluster(seed=seed, duplication=duplication)
    clients = Clients(cluster)
    cluster.run_for(0.5)
    older = Disk()
    for number, step in enumerate(schedule):
        if victim and rolled_back and number == len(schedule) // 2:
            older = copy.deepcopy(cluster.disks[victim])
        carry_out(cluster, clients, step)
    if victim:
        cluster.crash(victim)
        cluster.replace_disk(victim, older)
    cluster.heal()
    cluster.run_for(3.0)
    cluster.settle()
    for key in KEYS:
        reads = [cluster.ask(name, ClientGet(key, r=3)) for name in NAMES]
        assert not any(isinstance(read, Failure) or read is None for read in reads)
        found = {frozenset(read.values) for read in reads if isinstance(read, GetResult)}
        assert len(found) == 1, "nodes disagree"
        clients.check(key, set(found.pop()))
        assert cluster.holders(key) <= set(cluster.ring.homes(key)), "somebody else holds a replica"
    before = cluster.statuses()
    cluster.run_for(2.0)
    quiet = ("hints_stored", "read_repairs", "anti_entropy_repairs", "transfers")
    for name, status in cluster.statuses().items():
        for counter in quiet:
            assert getattr(status, counter) == getattr(before[name], counter), f"{name} goes on: {counter}"
