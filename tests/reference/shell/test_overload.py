"""Overload: a node with as much under way as it takes on refuses more at once, and is itself again afterwards."""

import queue
import signal
from collections import Counter
from typing import Any

import grpc
import pytest
from tests.reference.shell.test_metrics import scrape

from dynamo_node.v1 import key_value_pb2, node_pb2
from ringcheck_chaos import ports

LIMIT = 8
PATIENCE_S = 60.0
QUEUED = 4000
"""More than gRPC lets wait by default: from 1000 on it drops some, beyond 3000 all."""


def put(node: Any, key: bytes) -> Any:
    """A Put that is under way."""
    request = key_value_pb2.PutRequest(key=key, value=b"v")
    return node.key_value.Put.future(request, timeout=PATIENCE_S)


def test_a_full_node_refuses_at_once_and_recovers(make_nodes: Any) -> None:
    """Refusals come while all that fills the node is still unanswered; once that moves, the node takes on more."""
    first, *others = nodes = make_nodes(3)
    with ports.lease(1) as lease:
        metrics = f"{ports.HOST}:{lease.ports[0]}"
        # Nothing that fills the node is to time out before all has been looked at.
        first.config |= {"maxInFlight": LIMIT, "requestTimeoutMs": 30_000, "metricsAddress": metrics}
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_until_serving()
        assert first.node.Describe(node_pb2.DescribeRequest(), timeout=PATIENCE_S).max_in_flight == LIMIT
        assert others[0].node.Describe(node_pb2.DescribeRequest(), timeout=PATIENCE_S).max_in_flight == 512
        put(first, b"before").result()
        done: queue.Queue[Any] = queue.Queue()
        for node in others:
            node.process.send_signal(signal.SIGSTOP)
        try:
            # Each needs a second node, and the others stand still.
            calls = [put(first, b"key") for _ in range(LIMIT + 1)]
            for call in calls:
                call.add_done_callback(done.put)
            refused = done.get(timeout=PATIENCE_S)
            assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert refused.details() == "n1 has 8 requests under way, its limit; try again later"
            with pytest.raises(grpc.RpcError) as refusal:
                first.key_value.Get(key_value_pb2.GetRequest(key=b"key"), timeout=PATIENCE_S)
            assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert [call for call in calls if call.done()] == [refused]
            samples = scrape(metrics)
            assert samples["dynamo_node_requests_in_flight", ()] == LIMIT
            assert samples["dynamo_node_refused_requests_total", ()] == 2
        finally:
            for node in others:
                node.process.send_signal(signal.SIGCONT)
        for call in calls:
            assert call is refused or call.exception() is None
        put(first, b"after").result()
        samples = scrape(metrics)
        assert samples["dynamo_node_requests_in_flight", ()] == 0
        assert samples["dynamo_node_background_slices", ()] >= 1


def test_what_comes_all_at_once_is_answered_by_the_node(make_nodes: Any) -> None:
    """Some thousand calls that have queued up are answered or refused with a reason; none is dropped below the node."""
    (node,) = make_nodes(1)
    node.start()
    node.wait_until_serving()
    node.process.send_signal(signal.SIGSTOP)
    try:
        get = node.key_value.Get.future
        calls = [get(key_value_pb2.GetRequest(key=b"key"), timeout=PATIENCE_S) for _ in range(QUEUED)]
    finally:
        node.process.send_signal(signal.SIGCONT)
    ends = Counter(call.code() for call in calls)
    assert ends.keys() <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert ends[grpc.StatusCode.OK]
