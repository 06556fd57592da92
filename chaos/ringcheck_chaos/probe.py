"""A knock at a gRPC server's door: the least HTTP/2 that makes any such server answer.

RFC 9113: the client's preface and an empty SETTINGS frame open a connection, and a PING must be acknowledged with the
same eight bytes. No service, no credentials and no call are needed, and bytes must flow both ways.
"""

import asyncio
import contextlib
import os
import time
from typing import Literal

import msgspec

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, ACK = 0x4, 0x6, 0x1
HEADER = 9
"""Bytes of a frame's header: length (3), type, flags, stream (4)."""

LOST = (ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError)

Kind = Literal["refused", "closed", "silent", "acknowledged"]


class Answer(msgspec.Struct, frozen=True):
    """How a server met a probe, and how many seconds after the probe began."""

    kind: Kind
    after_s: float


async def probe(address: str, deadline_s: float) -> Answer:
    """Open a connection to `address` (host:port), ask for an acknowledgement and wait for it, or for the deadline."""
    began = time.monotonic()
    host, _, port = address.rpartition(":")
    kind: Kind
    try:
        async with asyncio.timeout(deadline_s):
            kind = await _knock(host, int(port))
    except TimeoutError:
        kind = "silent"
    return Answer(kind, time.monotonic() - began)


async def _knock(host: str, port: int) -> Literal["refused", "closed", "acknowledged"]:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except ConnectionError:
        return "refused"
    try:
        nonce = os.urandom(8)
        writer.write(PREFACE + _frame(SETTINGS) + _frame(PING, nonce))
        await _acknowledged(reader, nonce)
    except LOST:
        return "closed"
    else:
        return "acknowledged"
    finally:
        # Aborted, not closed: a proxy that stalls must not keep the connection for the sake of our last bytes.
        writer.transport.abort()
        with contextlib.suppress(*LOST):
            await writer.wait_closed()


async def _acknowledged(reader: asyncio.StreamReader, nonce: bytes) -> None:
    """Read frames until the acknowledgement of our PING."""
    while True:
        header = await reader.readexactly(HEADER)
        payload = await reader.readexactly(int.from_bytes(header[:3], "big"))
        if header[3] == PING and header[4] & ACK and payload == nonce:
            return


def _frame(kind: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, 0]) + bytes(4) + payload
