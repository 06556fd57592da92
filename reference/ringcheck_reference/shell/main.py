"""One node, from its NodeConfig to its graceful stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.facts import MalformedFact
from ringcheck_reference.core.node import Node
from ringcheck_reference.shell import channels, logs
from ringcheck_reference.shell.config import ConfigError, Settings, load
from ringcheck_reference.shell.inbound import Inbound
from ringcheck_reference.shell.inspection import InspectService
from ringcheck_reference.shell.logs import event
from ringcheck_reference.shell.membership import MembershipService
from ringcheck_reference.shell.outbox import PROTOCOL
from ringcheck_reference.shell.pace import Pace
from ringcheck_reference.shell.peers import PeerLink, Peers
from ringcheck_reference.shell.runner import Runner
from ringcheck_reference.shell.schema import StoreError
from ringcheck_reference.shell.server import Server
from ringcheck_reference.shell.services import KeyValueService, NodeService, RingService
from ringcheck_reference.shell.store import Store

STOPS: Final = (signal.SIGTERM, signal.SIGINT)

EXIT_STOPPED: Final = 0
EXIT_WRONG_CONFIG: Final = 2
EXIT_CANNOT_SERVE: Final = 3

# Ready means that peers in reach are connected; peers out of reach do not hold a node up for longer than this.
_DIAL_TIMEOUT_S: Final = 0.5
# Together with the server's own grace well below two seconds,
_CALLS_GRACE_S: Final = 1.0
# and with this below the ten that a container's end may take: then whoever stops nodes kills them.
_HAND_OFF_S: Final = 5.0

log = logging.getLogger(__name__)


class CannotServeError(Exception):
    """The node cannot listen on its address."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a node is made of; tests start nodes with other parts."""

    node: type[Node] = Node
    store: type[Store] = Store
    key_value: type[KeyValueService] = KeyValueService
    inspection: type[InspectService] = InspectService


def serve(config_path: Path, parts: Parts | None = None, *, json_logs: bool = False) -> int:
    """Run a node until SIGTERM or SIGINT, which are ignored from its end on.

    Returns the exit code; what went wrong is one sentence on stderr.
    """
    fail = _log_failure if json_logs else _say_failure
    try:
        logs.set_up(json_logs)
        settings = load(config_path)
        logs.name_node(settings.core.node_id)
        asyncio.run(_serve(settings, parts or Parts()))
    except ConfigError as error:
        return fail(error, EXIT_WRONG_CONFIG)
    except (CannotServeError, StoreError) as error:
        return fail(error, EXIT_CANNOT_SERVE)
    return EXIT_STOPPED


def _say_failure(error: Exception, code: int) -> int:
    sys.stderr.write(f"ringcheck_reference: {error}\n")
    return code


def _log_failure(error: Exception, code: int) -> int:
    log.error("%s", error, extra=event("failed", exit_code=code))
    return code


@contextlib.contextmanager
def _set_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Take SIGTERM and SIGINT as a wish to stop; afterwards, when all is done, ignore them.

    The loop's own handlers go when it is closed: a second signal, a moment later, would end the process by itself.
    """
    loop = asyncio.get_running_loop()
    for number in STOPS:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield
    finally:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)


async def _serve(settings: Settings, parts: Parts) -> None:
    stop = asyncio.Event()
    with _set_by_signals(stop):
        _check_address(settings.listen_address)
        store = parts.store(settings.data_directory, asyncio.get_running_loop().call_soon_threadsafe)
        try:
            await _serve_from(store, settings, parts, stop)
        finally:
            store.close()
    log.info("node %s has stopped", settings.core.node_id, extra=event("stopped"))


async def _serve_from(store: Store, settings: Settings, parts: Parts, stop: asyncio.Event) -> None:
    node_id = settings.core.node_id
    # Drawn anew at each start, and never kept: an actor that came back with an old disk would repeat its dots.
    nonce = os.urandom(8)
    core = _recover(store, settings, parts, nonce)
    runner = _make_runner(core, store, settings, nonce.hex())
    hello = peer_pb2.Hello(node_id=node_id, incarnation=nonce.hex(), protocol=PROTOCOL)
    pace = Pace()
    inbound = Inbound(hello, runner.view_digest, runner, pace)
    peers = _peers(settings, hello, runner, pace)
    runner.connect(peers, inbound)
    server = Server(
        settings.core.limits.max_message_bytes,
        key_value=parts.key_value(runner),
        node=NodeService(settings),
        ring=RingService(runner, settings.core.limits.max_key_bytes),
        membership=MembershipService(runner),
        inspection=parts.inspection(runner, node_id, nonce.hex()),
        peer=inbound.handler(),
    )
    try:
        await server.start(settings.listen_address)
    except RuntimeError as error:
        raise CannotServeError(_cannot_listen(settings.listen_address, "gRPC could not bind it")) from error
    runner.start()
    await peers.tried(_DIAL_TIMEOUT_S)
    serving = asyncio.create_task(_serve_until_removed(server, runner, settings))
    await _first_of(stop, runner.damaged)
    serving.cancel()
    await server.set_serving(False)
    if runner.damage is None:
        await runner.finish_calls(_CALLS_GRACE_S)
        await _hand_off(runner, node_id)
    runner.stop()
    inbound.close()
    await server.stop()
    await peers.stop()
    if runner.damage is not None:
        raise _damaged(settings, runner.damage) from runner.damage


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _hand_off(runner: Runner, node_id: str) -> None:
    """Let others have what this node keeps for them: nobody knows when it will be started again."""
    await runner.hand_off(_HAND_OFF_S)
    if kept := runner.core.status().hints_pending.count:
        log.info("node %s keeps %s hints until it is started again", node_id, kept, extra=event("hints", kept=kept))


def _make_runner(core: Node, store: Store, settings: Settings, incarnation: str) -> Runner:
    node_id, address = settings.core.node_id, settings.metrics_address
    if not address:
        return Runner(core, node_id, store)
    # Only here: the import takes half as long as the rest of a start.
    from ringcheck_reference.shell.metrics import MeteredRunner

    try:
        return MeteredRunner(core, node_id, store, incarnation, address)
    except OSError as error:
        raise CannotServeError(_cannot_listen(address, error.strerror or str(error), "metrics_address")) from error


async def _serve_until_removed(server: Server, runner: Runner, settings: Settings) -> None:
    """What health says while the node runs. Who was removed goes on running, to tell that to whoever asks."""
    if not runner.removed.is_set():
        await server.set_serving(True)
        address = settings.listen_address
        log.info("node %s serves on %s", settings.core.node_id, address, extra=event("serving", address=address))
    await runner.removed.wait()
    await server.set_serving(False)
    log.warning(
        "node %s was removed from the cluster; it serves nobody any more, so stop it",
        settings.core.node_id,
        extra=event("removed"),
    )


def _recover(store: Store, settings: Settings, parts: Parts, nonce: bytes) -> Node:
    """The core, with all that the disk holds; raises StoreError when it cannot be read."""
    actor = settings.core.node_id.encode() + nonce
    try:
        return parts.node(settings.core, store.replica, store.hints, store.facts, actor, nonce.hex(), settings.seed)
    except (sqlite3.Error, MalformedFact) as error:
        raise _damaged(settings, error) from error


def _damaged(settings: Settings, error: Exception) -> StoreError:
    return StoreError(
        f"The database in {settings.data_directory} is damaged ({error}); restore it, or empty the directory "
        "and let the other nodes rebuild this one."
    )


def _peers(settings: Settings, hello: peer_pb2.Hello, runner: Runner, pace: Pace) -> Peers:
    options = channels.dialling(settings.core.limits.max_message_bytes)

    def dial(peer: str, address: str) -> PeerLink:
        return PeerLink(peer, address, hello, runner.view_digest, options, runner, pace)

    return Peers(settings.address_book, dial, runner)


def _check_address(address: str) -> None:
    """Bind it for a moment: unlike gRPC, a socket says why it cannot."""
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As gRPC does: connections of the node that was here before may still linger.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise CannotServeError(_cannot_listen(address, error.strerror or str(error))) from error


def _cannot_listen(address: str, reason: str, field: str = "listen_address") -> str:
    return f"Cannot listen on {address}: {reason}; stop what is there, or give the node another {field}."
