"""The server: health, and handlers that raise."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import (
    inspect_pb2,
    inspect_pb2_grpc,
    key_value_pb2,
    key_value_pb2_grpc,
    membership_pb2_grpc,
    node_pb2_grpc,
    ring_pb2_grpc,
)
from ringcheck_chaos import ports
from ringcheck_reference.shell.server import Server

CALL_S = 20.0
"""What takes milliseconds may take seconds on a machine with more to do."""


class WrongKeyValue(key_value_pb2_grpc.KeyValueServicer):
    """Makes a mistake in Get, and aborts Put on purpose."""

    async def Get(self, request: Any, context: Any) -> key_value_pb2.GetResponse:  # noqa: N802
        """Raise."""
        raise ZeroDivisionError

    async def Put(self, request: Any, context: Any) -> key_value_pb2.PutResponse:  # noqa: N802
        """Abort."""
        return await context.abort(grpc.StatusCode.UNAVAILABLE, "on purpose")  # type: ignore[no-any-return]

    async def Delete(self, request: Any, context: Any) -> key_value_pb2.DeleteResponse:  # noqa: N802
        """Succeed."""
        return key_value_pb2.DeleteResponse()


class WrongInspect(inspect_pb2_grpc.InspectServicer):
    """Makes a mistake in the middle of a stream."""

    async def ListHints(self, request: Any, context: Any) -> AsyncIterator[inspect_pb2.ListHintsResponse]:  # noqa: N802
        """One piece, and raise."""
        yield inspect_pb2.ListHintsResponse()
        raise ZeroDivisionError


def with_server(test: Callable[[Server, grpc.aio.Channel], Awaitable[None]]) -> None:
    """Run `test` against a server that has started."""

    async def main(address: str) -> None:
        server = Server(
            1 << 20,
            key_value=WrongKeyValue(),
            node=node_pb2_grpc.NodeServicer(),  # type: ignore[abstract]
            ring=ring_pb2_grpc.RingServicer(),  # type: ignore[abstract]
            membership=membership_pb2_grpc.MembershipServicer(),  # type: ignore[abstract]
            inspection=WrongInspect(),  # type: ignore[abstract]
            peer=grpc.method_handlers_generic_handler("none.None", {}),
        )
        await server.start(address)
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                await test(server, channel)
        finally:
            await server.stop()

    with ports.lease(1) as lease:
        asyncio.run(asyncio.wait_for(main(f"127.0.0.1:{lease.ports[0]}"), 4 * CALL_S))


def test_mistakes_are_internal(caplog: pytest.LogCaptureFixture) -> None:
    """What a handler raises is logged and answered INTERNAL, in unary calls and streams; the server goes on."""

    async def test(_: Server, channel: grpc.aio.Channel) -> None:
        key_value: Any = key_value_pb2_grpc.KeyValueStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as unary:
            await key_value.Get(key_value_pb2.GetRequest(), timeout=CALL_S)
        assert unary.value.code() == grpc.StatusCode.INTERNAL
        pieces: Any = inspect_pb2_grpc.InspectStub(channel).ListHints(inspect_pb2.ListHintsRequest(), timeout=CALL_S)
        with pytest.raises(grpc.aio.AioRpcError) as streamed:
            assert len([piece async for piece in pieces]) == 1
        assert streamed.value.code() == grpc.StatusCode.INTERNAL
        await key_value.Delete(key_value_pb2.DeleteRequest(), timeout=CALL_S)

    with_server(test)
    assert [record.message for record in caplog.records] == ["a call failed"] * 2


def test_aborts_on_purpose_pass(caplog: pytest.LogCaptureFixture) -> None:
    """A handler's own code reaches the client, and nobody calls it a mistake."""

    async def test(_: Server, channel: grpc.aio.Channel) -> None:
        key_value: Any = key_value_pb2_grpc.KeyValueStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await key_value.Put(key_value_pb2.PutRequest(), timeout=CALL_S)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert caught.value.details() == "on purpose"

    with_server(test)
    assert caplog.text == ""


def test_health_follows_the_node() -> None:
    """NOT_SERVING until the node is ready, and again before it stops; a watch sees every change."""

    async def test(server: Server, channel: grpc.aio.Channel) -> None:
        watch: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=CALL_S)
        seen = [(await watch.read()).status]
        for serving in (True, False):
            await server.set_serving(serving)
            seen.append((await watch.read()).status)
        watch.cancel()
        states = health_pb2.HealthCheckResponse
        assert seen == [states.NOT_SERVING, states.SERVING, states.NOT_SERVING]

    with_server(test)


def test_bytes_that_are_no_request_are_invalid(caplog: pytest.LogCaptureFixture) -> None:
    """In unary calls and streams; it is the caller's mistake, and the log has nothing of it."""

    async def test(_: Server, channel: grpc.aio.Channel) -> None:
        unary: Any = channel.unary_unary("/dynamo_node.v1.KeyValue/Delete")
        stream: Any = channel.unary_stream("/dynamo_node.v1.Inspect/ListHints")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await unary(b"\xff\xff", timeout=CALL_S)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert await unary(b"", timeout=CALL_S) == b""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _piece in stream(b"\xff\xff", timeout=CALL_S):
                pass
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT

    with_server(test)
    assert caplog.text == ""
