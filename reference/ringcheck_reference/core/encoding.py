"""The bytes of states and contexts.

A state's canonical bytes are what the disk holds and what tree leaves hash: equal exactly when states are
equal. A client's context carries a digest of its key, so that a context of another key is told apart, and a
checksum, so that a damaged one is refused instead of covering versions that nobody made yet.

    state     u32 versions, then for each: dot, u32 length, value; context
    context   dots of the vector, loose dots
    dots      u32 count, then for each: dot
    dot       u16 length, actor, u64 counter
    client    u8 format, 8 bytes key digest, 8 bytes checksum, context; the empty context is no bytes at all

All numbers are big-endian. What is read or made again and again is remembered: states and contexts keep their own
bytes, and the values of small bytes are kept in tables of limited length, since a million keys must not live in memory.
"""

import hashlib
import struct
from functools import lru_cache
from typing import Final

from .versions import MAX_COUNTER, Context, Dot, MalformedState, State, Version

_FORMAT: Final = 1
_DIGEST_BYTES: Final = 8
_CHECKSUM_AT: Final = 1 + _DIGEST_BYTES
_BODY_AT: Final = _CHECKSUM_AT + _DIGEST_BYTES
_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_REMEMBERED: Final = 4096
"""How many states, contexts and digests of keys are remembered, each."""
_SMALL: Final = 2048
"""Only what has at most so many bytes is: some tens of megabytes in all, at worst."""


class MalformedContext(ValueError):  # noqa: N818 - what was found, in plain words
    """A client's context was not handed out for this key, or was damaged on the way; the message says which."""


def encode_state(state: State) -> bytes:
    """The canonical bytes of `state`."""
    data = state.encoded
    if data is not None:
        return data
    parts = [_U32.pack(len(state.versions))]
    for version in state.versions:
        (actor, counter), value = version.dot, version.value
        parts += (_U16.pack(len(actor)), actor, _U64.pack(counter), _U32.pack(len(value)), value)
    parts.append(_context(state.context))
    data = b"".join(parts)
    # Memory, not meaning: the state is the same value with and without it.
    object.__setattr__(state, "encoded", data)
    return data


def decode_state(data: bytes) -> State:
    """The inverse of `encode_state`; raises MalformedState."""
    return _decode_small_state(data) if len(data) <= _SMALL else _decode_state(data)


def _decode_state(data: bytes) -> State:
    versions = []
    try:
        (count,) = _U32.unpack_from(data)
        at = 4
        for _ in range(count):
            version, at = _take_version(data, at)
            versions.append(version)
        context, end = _take_context(data, at)
    except struct.error as error:
        raise MalformedState(f"{len(data)} bytes are too few for what they announce") from error
    if end != len(data):
        raise MalformedState(f"{len(data) - end} bytes too many at its end")
    return State.of(versions, context)


_decode_small_state = lru_cache(maxsize=_REMEMBERED)(_decode_state)


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
    return _decode_small_context(key, data) if len(data) <= _SMALL else _decode_context(key, data)


def _decode_context(key: bytes, data: bytes) -> Context:
    if data[0] != _FORMAT:
        raise MalformedContext("the context is none that this store handed out")
    key_digest, checksum, body = data[1:_CHECKSUM_AT], data[_CHECKSUM_AT:_BODY_AT], data[_BODY_AT:]
    if checksum != _checksum(body):
        raise MalformedContext("the context is damaged: its checksum does not match")
    if key_digest != _key_digest(key):
        raise MalformedContext("the context belongs to another key")
    try:
        context, end = _take_context(body, 0)
    except struct.error as error:
        raise MalformedContext("the context is damaged: it is shorter than it announces") from error
    if end != len(body):
        raise MalformedContext(f"the context is damaged: {len(body) - end} bytes too many at its end")
    for actor, counter in context.vector + context.loose:
        if counter > MAX_COUNTER:
            raise MalformedContext("the context is damaged: a counter is absurdly high")
        if not actor:
            raise MalformedContext("the context is damaged: an actor has no name")
    return context


_decode_small_context = lru_cache(maxsize=_REMEMBERED)(_decode_context)


@lru_cache(maxsize=_REMEMBERED)
def _key_digest(key: bytes) -> bytes:
    return hashlib.sha256(b"key" + key).digest()[:_DIGEST_BYTES]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"context" + body).digest()[:_DIGEST_BYTES]


def _context(context: Context) -> bytes:
    data = context.encoded
    if data is None:
        parts = []
        for dots in (context.vector, context.loose):
            parts.append(_U32.pack(len(dots)))
            for actor, counter in dots:
                parts += (_U16.pack(len(actor)), actor, _U64.pack(counter))
        data = b"".join(parts)
        object.__setattr__(context, "encoded", data)
    return data


def _take_context(data: bytes, at: int) -> tuple[Context, int]:
    """The context that begins at `at`, and where it ends."""
    vector, at = _take_dots(data, at)
    loose, at = _take_dots(data, at)
    return Context.of(vector, loose), at


def _take_dots(data: bytes, at: int) -> tuple[list[Dot], int]:
    (count,) = _U32.unpack_from(data, at)
    at += 4
    dots = []
    for _ in range(count):
        dot, at = _take_dot(data, at)
        dots.append(dot)
    return dots, at


def _take_dot(data: bytes, at: int) -> tuple[Dot, int]:
    """One dot. Of an actor that is cut short nothing is left for the counter, which then fails to be read."""
    begin = at + 2
    end = begin + _U16.unpack_from(data, at)[0]
    return Dot(data[begin:end], _U64.unpack_from(data, end)[0]), end + 8


def _take_version(data: bytes, at: int) -> tuple[Version, int]:
    dot, at = _take_dot(data, at)
    begin = at + 4
    end = begin + _U32.unpack_from(data, at)[0]
    # Counts follow, so a value that is cut short is noticed like an actor.
    return Version(dot, data[begin:end]), end
