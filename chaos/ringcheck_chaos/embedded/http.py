"""As much of HTTP/1.1 as an API for tools needs: requests with a length or in chunks, connections that are kept."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple

MAX_BODY = 16 * 1024 * 1024
CLOSE_S = 1.0
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


class Request(NamedTuple):
    """A request; header names are lower-case, `path` has no query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    """An answer; `kind` is the content type."""

    status: int
    body: bytes = b""
    kind: str = TEXT

    @classmethod
    def json(cls, status: int, value: Any, kind: str = JSON) -> "Response":
        """An answer that is JSON, with a line's end."""
        return cls(status, json.dumps(value).encode() + b"\n", kind)

    def encode(self) -> bytes:
        """The bytes that go over the wire."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        if self.body:
            lines.append(f"Content-Type: {self.kind}")
        if self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Handler = Callable[[Request], Awaitable[Response]]


class MalformedError(Exception):
    """What arrived is not HTTP, or too much of it."""


class HttpServer:
    """Answers the requests of any number of connections by one handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def listen(self, host: str, port: int) -> int:
        """Serve from now on; returns the port that was got, and raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop, and let the connections that are open end by themselves: cancelled, they would complain."""
        if self._server:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()
        if tasks := [task for task in self._open.values() if task]:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        try:
            await serve_connection(self._handler, reader, writer)
        finally:
            del self._open[writer]


async def serve_connection(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it ends or says something that is not HTTP."""
    try:
        while request := await read_request(reader):
            writer.write((await handler(request)).encode())
            await writer.drain()
            if request.headers.get("connection", "").lower() == "close":
                break
    except MalformedError as error:
        writer.write(Response(400, f"400 Bad Request: {error}\n".encode()).encode())
    except ConnectionError:
        pass
    finally:
        writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, None if the connection ends instead; raises MalformedError."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError:
        raise MalformedError("the headers are too long") from None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    try:
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    except ValueError:
        raise MalformedError(f"{first!r} does not begin an HTTP request") from None
    try:
        body = await _read_body(reader, headers)
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise MalformedError("the body is not as long as it says, or too long") from None
    return Request(method, target.partition("?")[0], headers, body)


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(_checked(int(headers.get("content-length", "0"))))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        body += await reader.readexactly(_checked(size + len(body)) - len(body))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return body


def _checked(size: int) -> int:
    if not 0 <= size <= MAX_BODY:
        raise ValueError(size)
    return size
