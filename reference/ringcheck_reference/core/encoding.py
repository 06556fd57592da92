"""The bytes of states and contexts.

A state's canonical bytes are what the disk holds and what tree leaves hash: equal exactly when states are
equal. A client's context carries a digest of its key, so that a context of another key is told apart, and a
checksum, so that a damaged one is refused instead of covering versions that nobody made yet.

    state     u32 versions, then for each: dot, u32 length, value; context
    context   dots of the vector, loose dots
    dots      u32 count, then for each: dot
    dot       u16 length, actor, u64 counter
    client    u8 format, 8 bytes key digest, 8 bytes checksum, context; the empty context is no bytes at all

All numbers are big-endian.
"""

import hashlib
import struct
from typing import Final

from .versions import MAX_COUNTER, Context, Dot, MalformedState, State, Version

_FORMAT: Final = 1
_DIGEST_BYTES: Final = 8


class MalformedContext(ValueError):  # noqa: N818 - what was found, in plain words
    """A client's context was not handed out for this key, or was damaged on the way; the message says which."""


class _Truncated(ValueError):  # noqa: N818 - as above
    """The bytes end before what they announce, or go on after it."""


def encode_state(state: State) -> bytes:
    """The canonical bytes of `state`."""
    parts = [struct.pack(">I", len(state.versions))]
    for version in state.versions:
        parts += (_dot(version.dot), struct.pack(">I", len(version.value)), version.value)
    parts.append(_context(state.context))
    return b"".join(parts)


def decode_state(data: bytes) -> State:
    """The inverse of `encode_state`; raises MalformedState."""
    reader = _Reader(data)
    try:
        versions = tuple(Version(reader.dot(), reader.take(reader.u32())) for _ in range(reader.u32()))
        context = reader.context()
        reader.end()
    except _Truncated as error:
        raise MalformedState(str(error)) from error
    return State.of(versions, context)


def encode_context(key: bytes, context: Context) -> bytes:
    """What a client gets for `context` of `key`; the same at every node."""
    if not context:
        return b""
    body = _context(context)
    return bytes((_FORMAT,)) + _key_digest(key) + _checksum(body) + body


def decode_context(key: bytes, data: bytes) -> Context:
    """The context of `key` that a client brought back; raises MalformedContext."""
    if not data:
        return Context.EMPTY
    reader = _Reader(data)
    try:
        if reader.u8() != _FORMAT:
            raise MalformedContext("the context is none that this store handed out")
        key_digest, checksum = reader.take(_DIGEST_BYTES), reader.take(_DIGEST_BYTES)
        body = reader.rest()
        context = reader.context()
        reader.end()
    except _Truncated as error:
        raise MalformedContext(f"the context is damaged: {error}") from error
    if checksum != _checksum(body):
        raise MalformedContext("the context is damaged: its checksum does not match")
    if key_digest != _key_digest(key):
        raise MalformedContext("the context belongs to another key")
    if any(dot.counter > MAX_COUNTER for dot in context.vector + context.loose):
        raise MalformedContext("the context is damaged: a counter is absurdly high")
    return context


def _key_digest(key: bytes) -> bytes:
    return hashlib.sha256(b"key" + key).digest()[:_DIGEST_BYTES]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"context" + body).digest()[:_DIGEST_BYTES]


def _dot(dot: Dot) -> bytes:
    return struct.pack(f">H{len(dot.actor)}sQ", len(dot.actor), dot.actor, dot.counter)


def _dots(dots: tuple[Dot, ...]) -> bytes:
    return struct.pack(">I", len(dots)) + b"".join(map(_dot, dots))


def _context(context: Context) -> bytes:
    return _dots(context.vector) + _dots(context.loose)


class _Reader:
    """Takes bytes from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise _Truncated(f"{end - len(self._data)} bytes are missing at its end")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def u8(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def dot(self) -> Dot:
        actor = self.take(int.from_bytes(self.take(2), "big"))
        return Dot(actor, int.from_bytes(self.take(8), "big"))

    def dots(self) -> list[Dot]:
        return [self.dot() for _ in range(self.u32())]

    def context(self) -> Context:
        return Context.of(self.dots(), self.dots())

    def rest(self) -> bytes:
        return self._data[self._at :]

    def end(self) -> None:
        if self._at != len(self._data):
            raise _Truncated(f"{len(self._data) - self._at} bytes too many at its end")
