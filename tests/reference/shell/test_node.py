"""Whole nodes, as processes: clients' calls, crashes, stops, and what a node shows of itself."""

import hashlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import (
    inspect_pb2,
    key_value_pb2,
    node_pb2,
    ring_pb2,
)

CALL_S = 20.0
"""What takes milliseconds may take seconds on a machine with more to do."""


def put(node: Any, key: bytes, value: bytes, context: bytes = b"", w: int = 0) -> bytes:
    """Put through `node`; returns the context of the answer."""
    request = key_value_pb2.PutRequest(key=key, value=value, context=context, w=w)
    answer: bytes = node.key_value.Put(request, timeout=CALL_S).context
    return answer


def get(node: Any, key: bytes, r: int = 0) -> tuple[list[bytes], bytes]:
    """The sorted values and the context that `node` returns."""
    answer = node.key_value.Get(key_value_pb2.GetRequest(key=key, r=r), timeout=CALL_S)
    return sorted(answer.values), answer.context


def put_when_trusted(node: Any, key: bytes, value: bytes) -> None:
    """Put until it is acknowledged: the first calls after a fault may fail until it is detected."""
    deadline = time.monotonic() + CALL_S
    while True:
        try:
            put(node, key, value)
        except grpc.RpcError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def test_any_node_serves_any_key(start_nodes: Any) -> None:
    """What is put through one node is read through every other; contexts work everywhere."""
    nodes = start_nodes(3)
    for number, node in enumerate(nodes):
        key = b"key %d" % number
        put(node, key, b"first")
        for other in nodes:
            values, context = get(other, key)
            assert values == [b"first"]
        put(nodes[number - 1], key, b"second", context)
        assert get(node, key)[0] == [b"second"]
    values, context = get(nodes[0], b"key 0")
    nodes[1].key_value.Delete(key_value_pb2.DeleteRequest(key=b"key 0", context=context), timeout=CALL_S)
    assert get(nodes[2], b"key 0")[0] == []


def test_a_node_forwards_what_it_does_not_coordinate(start_nodes: Any) -> None:
    """With five nodes and three homes, the first home coordinates what a node is asked that is none."""
    nodes = start_nodes(5)
    key = b"forwarded"
    first, *_, last = preference_list(nodes[0], key)
    asked = next(node for node in nodes if node.node_id == last)
    # A node that has just started coordinates itself until it has heard what the others can reach.
    deadline = time.monotonic() + CALL_S
    while status(asked).forwarded_requests.count == 0:
        assert time.monotonic() < deadline
        put(asked, key, b"value", get(asked, key)[1])
    by_id = {node.node_id: node for node in nodes}
    assert status(by_id[first]).writes.count == 1
    for node in nodes:
        assert get(node, key)[0] == [b"value"]


def preference_list(node: Any, key: bytes) -> list[str]:
    """The node ids, first owner first."""
    return list(node.ring.GetPreferenceList(ring_pb2.GetPreferenceListRequest(key=key), timeout=CALL_S).node_ids)


def status(node: Any) -> inspect_pb2.StatusResponse:
    """The node's counters."""
    answer: inspect_pb2.StatusResponse = node.inspect.Status(inspect_pb2.StatusRequest(), timeout=CALL_S)
    return answer


def test_acknowledged_writes_survive_kill(start_nodes: Any) -> None:
    """Whatever was acknowledged with W = N = 1 is there after SIGKILL and a restart."""
    (node,) = start_nodes(1)
    keys = [b"%d" % number for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: put(node, key, b"value of " + key), keys))
    before = status(node).incarnation
    assert node.end(signal.SIGKILL) == -signal.SIGKILL
    node.start()
    node.wait_until_serving()
    assert [get(node, key)[0] for key in keys] == [[b"value of " + key] for key in keys]
    assert status(node).incarnation != before


def test_a_killed_node_does_not_stop_the_others(start_nodes: Any) -> None:
    """Two of three go on without the third; it catches up when it is back."""
    nodes = start_nodes(3)
    nodes[2].end(signal.SIGKILL)
    put_when_trusted(nodes[0], b"key", b"value")
    assert get(nodes[1], b"key")[0] == [b"value"]
    nodes[2].start()
    nodes[2].wait_until_serving()
    deadline = time.monotonic() + 10
    while scan(nodes[2]) != scan(nodes[0]):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def scan(node: Any) -> dict[bytes, tuple[bytes, list[bytes]]]:
    """Every key that the node's replica holds, with its state and values."""
    pieces = node.inspect.ScanReplica(inspect_pb2.ScanReplicaRequest(), timeout=CALL_S)
    return {entry.key: (entry.state, list(entry.values)) for piece in pieces for entry in piece.entries}


def test_a_scan_comes_in_pieces_with_its_root(start_nodes: Any) -> None:
    """A partition that fills several messages has one root, the one that its entries make."""
    (node,) = start_nodes(1)
    value = b"v" * 60_000
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: put(node, b"%d" % number, value), range(100)))
    pieces = list(node.inspect.ScanReplica(inspect_pb2.ScanReplicaRequest(), timeout=CALL_S))
    roots = {root.partition: root.root for root in merkle_roots(node)}
    assert {piece.partition: piece.root for piece in pieces} == roots
    assert set(roots) == set(range(16))
    assert len(pieces) > 16
    assert sum(len(piece.entries) for piece in pieces) == 100
    partition = pieces[0].partition
    entries = [entry for piece in pieces if piece.partition == partition for entry in piece.entries]
    assert recomputed_root(entries) == roots[partition]


def merkle_roots(node: Any) -> list[inspect_pb2.PartitionRoot]:
    """All roots of the node."""
    return list(node.inspect.MerkleRoots(inspect_pb2.MerkleRootsRequest(), timeout=CALL_S).roots)


def recomputed_root(entries: list[inspect_pb2.ReplicaEntry]) -> bytes:
    """The root by the rules of inspect.proto, written anew here."""
    buckets: dict[int, bytes] = {}
    for entry in sorted(entries, key=lambda entry: entry.key):
        leaf = hashlib.sha256(
            len(entry.key).to_bytes(8, "big") + entry.key + len(entry.state).to_bytes(8, "big") + entry.state
        ).digest()
        bucket = int.from_bytes(hashlib.sha256(entry.key).digest()[8:10], "big") >> 4
        buckets[bucket] = buckets.get(bucket, b"") + leaf
    zero = bytes(32)
    level = [hashlib.sha256(buckets[number]).digest() if number in buckets else zero for number in range(4096)]
    for _ in range(2):
        groups = [level[start : start + 64] for start in range(0, len(level), 64)]
        level = [zero if set(group) == {zero} else hashlib.sha256(b"".join(group)).digest() for group in groups]
    return level[0]


def test_a_node_says_what_it_is(start_nodes: Any) -> None:
    """Describe, ring, status and health agree with what was configured."""
    nodes = start_nodes(3)
    description = nodes[0].node.Describe(node_pb2.DescribeRequest(), timeout=CALL_S)
    assert description.node_id == "n1"
    assert description.implementation == "ringcheck-reference"
    assert sorted(description.profiles) == sorted(set(node_pb2.Profile.values()) - {node_pb2.PROFILE_UNSPECIFIED})
    assert (description.n, description.r, description.w, description.partition_count) == (3, 2, 2, 16)
    assert description.request_timeout_ms == 2000
    ring = nodes[0].ring.GetRing(ring_pb2.GetRingRequest(), timeout=CALL_S)
    assert ring == nodes[1].ring.GetRing(ring_pb2.GetRingRequest(), timeout=CALL_S)
    assert [len(set(partition.owners)) for partition in ring.partitions] == [3] * 16
    shown = status(nodes[0])
    assert (shown.view_digest, list(shown.members)) == (ring.view_digest, ["n1", "n2", "n3"])
    assert (list(shown.unconfirmed_partitions), list(shown.draining)) == ([], [])
    health = health_pb2_grpc.HealthStub(nodes[0].channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL_S)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(start_nodes: Any) -> None:
    """Tools find every service."""
    (node,) = start_nodes(1)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(node.channel)
    (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=CALL_S)
    names = {service.name for service in answer.list_services_response.service}
    services = ("KeyValue", "Node", "Ring", "Membership", "Inspect", "Peer")
    assert {f"dynamo_node.v1.{name}" for name in services} <= names
    assert "grpc.health.v1.Health" in names


INVALID: list[tuple[str, Any]] = [
    ("Get", key_value_pb2.GetRequest(key=b"")),
    ("Get", key_value_pb2.GetRequest(key=b"k" * 1025)),
    ("Get", key_value_pb2.GetRequest(key=b"k", r=2)),
    ("Put", key_value_pb2.PutRequest(key=b"", value=b"v")),
    ("Put", key_value_pb2.PutRequest(key=b"k", value=b"v" * 65537)),
    ("Put", key_value_pb2.PutRequest(key=b"k", value=b"v", context=b"nonsense")),
    ("Put", key_value_pb2.PutRequest(key=b"k", value=b"v", w=2)),
    ("Delete", key_value_pb2.DeleteRequest(key=b"k")),
    ("Delete", key_value_pb2.DeleteRequest(key=b"k", context=b"nonsense")),
]


def test_invalid_calls_change_nothing(start_nodes: Any) -> None:
    """Each is INVALID_ARGUMENT with a sentence, and the node serves on, empty as before."""
    (node,) = start_nodes(1)
    for method, request in INVALID:
        with pytest.raises(grpc.RpcError) as caught:
            getattr(node.key_value, method)(request, timeout=CALL_S)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT, (method, request)
        assert caught.value.details()
    for call, request in (
        (node.ring.GetPreferenceList, ring_pb2.GetPreferenceListRequest()),
        (node.inspect.MerkleNodes, inspect_pb2.MerkleNodesRequest(partition=16)),
        (node.inspect.MerkleNodes, inspect_pb2.MerkleNodesRequest(level=3)),
        (node.inspect.MerkleNodes, inspect_pb2.MerkleNodesRequest(level=1, indexes=[64])),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call(request, timeout=CALL_S)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT, request
    with pytest.raises(grpc.RpcError) as caught:
        list(node.inspect.ScanReplica(inspect_pb2.ScanReplicaRequest(partitions=[16]), timeout=CALL_S))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert get(node, b"k") == ([], b"")
    assert scan(node) == {}


def test_sigterm_stops_gracefully(start_nodes: Any) -> None:
    """SIGTERM ends a node of a busy cluster with 0, and what was acknowledged is there."""
    nodes = start_nodes(3)
    acknowledged = []
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(put, nodes[0], b"%d" % number, b"v") for number in range(300)]
        writes[50].result(timeout=CALL_S)
        assert nodes[0].end(signal.SIGTERM) == 0
        acknowledged = [b"%d" % number for number, write in enumerate(writes) if write.exception() is None]
    assert len(acknowledged) > 50
    assert [key for key in acknowledged if get(nodes[1], key)[0] != [b"v"]] == []
