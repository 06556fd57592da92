"""A proxy: a listening port, the upstream behind it, and the toxics on the connections between."""

import asyncio
import os
import socket
from random import Random
from typing import Any

from ringcheck_chaos.embedded.connection import Connection, End
from ringcheck_chaos.embedded.errors import ApiError, toxic_exists, toxic_not_found
from ringcheck_chaos.embedded.toxic import Toxic

DEFAULT_HOST = "127.0.0.1"
"""Where a proxy listens whose address names no host. Toxiproxy would listen on all interfaces."""


class Proxy:
    """One named proxy. It listens while it is `enabled`; toxics stay when it is not."""

    def __init__(self, name: str, listen: str, upstream: str, random: Random) -> None:
        self.name = name
        self.listen = listen
        self.upstream = upstream
        self.enabled = False
        self.toxics: list[Toxic] = []
        self._random = random
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Listen; `listen` then tells the address that was got. Raises ApiError (500)."""
        if self.enabled:
            return
        host, port = await resolve(self.listen)
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: End(self._accept), host, port, reuse_address=True)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise ApiError(f"listen tcp {join(host, port)}: bind: {reason}", 500) from None
        self.listen = join(*self._server.sockets[0].getsockname()[:2])
        self.enabled = True

    def stop(self) -> None:
        """Close the port and all connections at once."""
        self.enabled = False
        if self._server:
            self._server.close()
            self._server = None
        for connection, task in list(self._connections.items()):
            task.cancel()
            connection.abort()
        self._connections.clear()

    async def update(self, listen: str, upstream: str, enabled: bool) -> None:
        """Change addresses, which closes all connections, and then start or stop. Raises ApiError (500)."""
        if upstream != self.upstream or not await self.listens_on(listen):
            self.stop()
            self.listen, self.upstream = listen, upstream
        if enabled:
            await self.start()
        else:
            self.stop()

    async def listens_on(self, listen: str) -> bool:
        """Whether an address is, name or number, the one of this proxy."""
        if listen == self.listen:
            return True
        try:
            return join(*await resolve(listen)) == self.listen
        except ApiError:
            return False

    def toxic(self, name: str) -> Toxic:
        """The toxic of this name; raises ApiError (404)."""
        for toxic in self.toxics:
            if toxic.name == name:
                return toxic
        raise toxic_not_found()

    def add(self, toxic: Toxic) -> None:
        """Let a toxic act on all connections from now on; raises ApiError (409)."""
        if any(other.name == toxic.name for other in self.toxics):
            raise toxic_exists()
        self.toxics.append(toxic)
        for connection in list(self._connections):
            if flow := connection.flow(toxic):
                flow.add(toxic)

    def change(self, name: str, value: Any) -> Toxic:
        """Change a toxic by what a client sent; raises ApiError (404, 400)."""
        toxic = self.toxic(name)
        toxic.update(value)
        for connection in list(self._connections):
            if flow := connection.flow(toxic):
                flow.update(toxic)
        return toxic

    def remove(self, toxic: Toxic) -> None:
        """End a toxic."""
        self.toxics.remove(toxic)
        for connection in list(self._connections):
            if flow := connection.flow(toxic):
                flow.remove(toxic)

    def json(self) -> dict[str, Any]:
        """The proxy as the API shows it."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": [toxic.json() for toxic in self.ordered_toxics()],
        }

    def ordered_toxics(self) -> list[Toxic]:
        """Those of the upstream first; in each stream as they were added."""
        return sorted(self.toxics, key=lambda toxic: toxic.downstream)

    def _accept(self, client: End) -> None:
        if not self.enabled:
            # Accepted by the loop before the port was closed, handed to us after it.
            client.transport.abort()
            return
        connection = Connection(client)
        self._connections[connection] = asyncio.create_task(self._serve(connection, client))

    async def _serve(self, connection: Connection, client: End) -> None:
        host, _, port = self.upstream.rpartition(":")
        try:
            if await connection.dial(host.strip("[]"), int(port), lambda: self.toxics, self._random):
                await connection.closed()
        except ValueError:
            client.transport.close()
        finally:
            self._connections.pop(connection, None)


async def resolve(listen: str) -> tuple[str, int]:
    """The numeric host and the port of an address to listen on; raises ApiError (500)."""
    host, colon, port = (listen or ":0").rpartition(":")
    if not colon:
        raise ApiError(f"listen tcp: address {listen}: missing port in address", 500)
    if not port.isdecimal() or int(port) > 65535:
        raise ApiError(f"listen tcp: address {port}: invalid port", 500)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host.strip("[]") or DEFAULT_HOST, int(port), type=socket.SOCK_STREAM
        )
    except OSError:
        raise ApiError(f"listen tcp: lookup {host}: no such host", 500) from None
    # `localhost` may name ::1 first, where no client looks that was told 127.0.0.1.
    addresses = [str(address[0]) for *_, address in found]
    return next((address for address in addresses if ":" not in address), addresses[0]), int(port)


def join(host: str, port: int) -> str:
    """An address as Go writes it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
