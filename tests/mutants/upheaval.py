"""Hunt a bug about members with whole cores: `python -m tests.mutants.upheaval NAME [FIRST [SEEDS]]`.

The bug is planted in this process, unless NAME is `honest`. 41, 69, H5 and H6 have a scenario of their own, since
chance takes long to find them; for the others the runs are drawn. What is printed is the first run that breaks a
promise; the exit code is 0 if there is one, else 1.
"""

import sys
from collections.abc import Callable
from typing import Any

from tests.reference.core.cluster import Cluster
from tests.reference.core.upheaval import breach

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.effects import GetResult, PutResult
from ringcheck_reference.core.messages import (
    ClientGet,
    ClientJoin,
    ClientLeave,
    ClientPut,
    ClientRemove,
    Gossip,
    Held,
    Holding,
    Replicate,
)

from .bugs import BUGS

KEYS = tuple(b"key %d" % number for number in range(20))
SETTLES_IN = 15.0


def drawn(seed: int) -> str:
    """A run with faults, or without."""
    return breach(seed, faults=seed % 2 == 0)


def hint_of_a_leaver(seed: int) -> str:
    """A home is down, a stand-in keeps what is written, the home leaves and comes back only to be drained."""
    cluster = started(seed, n=1, r=1, w=1)
    cluster.crash("n4")
    cluster.run_for(1.0)
    put_all(cluster)
    cluster.ask("n1", ClientLeave("n4"))
    cluster.run_for(1.0)
    cluster.start("n4")
    return lost(cluster)


def removed_behind_a_cut(seed: int) -> str:
    """A node is removed while another one cannot hear of it, which then comes back."""
    cluster = started(seed)
    cluster.crash("n4")
    cluster.split(["n3"], ["n1", "n2"])
    cluster.ask("n1", ClientRemove("n4"))
    cluster.run_for(2.0)
    cluster.split(["n1", "n2", "n3"])
    cluster.run_for(3.0)
    members = {member.id for process in cluster.running.values() for member in process.core.ring().members}
    return "n4 is back" if "n4" in members else ""


def there_and_back(seed: int) -> str:
    """Partitions move to a new node, and at once back from it, while views are slow to arrive."""
    slowness = {Gossip: 2.0, Holding: 0.8, Held: 0.8}
    cluster = started(seed, n=1, r=1, w=1, slowness=slowness, handoff_interval=0.5)
    put_all(cluster)
    cluster.add("n5")
    cluster.ask("n1", ClientJoin(Member("n5", 3)))

    def has_taken() -> bool:
        return bool(cluster.disks["n5"].replica) and not cluster.running["n5"].core.membership().moving

    cluster.run_until(has_taken, within=SETTLES_IN)
    cluster.ask("n5", ClientLeave("n5"))
    return lost(cluster)


def behind_the_change(seed: int) -> str:
    """A node joins, views are slow to arrive, and each write is read at once, through every node in turn."""
    cluster = started(seed, slowness={Gossip: 2.0, Replicate: 0.15}, n=3, r=2, w=2)
    cluster.add("n5")
    cluster.call("n1", ClientJoin(Member("n5", 2)))
    for number in range(120):
        key = b"key %d" % number
        if isinstance(cluster.ask(f"n{1 + number % 4}", ClientPut(key, b"value")), PutResult):
            read = cluster.ask(f"n{1 + (number + number // 4) % 4}", ClientGet(key))
            sloppy = any(each.hints_stored.count or each.fallback_reads.count for each in cluster.statuses().values())
            if isinstance(read, GetResult) and not read.values and not sloppy:
                return f"a read misses {key!r}"
    return ""


def started(seed: int, **settings: Any) -> Cluster:
    """Four nodes that have met."""
    cluster = Cluster(4, seed=seed, **settings)
    cluster.run_for(1.0)
    return cluster


def put_all(cluster: Cluster) -> None:
    """Write every key."""
    for key in KEYS:
        cluster.ask("n1", ClientPut(key, b"value"))


def lost(cluster: Cluster) -> str:
    """What is gone once everything has settled."""
    cluster.run_for(SETTLES_IN)
    results = {key: cluster.ask("n1", ClientGet(key)) for key in KEYS}
    gone = [key for key, result in results.items() if not isinstance(result, GetResult) or not result.values]
    return f"lost: {gone}" if gone else ""


RUNS: dict[str, Callable[[int], str]] = {
    "41": hint_of_a_leaver,
    "69": removed_behind_a_cut,
    "H5": behind_the_change,
    "H6": there_and_back,
}


def main(name: str, first: str = "0", seeds: str = "300", run: str = "") -> int:
    """`run` names the bug whose kind of run is wanted, if it is not NAME."""
    if name in BUGS:
        BUGS[name].plant()
    for seed in range(int(first), int(first) + int(seeds)):
        if broken := RUNS.get(run or name, drawn)(seed):
            print(f"after {seed - int(first) + 1} runs\n{broken}")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
