"""One node, from its NodeConfig to its graceful stop."""

import asyncio
import logging
import os
import signal
import socket
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dynamo_node.v1 import peer_pb2
from ringcheck_reference.core.node import Node
from ringcheck_reference.shell import channels
from ringcheck_reference.shell.config import ConfigError, Settings, load
from ringcheck_reference.shell.inbound import Inbound
from ringcheck_reference.shell.inspection import InspectService
from ringcheck_reference.shell.peers import PROTOCOL, PeerLink, Peers
from ringcheck_reference.shell.runner import Runner
from ringcheck_reference.shell.server import Server
from ringcheck_reference.shell.services import KeyValueService, NodeService, RingService
from ringcheck_reference.shell.store import Store, StoreError

EXIT_STOPPED: Final = 0
EXIT_WRONG_CONFIG: Final = 2
EXIT_CANNOT_SERVE: Final = 3

# Ready means that peers in reach are connected; peers out of reach do not hold a node up for longer than this.
_DIAL_TIMEOUT_S: Final = 0.5
# Together with the server's own grace well below two seconds.
_CALLS_GRACE_S: Final = 1.0

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


def serve(config_path: Path, parts: Parts | None = None) -> int:
    """Run a node until SIGTERM or SIGINT. Returns the exit code; what went wrong is one sentence on stderr."""
    try:
        _set_up_logging()
        settings = load(config_path)
        asyncio.run(_serve(settings, parts or Parts()))
    except ConfigError as error:
        return _fail(error, EXIT_WRONG_CONFIG)
    except (CannotServeError, StoreError) as error:
        return _fail(error, EXIT_CANNOT_SERVE)
    return EXIT_STOPPED


def _fail(error: Exception, code: int) -> int:
    sys.stderr.write(f"ringcheck_reference: {error}\n")
    return code


def _set_up_logging() -> None:
    level = os.environ.get("RINGCHECK_LOG", "info").upper()
    if level not in logging.getLevelNamesMapping():
        raise ConfigError(f"RINGCHECK_LOG is {level.lower()!r}; set it to debug, info, warning or error.")
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


async def _serve(settings: Settings, parts: Parts) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    _check_address(settings.listen_address)
    store = parts.store(settings.data_directory, loop.call_soon_threadsafe)
    try:
        await _serve_from(store, settings, parts, stop)
    finally:
        store.close()
    log.info("node %s has stopped", settings.core.node_id)


async def _serve_from(store: Store, settings: Settings, parts: Parts, stop: asyncio.Event) -> None:
    node_id = settings.core.node_id
    # Drawn anew at each start, and never kept: an actor that came back with an old disk would repeat its dots.
    nonce = os.urandom(8)
    core = _recover(store, settings, parts, nonce)
    runner = Runner(core, node_id, store)
    hello = peer_pb2.Hello(node_id=node_id, incarnation=nonce.hex(), protocol=PROTOCOL)
    view_digest = core.ring().digest
    inbound = Inbound(hello, view_digest, frozenset(settings.address_book), runner)
    peers = _dial(settings, hello, view_digest, runner)
    runner.connect(peers, inbound)
    server = Server(
        settings.core.limits.max_message_bytes,
        key_value=parts.key_value(runner),
        node=NodeService(settings),
        ring=RingService(runner, settings.core.limits.max_key_bytes),
        inspection=parts.inspection(runner, node_id, nonce.hex()),
        peer=inbound.handler(),
    )
    try:
        await server.start(settings.listen_address)
    except RuntimeError as error:
        raise CannotServeError(_cannot_listen(settings.listen_address, "gRPC could not bind it")) from error
    runner.start()
    peers.start()
    await peers.tried(_DIAL_TIMEOUT_S)
    await server.set_serving(True)
    log.info("node %s serves on %s", node_id, settings.listen_address)
    await stop.wait()
    await server.set_serving(False)
    await runner.finish_calls(_CALLS_GRACE_S)
    runner.stop()
    inbound.close()
    await server.stop()
    await peers.stop()


def _recover(store: Store, settings: Settings, parts: Parts, nonce: bytes) -> Node:
    """The core, with all that the disk holds; raises StoreError when it cannot be read."""
    node_id = settings.core.node_id
    actor = node_id.encode() + nonce
    try:
        return parts.node(settings.core, store.replica, store.hints, actor, nonce.hex(), settings.seed)
    except sqlite3.Error as error:
        raise StoreError(
            f"The database in {settings.data_directory} is damaged ({error}); restore it, or empty the directory "
            "and let the other nodes rebuild this one."
        ) from error


def _dial(settings: Settings, hello: peer_pb2.Hello, view_digest: bytes, runner: Runner) -> Peers:
    options = channels.dialling(settings.core.limits.max_message_bytes)
    return Peers(
        {
            peer: PeerLink(peer, address, hello, view_digest, options, runner)
            for peer, address in settings.address_book.items()
        }
    )


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


def _cannot_listen(address: str, reason: str) -> str:
    return f"Cannot listen on {address}: {reason}; stop what is there, or give the node another listen_address."
