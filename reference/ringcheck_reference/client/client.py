"""A client that knows the ring: it pulls it, keeps a channel to each node, and asks the coordinator itself.

A write is sent at most once. It goes to the first node of the key's preference list that this client is connected to;
only a node to which there is no connection is passed over, since nothing can have been sent to it. Once sent, whatever
comes is the end: a second sending could make one Put two versions. A read may be asked again, and is.

What the client believes of the ring may be wrong or old: any node takes any request, and forwards it if need be.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

import grpc
import grpc.aio

from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc, ring_pb2, ring_pb2_grpc

from .errors import IndefiniteError, RefusedError, UnreachableError
from .routing import Ring, Routing

T = TypeVar("T")

REFRESH_S: Final = 10.0
"""How often the ring is pulled (section 6.4); at once when a request has failed."""
TIMEOUT_S: Final = 5.0
"""How long a request may take in all, longer than the request_timeout of most nodes."""
_CONNECT_S: Final = 0.5
_LEAST_PAUSE_S: Final = 0.2
"""Between two pulls of the ring, however much fails."""

_DEFINITE: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)
"""See key_value.proto."""

_OPTIONS: Final = (
    # gRPC itself is to send nothing twice.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", -1),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a Get found: the values of the live siblings, and the context to put or delete with."""

    values: tuple[bytes, ...]
    context: bytes


class _Node:
    """The way to one node."""

    def __init__(self, node_id: str, address: str) -> None:
        self.id = node_id
        self.channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self.key_value: key_value_pb2_grpc.KeyValueAsyncStub = key_value_pb2_grpc.KeyValueStub(self.channel)
        self.ring: ring_pb2_grpc.RingAsyncStub = ring_pb2_grpc.RingStub(self.channel)

    @property
    def is_connected(self) -> bool:
        """Whether a request would go out at once."""
        return self.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    async def connect(self, within_s: float) -> bool:
        """Whether it is connected, after a moment's wait unless the last attempt has just failed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_CONNECT_S, within_s)):
                while (state := self.channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
                    if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
                        return False
                    await self.channel.wait_for_state_change(state)
                return True
        return False


class _Budget:
    """The time that a request has, and the nodes that it may yet go to."""

    def __init__(self, seconds: float, nodes: Iterable[str]) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self.untried = deque(nodes)
        self.in_vain: list[str] = []
        """To these there was no connection."""

    @property
    def left_s(self) -> float:
        """How much time is left; nothing or less once it is over."""
        return self._ends - time.monotonic()

    def unreachable(self) -> UnreachableError:
        """Nothing was sent, and why."""
        in_vain, untried = ", ".join(sorted(self.in_vain)), ", ".join(self.untried)
        if untried:
            return UnreachableError(
                f"Within {self._seconds:g} s there was no connection to {in_vain or 'anybody'}; "
                f"time was over before {untried} could be tried."
            )
        return UnreachableError(
            f"None of {in_vain} can be connected to; look whether they run and the addresses are right."
        )


class Client:
    """Reads and writes at the cluster whose nodes listen at `addresses`, by node id; an async context manager.

    The contract's ring names nodes and no addresses, so a member that is missing there is never asked itself.
    `timeout_s` is for a whole request; the ring is pulled every `refresh_s` seconds, and at once when something fails.
    """

    def __init__(
        self, addresses: Mapping[str, str], *, timeout_s: float = TIMEOUT_S, refresh_s: float = REFRESH_S
    ) -> None:
        if not addresses:
            raise ValueError("addresses is empty; give the address of one node at least")
        self._nodes = {node: _Node(node, address) for node, address in addresses.items()}
        self._routing = Routing(self._nodes)
        self._timeout_s = timeout_s
        self._refresh_s = refresh_s
        self._something_failed = asyncio.Event()
        self._refreshing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def ring(self) -> Ring:
        """The ring as it was pulled last; without members while none was."""
        return self._routing.ring

    async def get(self, key: bytes, *, r: int = 0) -> Found:
        """Read; `r` = 0 leaves R to the node. Raises ClientError when no node has an answer."""
        request = key_value_pb2.GetRequest(key=key, r=r)
        response = await self._read(key, lambda node, timeout: node.key_value.Get(request, timeout=timeout))
        return Found(tuple(response.values), response.context)

    async def put(self, key: bytes, value: bytes, context: bytes = b"", *, w: int = 0) -> bytes:
        """Write, superseding what `context` covers; the context of the new version. Raises ClientError."""
        request = key_value_pb2.PutRequest(key=key, value=value, context=context, w=w)
        response = await self._write(key, lambda node, timeout: node.key_value.Put(request, timeout=timeout))
        return response.context

    async def delete(self, key: bytes, context: bytes, *, w: int = 0) -> None:
        """Remove what `context` covers. Raises ClientError."""
        request = key_value_pb2.DeleteRequest(key=key, context=context, w=w)
        await self._write(key, lambda node, timeout: node.key_value.Delete(request, timeout=timeout))

    async def refresh(self) -> bool:
        """Pull the ring from the first node that tells it; whether one did."""
        budget = _Budget(self._timeout_s, self._routing.in_turn(time.monotonic()))
        while node := await self._next(budget):
            try:
                answer = await node.ring.GetRing(ring_pb2.GetRingRequest(), timeout=budget.left_s)
            except grpc.aio.AioRpcError as error:
                self._note(node, error)
                continue
            members = tuple(member.node_id for member in answer.members)
            self._routing.ring = Ring(members, tuple(tuple(each.owners) for each in answer.partitions))
            return True
        return False

    async def close(self) -> None:
        """Close all channels; requests under way are cancelled, and later ones are a RuntimeError."""
        self._closed = True
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        await asyncio.gather(*(node.channel.close() for node in self._nodes.values()))

    async def __aenter__(self) -> Self:
        await self.refresh()
        self._refreshing = asyncio.create_task(self._keep_fresh())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _write(self, key: bytes, send: Callable[[_Node, float], Awaitable[T]]) -> T:
        """Send it once, to the first node that is connected."""
        budget = _Budget(self._timeout_s, self._routing.order(key, time.monotonic()))
        if node := await self._next(budget):
            try:
                return self._answered(node, await send(node, budget.left_s))
            except grpc.aio.AioRpcError as error:
                self._note(node, error)
                raise _meaning(node, error) from None
        raise budget.unreachable()

    async def _read(self, key: bytes, send: Callable[[_Node, float], Awaitable[T]]) -> T:
        """Ask one after another until one answers. Each has half of the time that is left, the last all of it."""
        budget = _Budget(self._timeout_s, self._routing.order(key, time.monotonic()))
        failure: Exception | None = None
        while node := await self._next(budget):
            try:
                return self._answered(node, await send(node, budget.left_s / (2 if budget.untried else 1)))
            except grpc.aio.AioRpcError as error:
                self._note(node, error)
                failure = _meaning(node, error)
                if isinstance(failure, RefusedError):
                    break
        raise failure or budget.unreachable()

    async def _next(self, budget: "_Budget") -> _Node | None:
        """The first that is connected of those that were not tried yet; None if there is none, or no more time."""
        while budget.untried and budget.left_s > 0:
            if self._closed:
                raise RuntimeError("This client is closed; make another one.")
            node = self._nodes[budget.untried.popleft()]
            if await self._is_connected(node, budget.left_s) and budget.left_s > 0:
                return node
            budget.in_vain.append(node.id)
        return None

    async def _is_connected(self, node: _Node, within_s: float) -> bool:
        if node.is_connected or await node.connect(within_s):
            return True
        self._routing.suspect(node.id, time.monotonic())
        self._something_failed.set()
        return False

    def _answered(self, node: _Node, response: T) -> T:
        self._routing.trust(node.id)
        return response

    def _note(self, node: _Node, error: grpc.aio.AioRpcError) -> None:
        """After a failure the ring may be another one; and the node out of reach, unless it was it that answered."""
        self._something_failed.set()
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED or not node.is_connected:
            self._routing.suspect(node.id, time.monotonic())

    async def _keep_fresh(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._something_failed.wait(), self._refresh_s)
            self._something_failed.clear()
            await self.refresh()
            await asyncio.sleep(_LEAST_PAUSE_S)


def _meaning(node: _Node, error: grpc.aio.AioRpcError) -> RefusedError | IndefiniteError:
    code, details = error.code(), error.details() or "it says no more"
    return (RefusedError if code in _DEFINITE else IndefiniteError)(node.id, code, details)
