"""What `ringcheck cluster` does with a running cluster: looks at it, reads and writes keys, changes its members."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import grpc.aio
import msgspec
from click.core import ParameterSource

from ringcheck.addresses import check_address
from ringcheck.errors import RingcheckError, UsageError
from ringcheck.operating.book import USUAL, Place, read_places
from ringcheck.operating.changes import Change, ChangeReport, carry_out, follow
from ringcheck.operating.contacts import Contacts
from ringcheck.operating.hints import read_hints
from ringcheck.operating.keys import given, shown
from ringcheck.operating.ring import read_key, read_ring
from ringcheck.operating.status import read_status
from ringcheck.operating.trees import read_trees
from ringcheck.operating.values import delete_value, get_value, put_value
from ringcheck.outcome import BROKE, CONFORMS, INCONCLUSIVE
from ringcheck.reports.cluster import (
    conclusion,
    print_hints,
    print_key,
    print_ring,
    print_status,
    print_trees,
    print_value,
    print_written,
)
from ringcheck.reports.console import make_console

VARIABLE = "RINGCHECK_NODE"

T = TypeVar("T")
Command = Callable[..., int]


class Asked(NamedTuple):
    """Where the user says that the cluster is, and whether the answer is to be JSON."""

    places: tuple[Place, ...]
    as_json: bool


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer: the sentence, the exit code, and gRPC's code if a node said so, else empty."""

    error: str
    exit_code: int
    code: str


def asking(function: Command) -> Callable[..., int]:
    """Give a command the options that say where the cluster is; it gets an Asked as its first argument."""

    @functools.wraps(function)
    @click.pass_context
    def command(
        context: click.Context, /, node: tuple[str, ...], file: Path | None, as_json: bool, **others: Any
    ) -> int:
        if file and context.get_parameter_source("node") is ParameterSource.ENVIRONMENT:
            node = ()  # what is typed outdoes what is set
        try:
            return function(Asked(_places(node, file), as_json), **others)
        except RingcheckError as error:
            if as_json:
                _print_json(_failure(error))
            raise

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text."),
        click.option(
            "--file",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help=f"The address book of a running `ringcheck cluster`; ./{USUAL} if nothing else is said.",
        ),
        click.option(
            "--node",
            multiple=True,
            metavar="HOST:PORT",
            envvar=VARIABLE,
            help=f"Where a node listens; name several to look at several. Or set {VARIABLE}.",
        ),
    ):
        command = option(command)
    return command


@click.command("status")
@asking
def status(asked: Asked) -> int:
    """Say of every node whether it answers, what it knows of the cluster, and what it has done.

    Ends with 4 if no node can be reached.
    """
    report = _with_contacts(asked, read_status)
    if asked.as_json:
        _print_json(report)
    else:
        print_status(make_console(), report)
    return CONFORMS if report.reached else BROKE


@click.command("ring")
@asking
@click.option("--key", metavar="KEY", help="Only where this key belongs; 0x… stands for bytes that are no text.")
def ring(asked: Asked, key: str | None) -> int:
    """Say who owns which partition, and which share each member asked for and got."""
    if key is not None:
        raw = given(key)
        place = _with_contacts(asked, lambda contacts: read_key(contacts, raw))
        _print_json(place) if asked.as_json else print_key(make_console(), place)
        return CONFORMS
    report = _with_contacts(asked, read_ring)
    _print_json(report) if asked.as_json else print_ring(make_console(), report)
    return CONFORMS


@click.command("hints")
@asking
def hints(asked: Asked) -> int:
    """List what nodes keep for others that they could not reach."""
    report = _with_contacts(asked, read_hints)
    _print_json(report) if asked.as_json else print_hints(make_console(), report)
    return CONFORMS


@click.command("trees")
@asking
@click.option("--diff", is_flag=True, help="Name the keys of which owners hold different states.")
def trees(asked: Asked, diff: bool) -> int:
    """Compare the roots of every partition over its owners, and say where they differ."""
    report = _with_contacts(asked, lambda contacts: read_trees(contacts, diff=diff))
    _print_json(report) if asked.as_json else print_trees(make_console(), report)
    return CONFORMS


def changing(function: Command) -> Callable[..., int]:
    """The options of a change, besides those of `asking`."""
    for option in (
        click.option(
            "--timeout",
            type=click.FloatRange(min=0),
            metavar="SECONDS",
            help="Wait no longer, and end with 3 then; no limit if not given.",
        ),
        click.option("--wait", is_flag=True, help="Wait until every member knows it and has done its part."),
        click.argument("node_id", metavar="ID"),
    ):
        function = option(function)
    return asking(function)


@click.command("join")
@changing
@click.option("--weight", type=click.IntRange(1, 2**32 - 1), help="Its capacity; 1 if not given.")
@click.option("--host", metavar="LABEL", help="Its physical machine; its id if not given.")
@click.option("--force", is_flag=True, help="Even if no node of that id answers at any address known here.")
def join(
    asked: Asked, node_id: str, weight: int | None, host: str | None, force: bool, wait: bool, timeout: float | None
) -> int:
    """Make the node ID a member; it has to run already, with the address books of all knowing it."""
    return _change(asked, Change("join", node_id, weight, host), wait, timeout, force=force)


@click.command("leave")
@changing
def leave(asked: Asked, node_id: str, wait: bool, timeout: float | None) -> int:
    """Have the running member ID hand over all that it holds; once it is drained it may be stopped."""
    return _change(asked, Change("leave", node_id), wait, timeout)


@click.command("remove")
@changing
def remove(asked: Asked, node_id: str, wait: bool, timeout: float | None) -> int:
    """Give up the member ID, which is stopped and never runs again; what only it held is lost."""
    return _change(asked, Change("remove", node_id), wait, timeout)


@click.command("get")
@asking
@click.argument("key", metavar="KEY")
def get(asked: Asked, key: str) -> int:
    """Read KEY at the first of its nodes that can be reached; 0x… stands for bytes that are no text."""
    raw = given(key)
    report = _with_contacts(asked, lambda contacts: get_value(contacts, raw))
    _print_json(report) if asked.as_json else print_value(make_console(), report)
    return CONFORMS


def writing(function: Command) -> Callable[..., int]:
    """The options of a write, besides those of `asking`."""
    option = click.option(
        "--context",
        metavar="HEX",
        help="What to supersede, as get tells it; if not given, what a Get finds just before.",
    )
    return asking(option(function))


@click.command("put")
@writing
@click.option("--blind", is_flag=True, help="Supersede nothing: what is there stays as a sibling.")
@click.argument("key", metavar="KEY")
@click.argument("value", metavar="VALUE")
def put(asked: Asked, key: str, value: str, context: str | None, blind: bool) -> int:
    """Write VALUE in the place of what KEY has; 0x… stands for bytes that are no text, in both."""
    if blind and context is not None:
        raise UsageError("--blind and --context contradict each other; give one of them.")
    raw, data, seen = given(key), given(value, "value"), b"" if blind else _context(context)
    report = _with_contacts(asked, lambda contacts: put_value(contacts, raw, data, seen))
    _print_json(report) if asked.as_json else print_written(make_console(), report)
    return CONFORMS


@click.command("delete")
@writing
@click.argument("key", metavar="KEY")
def delete(asked: Asked, key: str, context: str | None) -> int:
    """Delete what KEY has; a value that is put meanwhile stays."""
    raw, seen = given(key), _context(context)
    report = _with_contacts(asked, lambda contacts: delete_value(contacts, raw, seen))
    if report is None:
        raise UsageError(f"The key {shown(raw)} has no value, so there is nothing to delete.")
    _print_json(report) if asked.as_json else print_written(make_console(), report)
    return CONFORMS


SUBCOMMANDS = (status, ring, get, put, delete, join, leave, remove, hints, trees)
"""In the order in which help lists them."""


def _context(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError:
        raise UsageError(f"The context {text!r} is not in hexadecimal digits; give one as get tells it.") from None


def _change(asked: Asked, change: Change, wait: bool, timeout: float | None, *, force: bool = False) -> int:
    if timeout is not None and not wait:
        raise UsageError("--timeout says how long to wait; give --wait too.")
    if not change.node:
        raise UsageError("The id of a node is not empty; give one.")
    for name in (change.node, change.host or ""):
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise UsageError(f"{name!r} is no text in UTF-8; ids and hosts are.")
    began = time.monotonic()

    async def carry(contacts: Contacts) -> ChangeReport:
        report = await carry_out(contacts, change, follows=wait, force=force)
        return await follow(contacts, report, within_s=timeout, tell=_tell_progress) if wait else report

    report = _with_contacts(asked, carry)
    _print_json(report) if asked.as_json else click.echo(conclusion(report, time.monotonic() - began))
    return INCONCLUSIVE if report.settled is False else CONFORMS


def _failure(error: RingcheckError) -> Failure:
    answer = error.__context__  # what was caught when this sentence was made of it
    code = answer.code().name if isinstance(answer, grpc.aio.AioRpcError) else ""
    return Failure(str(error), error.exit_code, code)


def _tell_progress(waiting: str) -> None:
    # Not on standard output, which holds the outcome alone.
    click.echo(f"waiting: {waiting}", err=True)


def _with_contacts(asked: Asked, look: Callable[[Contacts], Awaitable[T]]) -> T:
    async def main() -> T:
        async with await Contacts.meet(asked.places) as contacts:
            return await look(contacts)

    return asyncio.run(main())


def _places(nodes: tuple[str, ...], file: Path | None) -> tuple[Place, ...]:
    """What the user named: nodes, or else a book, or else the book that lies where they usually do."""
    addresses = [address for given_ in nodes for address in given_.replace(",", " ").split()]
    if not addresses:
        return read_places(file or USUAL)
    for address in addresses:
        check_address(address)
    named = tuple(Place(address) for address in dict.fromkeys(addresses))
    if file is None:
        return named
    book = read_places(file)
    return (*named, *(place for place in book if place.address not in addresses))


def _print_json(report: msgspec.Struct) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
