"""Every hint that nodes keep for others."""

import msgspec

from dynamo_node.v1 import inspect_pb2, inspect_pb2_grpc
from ringcheck.operating.contacts import ANSWER_S, Contact, Contacts
from ringcheck.operating.keys import shown

SCAN_S = 10 * ANSWER_S
"""A list of everything may be long."""


class HintKept(msgspec.Struct, frozen=True):
    """`holder` keeps `key` for its home `target`; without siblings it is a delete."""

    holder: str
    target: str
    key: str
    siblings: int


class HintsReport(msgspec.Struct, frozen=True):
    """All hints, by target, holder and key; `looked_at` are the nodes that told, `missed` those that did not."""

    hints: tuple[HintKept, ...]
    looked_at: tuple[str, ...]
    missed: dict[str, str]


async def read_hints(contacts: Contacts) -> HintsReport:
    """Ask every node. Raises UsageError or TargetError if none answers."""
    found = await contacts.ask_all("inspect", _ask_hints)
    kept = [
        HintKept(holder, hint.target, shown(hint.entry.key), len(hint.entry.values))
        for holder, hints in found.answers.items()
        for hint in hints
    ]
    kept.sort(key=lambda each: (each.target, each.holder, each.key))
    return HintsReport(tuple(kept), tuple(found.answers), found.missed)


async def _ask_hints(contact: Contact) -> list[inspect_pb2.Hint]:
    stub: inspect_pb2_grpc.InspectAsyncStub = inspect_pb2_grpc.InspectStub(contact.channel)
    return [
        hint async for piece in stub.ListHints(inspect_pb2.ListHintsRequest(), timeout=SCAN_S) for hint in piece.hints
    ]
