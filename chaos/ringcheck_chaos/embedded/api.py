"""Toxiproxy's HTTP API, version 2.12: its paths, statuses and bodies."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from urllib.parse import unquote

from ringcheck_chaos.embedded import fields
from ringcheck_chaos.embedded.errors import ApiError, missing_field, proxy_exists, proxy_not_found
from ringcheck_chaos.embedded.http import Request, Response
from ringcheck_chaos.embedded.proxy import Proxy
from ringcheck_chaos.embedded.toxic import Toxic

VERSION = "2.12.0"
"""The Toxiproxy whose API this is; clients choose their requests by it."""

Handler = Callable[..., Awaitable[Response]]


class Api:
    """All proxies of one server, and what may be asked about them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._proxies: dict[str, Proxy] = {}
        # Opening a port takes several turns of the loop, in which no other request may see a proxy half changed.
        self._lock = asyncio.Lock()
        routes: dict[str, dict[str, Handler]] = {
            "/version": {"GET": self._version},
            "/reset": {"POST": self._reset},
            "/populate": {"POST": self._populate},
            "/proxies": {"GET": self._list, "POST": self._create},
            "/proxies/*": {
                "GET": self._show,
                "POST": self._update,
                "PATCH": self._update,
                "DELETE": self._delete,
            },
            "/proxies/*/toxics": {"GET": self._list_toxics, "POST": self._add_toxic},
            "/proxies/*/toxics/*": {
                "GET": self._show_toxic,
                "POST": self._update_toxic,
                "PATCH": self._update_toxic,
                "DELETE": self._remove_toxic,
            },
        }
        self._routes = {re.compile(path.replace("*", "([^/]+)")): methods for path, methods in routes.items()}

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        found = (
            (match, methods) for route, methods in self._routes.items() if (match := route.fullmatch(request.path))
        )
        match, methods = next(found, (None, {}))
        if match is None:
            return Response(404, b"404 page not found\n")
        if request.method not in methods:
            return Response(405)
        # No web page that a user happens to visit may talk to a server on their machine.
        if request.headers.get("user-agent", "").startswith("Mozilla/"):
            return Response(403, b"User agent not allowed\n")
        try:
            async with self._lock:
                return await methods[request.method](request, *map(unquote, match.groups()))
        except ApiError as error:
            # Go's http.Error sets this content type, and clients are used to it.
            return Response.json(error.status, _error(error), "text/plain; charset=utf-8")

    def close(self) -> None:
        """Close every port and connection."""
        for proxy in self._proxies.values():
            proxy.stop()

    async def populate(self, value: Any) -> tuple[list[Proxy], ApiError | None]:
        """Create or keep the proxies that a JSON array lists; the first error ends it, what was done stays."""
        done: list[Proxy] = []
        try:
            if not isinstance(value, list):
                value = [value]
            wanted = [_wanted(fields.fields(item)) for item in value]
            for name, listen, upstream, enabled in wanted:
                done.append(await self._populate_one(name, listen, upstream, enabled))
        except ApiError as error:
            return done, error
        return done, None

    async def _populate_one(self, name: str, listen: str, upstream: str, enabled: bool) -> Proxy:
        if old := self._proxies.get(name):
            if upstream == old.upstream and await old.listens_on(listen):
                return old
            old.stop()
            del self._proxies[name]
        return await self._add(name, listen, upstream, enabled)

    async def _add(self, name: str, listen: str, upstream: str, enabled: bool) -> Proxy:
        proxy = Proxy(name, listen, upstream, self._random)
        if enabled:
            await proxy.start()
        self._proxies[name] = proxy
        return proxy

    def _proxy(self, name: str) -> Proxy:
        try:
            return self._proxies[name]
        except KeyError:
            raise proxy_not_found() from None

    async def _version(self, _: Request) -> Response:
        return Response.json(200, {"version": VERSION}, "application/json;charset=utf-8")

    async def _reset(self, _: Request) -> Response:
        for proxy in self._proxies.values():
            await proxy.start()
            for toxic in list(proxy.toxics):
                proxy.remove(toxic)
        return Response(204)

    async def _populate(self, request: Request) -> Response:
        done, error = await self.populate(fields.decode(request.body))
        proxies = [proxy.json() for proxy in done] or None
        if error:
            return Response.json(error.status, {**_error(error), "proxies": proxies})
        return Response.json(201, {"proxies": proxies})

    async def _list(self, _: Request) -> Response:
        return Response.json(200, {name: proxy.json() for name, proxy in self._proxies.items()})

    async def _create(self, request: Request) -> Response:
        name, listen, upstream, enabled = _wanted(fields.fields(fields.decode(request.body)))
        if name in self._proxies:
            raise proxy_exists()
        return Response.json(201, (await self._add(name, listen, upstream, enabled)).json())

    async def _show(self, _: Request, name: str) -> Response:
        return Response.json(200, self._proxy(name).json())

    async def _update(self, request: Request, name: str) -> Response:
        proxy = self._proxy(name)
        members = fields.fields(fields.decode(request.body))
        await proxy.update(
            fields.text(members, "listen", proxy.listen),
            fields.text(members, "upstream", proxy.upstream),
            fields.truth(members, "enabled", proxy.enabled),
        )
        return Response.json(200, proxy.json())

    async def _delete(self, _: Request, name: str) -> Response:
        self._proxy(name).stop()
        del self._proxies[name]
        return Response(204)

    async def _list_toxics(self, _: Request, name: str) -> Response:
        return Response.json(200, self._proxy(name).json()["toxics"])

    async def _add_toxic(self, request: Request, name: str) -> Response:
        proxy = self._proxy(name)
        toxic = Toxic.decode(fields.decode(request.body))
        proxy.add(toxic)
        return Response.json(200, toxic.json())

    async def _show_toxic(self, _: Request, name: str, toxic: str) -> Response:
        return Response.json(200, self._proxy(name).toxic(toxic).json())

    async def _update_toxic(self, request: Request, name: str, toxic: str) -> Response:
        proxy = self._proxy(name)
        return Response.json(200, proxy.change(toxic, fields.decode(request.body)).json())

    async def _remove_toxic(self, _: Request, name: str, toxic: str) -> Response:
        proxy = self._proxy(name)
        proxy.remove(proxy.toxic(toxic))
        return Response(204)


def _wanted(members: dict[str, Any]) -> tuple[str, str, str, bool]:
    """Name, listen, upstream and enabled of a proxy to be made; raises ApiError (400)."""
    name, upstream = fields.text(members, "name", ""), fields.text(members, "upstream", "")
    if not name:
        raise missing_field("name")
    if not upstream:
        raise missing_field("upstream")
    return name, fields.text(members, "listen", ""), upstream, fields.truth(members, "enabled", True)


def _error(error: ApiError) -> dict[str, Any]:
    return {"error": error.message, "status": error.status}
