"""Nodes that come and go, as processes: what operators are answered, where data end up, and what outlives a crash."""

import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import config_pb2, inspect_pb2, key_value_pb2, membership_pb2, ring_pb2

CALL_S = 20.0
"""What takes milliseconds may take seconds on a machine with more to do."""
SETTLING_S = 30.0
KEYS = [b"key %d" % number for number in range(60)]


def put(node: Any, key: bytes, value: bytes) -> None:
    """Put, until it is acknowledged."""

    def acknowledged() -> bool:
        try:
            node.key_value.Put(key_value_pb2.PutRequest(key=key, value=value), timeout=CALL_S)
        except grpc.RpcError:
            return False
        return True

    until(acknowledged)


def get(node: Any, key: bytes) -> set[bytes]:
    """The values that `node` returns."""
    return set(node.key_value.Get(key_value_pb2.GetRequest(key=key), timeout=CALL_S).values)


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + SETTLING_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def join(through: Any, node: Any, **member: Any) -> bytes:
    """Let `node` join; the view digest of the answer."""
    request = membership_pb2.JoinRequest(member=config_pb2.Member(node_id=node.node_id, weight=1, **member))
    digest: bytes = through.membership.Join(request, timeout=CALL_S).view_digest
    return digest


def leave(through: Any, node_id: str) -> None:
    """Let a node leave."""
    through.membership.Leave(membership_pb2.LeaveRequest(node_id=node_id), timeout=CALL_S)


def remove(through: Any, node_id: str) -> None:
    """Take a node away."""
    through.membership.Remove(membership_pb2.RemoveRequest(node_id=node_id), timeout=CALL_S)


def status(node: Any) -> inspect_pb2.StatusResponse:
    """What the node shows of itself."""
    answer: inspect_pb2.StatusResponse = node.inspect.Status(inspect_pb2.StatusRequest(), timeout=CALL_S)
    return answer


def ring(node: Any) -> ring_pb2.GetRingResponse:
    """The ring as the node sees it."""
    answer: ring_pb2.GetRingResponse = node.ring.GetRing(ring_pb2.GetRingRequest(), timeout=CALL_S)
    return answer


def held(node: Any) -> set[int]:
    """The partitions of which the node holds any key."""
    pieces = node.inspect.ScanReplica(inspect_pb2.ScanReplicaRequest(), timeout=CALL_S)
    return {piece.partition for piece in pieces if piece.entries}


def owned(node: Any) -> set[int]:
    """The partitions that the node owns, as it sees the ring."""
    return {each.partition for each in ring(node).partitions if node.node_id in each.owners}


def is_settled(nodes: Sequence[Any], members: list[str]) -> bool:
    """Whether all agree that these are the members, everything is handed over, and nobody holds what is not its own."""
    shown = [status(node) for node in nodes]
    return (
        len({each.view_digest for each in shown}) == 1
        and all(list(each.members) == members for each in shown)
        and not any(each.unconfirmed_partitions or each.draining for each in shown)
        and all(held(node) <= owned(node) for node in nodes)
    )


def health(node: Any) -> int:
    """What health says."""
    stub = health_pb2_grpc.HealthStub(node.channel)
    answer: int = stub.Check(health_pb2.HealthCheckRequest(), timeout=CALL_S).status
    return answer


def code_of(call: Callable[..., object], *arguments: Any, **options: Any) -> grpc.StatusCode:
    """With which code the call fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    assert caught.value.details()
    code: grpc.StatusCode = caught.value.code()
    return code


def test_a_node_joins_and_another_leaves(start_nodes: Any) -> None:
    """Who is to join serves at once by way of the others; who has joined holds its share, and who leaves nothing."""
    nodes = start_nodes(3, joiners=1)
    joiner = nodes[3]
    for key in KEYS:
        put(joiner, key, b"value of " + key)
    assert (owned(joiner), held(joiner), list(status(joiner).members)) == (set(), set(), ["n1", "n2", "n3"])
    digest = join(nodes[1], joiner)
    assert digest != b""
    until(lambda: is_settled(nodes, ["n1", "n2", "n3", "n4"]))
    assert held(joiner)
    assert len({ring(node).SerializeToString() for node in nodes}) == 1
    leave(joiner, "n1")
    until(lambda: list(status(joiner).draining) == [] and is_settled(nodes, ["n2", "n3", "n4"]))
    assert (owned(nodes[0]), held(nodes[0])) == (set(), set())
    assert nodes[0].end(signal.SIGTERM) == 0
    for node in nodes[1:]:
        assert [key for key in KEYS if get(node, key) != {b"value of " + key}] == []


def test_members_outlive_a_crash_of_all(start_nodes: Any) -> None:
    """A change that was answered OK reaches every node, although all are killed right afterwards."""
    nodes = start_nodes(3, joiners=1)
    put(nodes[0], b"key", b"value")
    join(nodes[0], nodes[3])
    for node in nodes:
        node.end(signal.SIGKILL)
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_until_serving()
    until(lambda: is_settled(nodes, ["n1", "n2", "n3", "n4"]))
    assert get(nodes[3], b"key") == {b"value"}


def test_who_was_removed_serves_nobody(start_nodes: Any) -> None:
    """It says so to clients and health, after a restart as well; the others do without it."""
    nodes = start_nodes(4)
    for key in KEYS:
        put(nodes[0], key, b"value")
    remove(nodes[0], "n4")
    until(lambda: health(nodes[3]) == health_pb2.HealthCheckResponse.NOT_SERVING)
    request = key_value_pb2.GetRequest(key=b"key")
    assert code_of(nodes[3].key_value.Get, request, timeout=CALL_S) == grpc.StatusCode.UNAVAILABLE
    nodes[3].end(signal.SIGKILL)
    until(lambda: is_settled(nodes[:3], ["n1", "n2", "n3"]))
    assert [key for key in KEYS if get(nodes[1], key) != {b"value"}] == []
    nodes[3].start()
    grpc.channel_ready_future(nodes[3].channel).result(CALL_S)
    assert code_of(nodes[3].key_value.Get, request, timeout=CALL_S) == grpc.StatusCode.UNAVAILABLE
    assert health(nodes[3]) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert nodes[3].end(signal.SIGTERM) == 0


def test_what_operators_must_not_ask(start_nodes: Any) -> None:
    """Each mistake has its code and a sentence, and changes nothing; what is so already is left as it is."""
    nodes = start_nodes(4)
    before = ring(nodes[0])
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    stub = nodes[0].membership
    for member in (config_pb2.Member(), config_pb2.Member(node_id="n9"), config_pb2.Member(weight=1)):
        assert code_of(stub.Join, membership_pb2.JoinRequest(member=member), timeout=CALL_S) == invalid
    for change in (leave, remove):
        assert code_of(change, nodes[0], "") == invalid
        assert code_of(change, nodes[0], "n9") == grpc.StatusCode.NOT_FOUND
    failed = grpc.StatusCode.FAILED_PRECONDITION
    assert code_of(join, nodes[0], nodes[1], host="elsewhere") == failed
    join(nodes[0], nodes[1])
    assert ring(nodes[0]) == before
    leave(nodes[0], "n4")
    leave(nodes[1], "n4")
    assert code_of(leave, nodes[0], "n3") == failed
    assert code_of(join, nodes[0], nodes[3]) == failed


def test_a_member_without_an_address_is_done_without(make_nodes: Any) -> None:
    """A node whose book lacks the joiner says so in its log, and goes on as if that one were out of reach."""
    nodes = make_nodes(3, joiners=1)
    nodes[0].config["addressBook"] = {
        node_id: address for node_id, address in nodes[0].config["addressBook"].items() if node_id != "n4"
    }
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_until_serving()
    join(nodes[1], nodes[3])
    until(lambda: list(status(nodes[0]).members) == ["n1", "n2", "n3", "n4"])
    for key in KEYS[:20]:
        put(nodes[0], key, b"value")
    # Some of these writes were acknowledged with a stand-in's help, so they may be seen a little later.
    until(lambda: all(get(nodes[3], key) == {b"value"} for key in KEYS[:20]))
    lines = nodes[0].log_path.read_text().splitlines()
    assert len([line for line in lines if "the address book has no address for n4" in line]) == 1
