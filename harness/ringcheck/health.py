"""What a node is asked directly, past every proxy: is it ready, what is it, does it serve what it declares."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import inspect_pb2, key_value_pb2, node_pb2, node_pb2_grpc, ring_pb2
from ringcheck.errors import TargetError

ANSWER_S = 5.0
"""How long a running node may take over a question that it need ask nobody else about."""

POLL_S = 0.02
ATTEMPT_S = 0.5
UNDECODABLE = b"\xff"
"""No protobuf message: what is sent where any real request would change something."""

SERVING = health_pb2.HealthCheckResponse.SERVING


async def wait_until_serving(
    channel: grpc.aio.Channel, node: str, deadline_s: float, *, running: Callable[[], bool], log: Callable[[], str]
) -> None:
    """Wait until the node reports SERVING; raises TargetError if it ends, or has not within `deadline_s` seconds."""
    deadline = time.monotonic() + deadline_s
    stub = health_pb2_grpc.HealthStub(channel)
    seen = "it accepted no connection"
    while time.monotonic() < deadline:
        if not running():
            raise TargetError(
                f"Node {node} ended while it was starting; it must stay in the foreground until SIGTERM. {log()}"
            )
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=ATTEMPT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise TargetError(
                    f"Node {node} does not serve grpc.health.v1.Health; every node must, for the service name ''."
                ) from None
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                seen = f"its health check answered {error.code().name}"
            elif "onnection refused" not in (error.details() or ""):
                seen = "it accepts connections and does not answer them as a gRPC server does"
        else:
            if answer.status == SERVING:
                return
            seen = f"it reported {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}"
        await asyncio.sleep(POLL_S)
    raise TargetError(
        f"Node {node} was not healthy within {deadline_s:g} s: {seen}, and SERVING was waited for. {log()}"
    )


async def describe(channel: grpc.aio.Channel, node: str) -> node_pb2.DescribeResponse:
    """The node's answer to Describe; raises TargetError if there is none."""
    try:
        return await node_pb2_grpc.NodeStub(channel).Describe(node_pb2.DescribeRequest(), timeout=ANSWER_S)
    except grpc.aio.AioRpcError as error:
        raise TargetError(f"Node {node} did not answer Describe: {error.code().name} {error.details()}.") from None


async def check_services(channel: grpc.aio.Channel, node: str, profiles: tuple[str, ...]) -> None:
    """Raise TargetError if the service of a declared profile answers UNIMPLEMENTED. Changes nothing on the node."""
    questions: dict[str, Callable[[grpc.aio.Channel], Awaitable[grpc.StatusCode]]] = {
        # An empty key is refused, an empty request reads, and what cannot be decoded is not carried out.
        "kv": lambda channel: _ask(channel, "KeyValue/Get", key_value_pb2.GetRequest().SerializeToString()),
        "ring": lambda channel: _ask(channel, "Ring/GetRing", ring_pb2.GetRingRequest().SerializeToString()),
        "inspect": lambda channel: _ask(channel, "Inspect/Status", inspect_pb2.StatusRequest().SerializeToString()),
        "membership": lambda channel: _ask(channel, "Membership/Leave", UNDECODABLE),
        "peer": _ask_peer,
    }
    asked = [profile for profile in profiles if profile in questions]
    codes = await asyncio.gather(*(questions[profile](channel) for profile in asked))
    for profile, code in zip(asked, codes, strict=True):
        if code is grpc.StatusCode.UNIMPLEMENTED:
            raise TargetError(
                f"Node {node} declares {profile} but its service answers UNIMPLEMENTED; "
                "serve it, or leave it out of Describe's profiles."
            )


async def _ask(channel: grpc.aio.Channel, method: str, request: bytes) -> grpc.StatusCode:
    try:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/dynamo_node.v1.{method}")
        await call(request, timeout=ANSWER_S)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def _ask_peer(channel: grpc.aio.Channel) -> grpc.StatusCode:
    exchange: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream("/dynamo_node.v1.Peer/Exchange")
    call = exchange(timeout=ANSWER_S)
    try:
        await call.done_writing()
        return await call.code()
    except grpc.aio.AioRpcError as error:
        return error.code()
