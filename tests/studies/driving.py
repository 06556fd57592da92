"""A simulated cluster of the reference under one's own hand: ask, stop, start, copy disks, let time pass."""

from ringcheck.client import Answer, Reply
from ringcheck.schedule import Configuration
from ringcheck.simulation.cluster import SimulatedCluster
from ringcheck.simulation.loading import REFERENCE, load_kit
from ringcheck.simulation.node import Request

START_S = 0.2


class Driven:
    """Nodes that all hold everything, and one key. Raises AssertionError where an operation fails."""

    def __init__(self, *, seed: int, lifetime_ms: int, nodes: int = 3, detection_ms: int = 300) -> None:
        quorum = nodes // 2 + 1
        configuration = Configuration(
            nodes=nodes,
            n=nodes,
            r=quorum,
            w=quorum,
            partition_count=1,
            gossip_interval_ms=100,
            handoff_interval_ms=100,
            anti_entropy_interval_ms=200,
            replica_timeout_ms=50,
            request_timeout_ms=1_000,
            detection_deadline_ms=detection_ms,
            tombstone_lifetime_ms=lifetime_ms,
        )
        self.cluster = SimulatedCluster(load_kit(REFERENCE), configuration, seed)
        self.pass_time(1.0)
        self.homes = tuple(self.cluster.nodes["n1"].core.preference_list(b"key"))
        """The nodes, the coordinator of the key first."""

    def get(self, node: str, key: bytes = b"key") -> Reply:
        """Read the key."""
        return self._ask(node, Request("get", key))

    def put(self, node: str, value: bytes, context: bytes = b"", key: bytes = b"key") -> bytes:
        """Write it; returns the context of the answer."""
        return self._ask(node, Request("put", key, context, 0, value)).context

    def delete(self, node: str, context: bytes, key: bytes = b"key") -> None:
        """Delete what the context covers."""
        self._ask(node, Request("delete", key, context))

    def stop(self, node: str) -> None:
        """SIGKILL, in a manner of speaking."""
        self.cluster.nodes[node].crash()

    def start(self, node: str) -> None:
        """Start a node on what its disk holds."""
        self.cluster.start(node)
        self.pass_time(START_S)

    def pass_time(self, seconds: float) -> None:
        """In virtual time."""
        self.cluster.scheduler.run_for(seconds)

    def holds(self, node: str) -> bool:
        """Whether a node's replica has an entry of anything."""
        return bool(self.cluster.nodes[node].core.scan(0)[1])

    def _ask(self, node: str, request: Request) -> Reply:
        answers: list[Answer] = []
        self.cluster.ask(node, request, answers.append)
        self.cluster.scheduler.run_until(lambda: bool(answers), float("inf"))
        (answer,) = answers
        assert isinstance(answer, Reply), answer
        return answer
