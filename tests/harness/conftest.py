"""A cluster of nodes that only say what a test tells them to say."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import (
    config_pb2,
    inspect_pb2,
    inspect_pb2_grpc,
    key_value_pb2,
    key_value_pb2_grpc,
    membership_pb2,
    membership_pb2_grpc,
    node_pb2,
    node_pb2_grpc,
    ring_pb2,
    ring_pb2_grpc,
)
from ringcheck import merkle

ALL = ("kv", "describe", "ring", "membership", "inspect")
PARTITIONS = 4


@dataclass
class FakeNode:
    """What one node says. Methods are those of all services; what `profiles` leaves out is not served."""

    id: str
    members: dict[str, int]
    """Weights by id: this node's view."""
    profiles: tuple[str, ...] = ALL
    view: bytes = b"view"
    owners: dict[int, list[str]] = field(default_factory=dict)
    replicas: dict[int, dict[bytes, tuple[list[bytes], bytes]]] = field(default_factory=dict)
    """Partition → key → (values, state)."""
    hints: list[tuple[str, bytes, list[bytes]]] = field(default_factory=list)
    unconfirmed: list[int] = field(default_factory=list)
    draining: list[str] = field(default_factory=list)
    looks: list[tuple[bytes, list[int], list[str]]] = field(default_factory=list)
    """View, unconfirmed partitions and leavers that it shows at the next looks, one each, before it stays as it is."""
    refuses: tuple[grpc.StatusCode, str] | None = None
    """How it answers changes and writes."""
    changes: list[Any] = field(default_factory=list)
    """The requests for changes that it got."""
    values: dict[bytes, list[bytes]] = field(default_factory=dict)
    """What a Get finds; its context is the word "seen" and the number of values."""
    context: bytes = b""
    """Another one, for both Get and Put."""
    writes: list[Any] = field(default_factory=list)
    """The requests for writes that it got."""
    address: str = ""
    server: Any = None

    def start(self) -> None:
        """Serve on a port of its own."""
        self.server = grpc.server(ThreadPoolExecutor(4))
        node_pb2_grpc.add_NodeServicer_to_server(_Node(self), self.server)
        key_value_pb2_grpc.add_KeyValueServicer_to_server(_KeyValue(self), self.server)
        if "ring" in self.profiles:
            ring_pb2_grpc.add_RingServicer_to_server(_Ring(self), self.server)
        if "inspect" in self.profiles:
            inspect_pb2_grpc.add_InspectServicer_to_server(_Inspect(self), self.server)
        if "membership" in self.profiles:
            membership_pb2_grpc.add_MembershipServicer_to_server(_Membership(self), self.server)
        checks = health.HealthServicer()
        checks.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(checks, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port(self.address or '127.0.0.1:0')}"
        self.server.start()

    def stop(self) -> None:
        """Be gone; its address stays the same."""
        if self.server:
            self.server.stop(0).wait()
            self.server = None


class _Service:
    def __init__(self, node: FakeNode) -> None:
        self.node = node


class _Node(_Service, node_pb2_grpc.NodeServicer):
    def Describe(self, request: Any, context: Any) -> node_pb2.DescribeResponse:  # noqa: N802
        return node_pb2.DescribeResponse(
            node_id=self.node.id,
            implementation="fake",
            version="1",
            profiles=[node_pb2.Profile.Value(f"PROFILE_{name.upper()}") for name in self.node.profiles],
            n=2,
            r=1,
            w=1,
            partition_count=PARTITIONS,
            request_timeout_ms=1000,
        )


class _KeyValue(_Service, key_value_pb2_grpc.KeyValueServicer):
    def Get(self, request: Any, context: Any) -> key_value_pb2.GetResponse:  # noqa: N802
        found = self.node.values.get(request.key, [])
        return key_value_pb2.GetResponse(
            values=found, context=self.node.context or b"seen%d" % len(found) if found else b""
        )

    def Put(self, request: Any, context: Any) -> key_value_pb2.PutResponse:  # noqa: N802
        self._write(request, context)
        return key_value_pb2.PutResponse(context=self.node.context or b"new")

    def Delete(self, request: Any, context: Any) -> key_value_pb2.DeleteResponse:  # noqa: N802
        self._write(request, context)
        return key_value_pb2.DeleteResponse()

    def _write(self, request: Any, context: Any) -> None:
        self.node.writes.append(request)
        if self.node.refuses:
            context.abort(*self.node.refuses)


class _Ring(_Service, ring_pb2_grpc.RingServicer):
    def GetRing(self, request: Any, context: Any) -> ring_pb2.GetRingResponse:  # noqa: N802
        members = [config_pb2.Member(node_id=each, weight=weight) for each, weight in self.node.members.items()]
        owners = [ring_pb2.PartitionOwners(partition=each, owners=own) for each, own in self.node.owners.items()]
        return ring_pb2.GetRingResponse(members=members, view_digest=self.node.view, partitions=owners)

    def GetPreferenceList(self, request: Any, context: Any) -> ring_pb2.GetPreferenceListResponse:  # noqa: N802
        return ring_pb2.GetPreferenceListResponse(partition=len(request.key), node_ids=list(self.node.members))


class _Inspect(_Service, inspect_pb2_grpc.InspectServicer):
    def Status(self, request: Any, context: Any) -> inspect_pb2.StatusResponse:  # noqa: N802
        node = self.node
        if node.looks:
            node.view, node.unconfirmed, node.draining = node.looks.pop(0)
        return inspect_pb2.StatusResponse(
            node_id=node.id,
            incarnation="i",
            writes=inspect_pb2.Tally(count=3, bytes=3072),
            view_digest=node.view,
            members=sorted(node.members),
            unconfirmed_partitions=node.unconfirmed,
            draining=node.draining,
        )

    def MerkleRoots(self, request: Any, context: Any) -> inspect_pb2.MerkleRootsResponse:  # noqa: N802
        roots = [
            inspect_pb2.PartitionRoot(partition=each, root=_root(kept)) for each, kept in self.node.replicas.items()
        ]
        return inspect_pb2.MerkleRootsResponse(roots=roots)

    def MerkleNodes(self, request: Any, context: Any) -> inspect_pb2.MerkleNodesResponse:  # noqa: N802
        raise NotImplementedError

    def ScanReplica(self, request: Any, context: Any) -> Iterator[inspect_pb2.ScanReplicaResponse]:  # noqa: N802
        for partition in request.partitions:
            kept = self.node.replicas[partition]
            yield inspect_pb2.ScanReplicaResponse(
                partition=partition,
                root=_root(kept),
                entries=[
                    inspect_pb2.ReplicaEntry(key=key, values=values, state=state)
                    for key, (values, state) in kept.items()
                ],
            )

    def ListHints(self, request: Any, context: Any) -> Iterator[inspect_pb2.ListHintsResponse]:  # noqa: N802
        for target, key, values in self.node.hints:
            entry = inspect_pb2.ReplicaEntry(key=key, values=values, state=b"s")
            yield inspect_pb2.ListHintsResponse(hints=[inspect_pb2.Hint(target=target, entry=entry)])


class _Membership(_Service, membership_pb2_grpc.MembershipServicer):
    def _take(self, request: Any, context: Any) -> bytes:
        self.node.changes.append(request)
        if self.node.refuses:
            context.abort(*self.node.refuses)
        return b"changed"

    def Join(self, request: Any, context: Any) -> membership_pb2.JoinResponse:  # noqa: N802
        return membership_pb2.JoinResponse(view_digest=self._take(request, context))

    def Leave(self, request: Any, context: Any) -> membership_pb2.LeaveResponse:  # noqa: N802
        return membership_pb2.LeaveResponse(view_digest=self._take(request, context))

    def Remove(self, request: Any, context: Any) -> membership_pb2.RemoveResponse:  # noqa: N802
        return membership_pb2.RemoveResponse(view_digest=self._take(request, context))


def _root(kept: dict[bytes, tuple[list[bytes], bytes]]) -> bytes:
    return merkle.root((key, state) for key, (_, state) in kept.items())


@pytest.fixture
def fakes() -> Iterator[list[FakeNode]]:
    """Three members, n1 to n3, of weights 1, 1 and 2, which agree; N=2. They run until the test is over."""
    members = {"n1": 1, "n2": 1, "n3": 2}
    owners = {0: ["n1", "n2"], 1: ["n2", "n3"], 2: ["n3", "n1"], 3: ["n3", "n2"]}
    nodes = [FakeNode(each, dict(members), owners=dict(owners)) for each in members]
    for node in nodes:
        node.replicas = {partition: {} for partition, own in owners.items() if node.id in own}
        node.start()
    yield nodes
    for node in nodes:
        node.stop()
