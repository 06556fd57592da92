"""What anti-entropy reads to find ten differing keys among a million.

    python -m tests.benchmarks.antientropy [--keys 1000000] [--differing 10] [--partitions 64] [--within 1.0]

Two whole cores (N=2) on disks of their own hold the same keys, but for a few: of these one node lacks some, some are
older at one of them, and some were written at both at once. No client asks for anything. Until the roots of all
partitions are equal it is counted how many leaves are told (one for each key of a bucket that differs), how many hashes
of inner nodes, the keys whose state one node asks the other for, and the rows that both read from their disks. Leaves
and rows together are compared with the number of keys: whoever is told of a leaf, or reads a state, looked at that key.

Afterwards one more round passes, in which equal roots are all that may be told.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import click
from tests.benchmarks.nodes import judged
from tests.reference.core.cluster import Cluster, Disk

from ringcheck_reference.core.encoding import decode_state, encode_state
from ringcheck_reference.core.messages import Caller, Leaves, NodeId, Nodes, PeerAnswer, PeerRequest, Read, Replicate
from ringcheck_reference.core.versions import Context, Dot, State, Version

INTERVAL_S = 1.0
ROUNDS = 8
"""So many rounds at most may be needed: a node asks in every second one, and has to read its rows first."""


class Rows(dict[bytes, bytes]):
    """The rows of one disk, which counts how many are read one by one."""

    def __init__(self, rows: dict[bytes, bytes]) -> None:
        super().__init__(rows)
        self.read = 0

    def get(self, key: bytes, _default: object = None, /) -> bytes | None:  # type: ignore[override]
        """The state of `key`, or None."""
        self.read += 1
        return super().get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:  # type: ignore[override]
        """As of the first that is taken, while rows change."""
        yield from list(super().items())


class Tapped(Cluster):
    """A cluster that counts what its nodes tell each other."""

    told: Counter[str]

    def _send_request(self, source: NodeId, target: NodeId, request: PeerRequest) -> None:
        self.told["keys asked for"] += isinstance(request.body, Read)
        self.told["states pushed"] += isinstance(request.body, Replicate)
        super()._send_request(source, target, request)

    def _send_answer(self, source: NodeId, caller: Caller, answer: PeerAnswer) -> None:
        if isinstance(answer.body, Leaves):
            self.told["leaves"] += len(answer.body.leaves)
        elif isinstance(answer.body, Nodes):
            self.told["inner hashes"] += len(answer.body.hashes)
        super()._send_answer(source, caller, answer)


@dataclass(frozen=True)
class Seen:
    """What one run has shown."""

    keys: int
    differing: int
    equal: bool
    """Whether the replicas ended with equal roots."""
    right: int
    """How many of the differing keys both nodes hold in the state that is the merge of both."""
    told: Counter[str]
    rows: int
    """How many rows were read one by one, at both nodes."""
    idle: Counter[str]
    """What was told in the round after."""

    @property
    def looked_at(self) -> float:
        """The share of the keys, in percent, that were looked at."""
        return 100 * (self.told["leaves"] + self.rows) / self.keys


def verdict(seen: Seen, within: float) -> list[tuple[bool, str]]:
    """What was asked, and whether it was seen."""
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(seen.told.items()))
    idle = seen.idle.total()
    return [
        (seen.equal, "the replicas are equal in the end"),
        (
            seen.differing > 0 and seen.right == seen.differing,
            f"the {seen.differing} differing keys are found and merged: {seen.right} are",
        ),
        (
            seen.looked_at <= within,
            f"at most {within:g} % of {seen.keys:,} keys are looked at: {seen.looked_at:.4f} % ({told}, "
            f"{seen.rows:,} rows read)",
        ),
        (not idle, f"equal replicas tell each other their roots only: {idle} hashes, leaves and states besides"),
    ]


def state_of(number: int, writer: bytes, counter: int, seen: Dot | None = None) -> State:
    """A state of one version, that has replaced `seen`."""
    dot = Dot(writer, counter)
    return State.of([Version(dot, b"%d by %b" % (number, writer))], Context.of(loose=[dot, *([seen] if seen else [])]))


def two_disks(keys: int, differing: int, chance: random.Random) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """The rows of both, which differ in so many keys."""
    rows = {b"key %d" % number: encode_state(state_of(number, b"n1/1", number + 1)) for number in range(keys)}
    one, two = dict(rows), dict(rows)
    for turn, number in enumerate(chance.sample(range(keys), differing)):
        key, dot = b"key %d" % number, Dot(b"n1/1", number + 1)
        newer = [encode_state(state_of(number, writer, turn + 1, dot)) for writer in (b"n1/2", b"n2/2")]
        match turn % 3:
            case 0:
                del two[key]
            case 1:
                one[key] = newer[0]
            case _:
                one[key], two[key] = newer
    return one, two


def run(keys: int, differing: int, partitions: int, seed: int) -> Seen:
    """Two nodes meet, and are left alone."""
    one, two = two_disks(keys, differing, random.Random(seed))
    merged = {
        key: _merge(one.get(key), two.get(key)) for key in one.keys() | two.keys() if one.get(key) != two.get(key)
    }
    cluster = Tapped(
        2, seed=seed, n=2, r=1, w=1, partition_count=partitions, anti_entropy_interval=INTERVAL_S, request_timeout=60.0
    )
    disks = {name: Disk(replica=Rows(rows)) for name, rows in zip(cluster.names, (one, two), strict=True)}
    for name, disk in disks.items():
        cluster.crash(name)
        cluster.replace_disk(name, disk)
    cluster.told = Counter()
    began = time.process_time()
    for name in cluster.names:
        cluster.start(name)
    cluster.run_until(lambda: all(each.core.is_recovered for each in cluster.running.values()), within=600.0)
    click.echo(f"two nodes with {keys:,} keys each are up after {time.process_time() - began:.1f} s of CPU (both)")
    cluster.told.clear()
    for disk in disks.values():
        disk.replica.read = 0  # type: ignore[attr-defined]  # they are Rows
    began = time.process_time()
    equal = cluster.run_until(cluster.converged, within=ROUNDS * INTERVAL_S)
    click.echo(f"and equal after {time.process_time() - began:.2f} s of CPU more")
    told, rows = +cluster.told, sum(disk.replica.read for disk in disks.values())  # type: ignore[attr-defined]
    right = sum(all(dict.get(disk.replica, key) == state for disk in disks.values()) for key, state in merged.items())
    cluster.run_for(INTERVAL_S)  # what was under way may end
    cluster.told.clear()
    cluster.run_for(2 * INTERVAL_S)
    return Seen(keys, len(merged), equal, right, told, rows, +cluster.told)


def _merge(*rows: bytes | None) -> bytes:
    """The state that both sides are to end with."""
    merged = State.EMPTY
    for row in rows:
        merged = merged if row is None else merged.merge(decode_state(row))
    return encode_state(merged)


@click.command()
@click.option("--keys", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--differing", type=click.IntRange(1), default=10, show_default=True)
@click.option("--partitions", type=click.IntRange(1), default=64, show_default=True)
@click.option("--within", default=1.0, show_default=True, help="So many percent of the keys may be looked at.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the keys that differ, and of delays.")
def main(keys: int, differing: int, partitions: int, within: float, seed: int) -> None:
    """Print what two replicas tell each other to become equal; 1 when it is too much, or they do not."""
    if differing > keys:
        raise click.UsageError("No more keys can differ than there are.")
    sys.exit(not judged(verdict(run(keys, differing, partitions, seed), within)))


if __name__ == "__main__":
    main()
