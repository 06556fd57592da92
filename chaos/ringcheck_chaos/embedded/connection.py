"""One proxied connection: the client's socket, ours to the upstream, and a flow in each direction."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from random import Random

from ringcheck_chaos.embedded.flow import Flow
from ringcheck_chaos.embedded.toxic import Toxic

DIAL_S = 30.0
LINGER_0 = struct.pack("ii", 1, 0)


class End(asyncio.Protocol):
    """One of the two sockets: what it reads goes into `inbound`, and `outbound` writes into it."""

    transport: asyncio.Transport
    inbound: Flow | None = None
    outbound: Flow | None = None

    def __init__(self, opened: Callable[["End"], None] | None = None) -> None:
        self._opened = opened
        self.closed = asyncio.Event()
        self._early: list[bytes] = []
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait with reading until there is somewhere to write."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        if self._opened:
            self._opened(self)

    def data_received(self, data: bytes) -> None:
        """Hand on what was read."""
        if self.inbound is None:
            # Before Python 3.11.4, asyncio begins to read even if it was told to pause when the connection was made.
            self._early.append(data)
            self.transport.pause_reading()
        else:
            self.inbound.receive(data)

    def eof_received(self) -> bool:
        """The flow decides when the sockets close."""
        self._end()
        return True

    def connection_lost(self, _: Exception | None) -> None:
        """An end like any other for the flow."""
        self.closed.set()
        self._end()

    def join(self, inbound: Flow) -> None:
        """From now on what is read goes into `inbound`, and first of all what came too early."""
        self.inbound = inbound
        self.transport.resume_reading()  # first, since a flow that is full at once pauses it again
        for data in self._early:
            inbound.receive(data)
        self._early.clear()
        if self._ended:
            inbound.end()

    def _end(self) -> None:
        self._ended = True
        if self.inbound:
            self.inbound.end()

    def pause_writing(self) -> None:
        """The peer reads slowly."""
        if self.outbound:
            self.outbound.full(True)

    def resume_writing(self) -> None:
        """The peer has caught up."""
        if self.outbound:
            self.outbound.full(False)


class Connection:
    """Dials the upstream when a client has connected, and joins the two."""

    def __init__(self, client: End) -> None:
        self._client = client
        self._server: End | None = None
        self._flows: tuple[Flow, Flow] | None = None

    async def dial(self, host: str, port: int, toxics: Callable[[], Sequence[Toxic]], random: Random) -> bool:
        """Connect to the upstream; returns False, with the client's connection closed, if it cannot be reached.

        `toxics` says which there are at the moment of joining.
        """
        try:
            async with asyncio.timeout(DIAL_S):
                loop = asyncio.get_running_loop()
                _, self._server = await loop.create_connection(End, host, port)
        except (OSError, TimeoutError):
            self._client.transport.close()
            return False
        self._join(self._client, self._server, toxics(), random)
        return True

    async def closed(self) -> None:
        """Wait until both sockets are closed."""
        for end in (self._client, self._server):
            if end:
                await end.closed.wait()

    def flow(self, toxic: Toxic) -> Flow | None:
        """The flow that a toxic concerns, None while the upstream is being dialled."""
        return self._flows[toxic.downstream] if self._flows else None

    def abort(self) -> None:
        """Close both sockets at once. What is under way is lost."""
        for flow in self._flows or ():
            flow.drop()
        for end in (self._client, self._server):
            if end:
                end.transport.abort()

    def _join(self, client: End, server: End, toxics: Sequence[Toxic], random: Random) -> None:
        if any(toxic.kind == "reset_peer" for toxic in toxics):
            # From now on every close of these two is an RST. A toxicity of 0 does not matter: with limit_data it
            # makes an RST after exactly so many bytes.
            for end in (client, server):
                _reset_on_close(end.transport)
        one, other = client.transport, server.transport
        upstream = Flow(one, other, [toxic for toxic in toxics if not toxic.downstream], random)
        downstream = Flow(other, one, [toxic for toxic in toxics if toxic.downstream], random)
        client.outbound, server.outbound = downstream, upstream
        self._flows = upstream, downstream
        client.join(upstream)
        server.join(downstream)


def _reset_on_close(transport: asyncio.Transport) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
