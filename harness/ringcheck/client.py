"""A client of one node that tells definite from indefinite outcomes, and sends nothing twice."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, TypeAlias

import grpc
import msgspec

from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc
from ringcheck.history import Description

DEFINITE = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)
"""After these a write never takes effect; the contract names them in key_value.proto."""

PATIENCE = 1.5
"""How much longer than its declared request time-out a node is waited for: a late answer is still an answer."""

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    # What a history tells must be what was sent: no retries, no detour.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # A link that is open again must be used again at once, whatever other channels went through.
    ("grpc.use_local_subchannel_pool", 1),
    # So are nodes that have just been started: gRPC's shortest wait between attempts, and it does not grow.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 100),
    # The deadline of a handshake: longer than any latency that is injected.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    # No keepalive: a default server takes pings within 5 minutes of silence for an attack.
    ("grpc.max_send_message_length", -1),
)


class Reply(msgspec.Struct, frozen=True):
    """The operation was answered OK."""

    values: tuple[bytes, ...] = ()
    context: bytes = b""


class Failure(msgspec.Struct, frozen=True):
    """It was not. `code` is the name of a gRPC status; unless `definite`, a write may yet take effect."""

    code: str
    message: str
    definite: bool


Answer: TypeAlias = Reply | Failure


def open_channel(address: str, max_message_bytes: int = -1) -> grpc.aio.Channel:
    """A channel to host:port as this harness wants it. Longer messages than `max_message_bytes` are not received."""
    return grpc.aio.insecure_channel(
        address, options=[*CHANNEL_OPTIONS, ("grpc.max_receive_message_length", max_message_bytes)]
    )


class Client:
    """Sends operations to one node, by an address that is usually a proxy's. Never raises for what the node does."""

    def __init__(self, address: str, description: Description) -> None:
        self.deadline_s = PATIENCE * description.request_timeout_ms / 1000
        self._channel = open_channel(address, description.max_message_bytes)
        self._stub = key_value_pb2_grpc.KeyValueStub(self._channel)

    async def get(self, key: bytes, r: int = 0) -> Answer:
        """Read; `r` = 0 leaves R to the node."""
        request = key_value_pb2.GetRequest(key=key, r=r)
        return await self._answer(self._stub.Get(request, timeout=self.deadline_s))

    async def put(self, key: bytes, value: bytes, context: bytes = b"", w: int = 0) -> Answer:
        """Write; an empty context makes it a blind put."""
        request = key_value_pb2.PutRequest(key=key, value=value, context=context, w=w)
        return await self._answer(self._stub.Put(request, timeout=self.deadline_s))

    async def delete(self, key: bytes, context: bytes, w: int = 0) -> Answer:
        """Delete what the context covers."""
        request = key_value_pb2.DeleteRequest(key=key, context=context, w=w)
        return await self._answer(self._stub.Delete(request, timeout=self.deadline_s))

    async def connect(self, within_s: float) -> bool:
        """Whether the channel is connected, after waiting for it so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._channel.channel_ready(), within_s)
            return True
        return False

    async def close(self) -> None:
        """Close the channel; calls that are open are cancelled."""
        await self._channel.close()

    async def _answer(self, call: Awaitable[Any]) -> Answer:
        try:
            response = await call
        except grpc.aio.AioRpcError as error:
            code = error.code()
            return Failure(code.name, error.details() or "", code in DEFINITE)
        if response is None:  # grpc's way to say that the bytes were no such message
            return Failure("INTERNAL", "The node's answer could not be decoded.", definite=False)
        return Reply(tuple(getattr(response, "values", ())), getattr(response, "context", b""))
