"""Reading and writing one key, for somebody who tries a cluster: whom to ask, once, and what came of it.

Whoever can be reached first of the key's preference list is asked, which is the coordinator in quiet times; without
the profile `ring`, anybody. Nothing is sent twice.
"""

from collections.abc import Awaitable
from typing import TypeVar

import grpc
import msgspec

from dynamo_node.v1 import key_value_pb2, key_value_pb2_grpc
from ringcheck.client import DEFINITE
from ringcheck.errors import RingcheckError, TargetError
from ringcheck.operating.contacts import Contact, Contacts, refusal, trouble
from ringcheck.operating.keys import shown
from ringcheck.operating.ring import read_key

T = TypeVar("T")

PATIENCE_S = 1.0
"""How much longer than its declared request time-out a node is waited for."""


class ValueReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `node` found: the live siblings as text or 0x…, sorted, and the context in hexadecimal digits."""

    node: str
    key: str
    values: tuple[str, ...]
    context: str


class WriteReport(msgspec.Struct, frozen=True, kw_only=True):
    """A write that `node` acknowledged; `context` is that of a Put's version, empty after a Delete."""

    node: str
    key: str
    context: str


async def get_value(contacts: Contacts, key: bytes) -> ValueReport:
    """Read a key. Raises UsageError or TargetError."""
    contact = await _whom_to_ask(contacts, key)
    response = await _get(contact, key)
    values = tuple(sorted(map(shown, response.values)))
    return ValueReport(node=contact.id, key=shown(key), values=values, context=response.context.hex())


async def put_value(contacts: Contacts, key: bytes, value: bytes, context: bytes | None) -> WriteReport:
    """Write a key; without a context, in the place of what a Get finds. Raises UsageError or TargetError."""
    contact = await _whom_to_ask(contacts, key)
    if context is None:
        context = (await _get(contact, key)).context
    request = key_value_pb2.PutRequest(key=key, value=value, context=context)
    response = await _write(contact, _stub(contact).Put(request, timeout=_timeout_s(contact)))
    return WriteReport(node=contact.id, key=shown(key), context=response.context.hex())


async def delete_value(contacts: Contacts, key: bytes, context: bytes | None) -> WriteReport | None:
    """Delete a key; without a context, what a Get finds; None if that is nothing. Raises UsageError or TargetError."""
    contact = await _whom_to_ask(contacts, key)
    if context is None:
        found = await _get(contact, key)
        if not found.values:
            return None
        context = found.context
    request = key_value_pb2.DeleteRequest(key=key, context=context)
    await _write(contact, _stub(contact).Delete(request, timeout=_timeout_s(contact)))
    return WriteReport(node=contact.id, key=shown(key), context="")


async def _whom_to_ask(contacts: Contacts, key: bytes) -> Contact:
    first = contacts.first()
    try:
        place = await read_key(contacts, key)
    except RingcheckError:
        return first  # any node takes any request, and says itself what is wrong with the key
    reachable = {contact.id: contact for contact in contacts.reachable}
    return next((reachable[node] for node in place.preference_list if node in reachable), first)


async def _get(contact: Contact, key: bytes) -> key_value_pb2.GetResponse:
    request = key_value_pb2.GetRequest(key=key)
    try:
        return await _stub(contact).Get(request, timeout=_timeout_s(contact))
    except grpc.aio.AioRpcError as error:
        raise refusal(contact, "kv", error) from None


async def _write(contact: Contact, call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() in DEFINITE:
            raise refusal(contact, "kv", error) from None
        raise TargetError(
            f"{contact.id} at {contact.address} did not acknowledge the write: {trouble(error)}. "
            "It may take effect all the same; get the key before you try again."
        ) from None


def _stub(contact: Contact) -> "key_value_pb2_grpc.KeyValueAsyncStub":  # which only a type checker knows
    stub: key_value_pb2_grpc.KeyValueAsyncStub = key_value_pb2_grpc.KeyValueStub(contact.channel)
    return stub


def _timeout_s(contact: Contact) -> float:
    assert contact.description is not None
    return contact.description.request_timeout_ms / 1000 + PATIENCE_S
