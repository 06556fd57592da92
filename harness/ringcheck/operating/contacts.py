"""Nodes of a running cluster, met by their addresses, and what it means when one does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import grpc
import msgspec

from dynamo_node.v1 import node_pb2, node_pb2_grpc
from ringcheck.client import open_channel
from ringcheck.description import profile_name
from ringcheck.errors import RingcheckError, TargetError, UsageError
from ringcheck.operating.book import Place
from ringcheck.reports.printable import printable

ANSWER_S = 3.0
"""How long one node may take over a question: somebody is waiting before a screen."""

MISTAKES = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)
"""By these a node says that what was asked cannot be."""

T = TypeVar("T")


class Contact:
    """One node: the way to it, and what it says of itself, or else the trouble with it in a few words."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.address = place.address
        self.id = place.node or place.address
        self.channel = open_channel(place.address)
        self.description: node_pb2.DescribeResponse | None = None
        self.trouble = ""

    @property
    def profiles(self) -> tuple[str, ...]:
        """What it declares; nothing if it did not answer."""
        return tuple(profile_name(number) for number in self.description.profiles) if self.description else ()

    async def meet(self) -> None:
        """Ask it what it is, once more if it did not answer before. Never raises for what the node does."""
        try:
            about = await node_pb2_grpc.NodeStub(self.channel).Describe(node_pb2.DescribeRequest(), timeout=ANSWER_S)
        except grpc.aio.AioRpcError as error:
            self.trouble = trouble(error)
            return
        if about.node_id != (self._place.node or about.node_id):
            # Ports are used again: a book that was left behind may lead into another cluster.
            self.trouble = f"{printable(about.node_id)} answers there; the address book is out of date"
            return
        self.id = about.node_id
        self.description = about
        self.trouble = ""


class Found(msgspec.Struct, Generic[T]):
    """What nodes answered, by node id, and why the others did not."""

    answers: dict[str, T]
    missed: dict[str, str]


class Contacts:
    """All nodes that the user named. Made by `await Contacts.meet(…)`; an async context manager."""

    def __init__(self, all_: Sequence[Contact]) -> None:
        self.all = tuple(all_)

    @classmethod
    async def meet(cls, places: Sequence[Place]) -> Self:
        """Ask every node what it is. Never raises for what nodes do."""
        contacts = cls([Contact(place) for place in places])
        await asyncio.gather(*(each.meet() for each in contacts.all))
        return contacts

    @property
    def reachable(self) -> tuple[Contact, ...]:
        """Those that answered, in the user's order."""
        return tuple(each for each in self.all if each.description)

    @property
    def known(self) -> frozenset[str]:
        """The ids of all nodes whose address is known, whether they answer or not."""
        return frozenset(each.id for each in self.all)

    def by_id(self, node: str) -> Contact | None:
        """The node of this id, None if nobody named it."""
        return next((each for each in self.all if each.id == node), None)

    def first(self) -> Contact:
        """The first that answered. Raises TargetError if none did."""
        if self.reachable:
            return self.reachable[0]
        told = "; ".join(f"{each.id}: {each.trouble}" for each in self.all)
        raise TargetError(
            f"No node can be reached ({told}); look whether the cluster runs and the addresses are right."
        )

    async def ask_all(self, profile: str, question: Callable[[Contact], Awaitable[T]]) -> Found[T]:
        """Ask every node the same. Raises UsageError or TargetError if none answers it."""
        self.first()
        results = await asyncio.gather(*(_try(each, profile, question) for each in self.reachable))
        asked = [(each.id, result) for each, result in zip(self.reachable, results, strict=True)]
        answers = {node: result for node, result in asked if not isinstance(result, RingcheckError)}
        refusals = {node: result for node, result in asked if isinstance(result, RingcheckError)}
        if not answers:
            raise next(iter(refusals.values()))
        missed = {each.id: each.trouble for each in self.all if not each.description}
        return Found(answers, missed | {node: str(refusal) for node, refusal in refusals.items()})

    async def close(self) -> None:
        """Close all channels."""
        await asyncio.gather(*(each.channel.close() for each in self.all))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def ask(contact: Contact, profile: str, call: Awaitable[T]) -> T:
    """The answer to `call` of the service of `profile`. Raises UsageError or TargetError, one sentence."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise refusal(contact, profile, error) from None


def refusal(contact: Contact, profile: str, error: grpc.aio.AioRpcError) -> RingcheckError:
    """What a node's error means for whoever asked."""
    code = error.code()
    if code is grpc.StatusCode.UNIMPLEMENTED and profile in contact.profiles:
        return TargetError(f"{contact.id} declares the profile {profile} and does not serve it: {_sentence(error)}")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return lacking(contact, profile)
    if code in MISTAKES:
        return UsageError(f"{contact.id} refuses ({code.name}): {_sentence(error)}")
    return TargetError(f"{contact.id} at {contact.address} gave no answer: {trouble(error)}.")


def lacking(contact: Contact, profile: str) -> UsageError:
    """What it means that a node does not declare what is needed of it."""
    return UsageError(
        f"{contact.id} does not serve the profile {profile}, which this needs; "
        f"it declares {', '.join(contact.profiles) or 'none'}."
    )


def trouble(error: grpc.aio.AioRpcError) -> str:
    """An error in a few words."""
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "it does not answer in time"
    if code is grpc.StatusCode.UNAVAILABLE and "onnection refused" in details:
        return "connection refused"
    if code is grpc.StatusCode.UNAVAILABLE and "failed to connect" in details:
        return "it cannot be connected to"
    return f"{code.name} {_one_line(details)}".strip().rstrip(".")


async def _try(contact: Contact, profile: str, question: Callable[[Contact], Awaitable[T]]) -> T | RingcheckError:
    try:
        return await ask(contact, profile, question(contact))
    except RingcheckError as error:
        return error


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _sentence(error: grpc.aio.AioRpcError) -> str:
    return f"{_one_line(error.details() or 'it says no more').rstrip('.')}."
