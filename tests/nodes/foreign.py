"""Someone else's node: a whole store in one file that knows nothing of ringcheck but the generated stubs.

It serves the profiles kv and describe, and it is built unlike the reference on purpose: no ring, no hints, no
trees. Every node holds everything. The node asked writes to its own log, sends the write to all other members
and acknowledges it once W distinct hosts have it on disk; a Get merges the answers of R distinct hosts; a
background pull from every peer, digests first, repairs whatever was missed.

The state of a key is {dot → value} and the set of all dots ever seen of it. What a Put or Delete adds is
itself such a state, so one `merge` serves writes, replies, repairs and the replay of the log. With a
switch the same node lies or refuses; `--help` lists what it can do.
"""

import argparse
import asyncio
import base64
import functools
import hashlib
import json
import os
import random
import secrets
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dynamo_node.v1 import config_pb2, key_value_pb2_grpc, node_pb2, node_pb2_grpc
from dynamo_node.v1 import key_value_pb2 as kv

Dot = tuple[str, int]
Entry = tuple[bytes, "State"]

DIGEST_BYTES = 16
# Few enough that no exchange holds up the loop of either node for long.
KEYS_AT_ONCE = 50
PULL_TIMEOUT_S = 1.0
# Answering a little before the deadline lets the answer arrive within it.
SHARE_OF_TIMEOUT = 0.9


def options(*pairs: str) -> list[tuple[str, int]]:
    """GRPC's arguments from "name=number" pairs; messages between nodes may have any size."""
    unlimited = "max_receive_message_length=-1 max_send_message_length=-1"
    words = " ".join((unlimited, *pairs)).split()
    return [(f"grpc.{name}", int(number)) for name, number in (word.split("=") for word in words)]


# Cuts must be noticed, and links that come back used again, well within a second.
CHANNEL_OPTIONS = options(
    "use_local_subchannel_pool=1 enable_http_proxy=0 enable_retries=0",
    "initial_reconnect_backoff_ms=100 max_reconnect_backoff_ms=500 min_reconnect_backoff_ms=1000",
    "keepalive_time_ms=2000 keepalive_timeout_ms=1000 http2.ping_timeout_ms=1000",
    "keepalive_permit_without_calls=1 http2.max_pings_without_data=0",
)
SERVER_OPTIONS = options(
    "so_reuseport=0 keepalive_permit_without_calls=1",
    "http2.min_ping_interval_without_data_ms=1000 http2.max_ping_strikes=0",
)


class RefusedError(Exception):
    """The client asked for something that this node never does; nothing has happened."""


class TooFewError(Exception):
    """Fewer hosts answered in time than the quorum needs; a write may yet take effect."""


def answers(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make the errors above the status codes of the contract."""

    @functools.wraps(handler)
    async def call(node: Any, request: Any, context: Any) -> Any:
        try:
            return await handler(node, request, context)
        except RefusedError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except TooFewError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    return call


@dataclass(frozen=True)
class State:
    """What is known of one key. Bit c of `seen[actor]` stands for the dot (actor, c), c from 1."""

    versions: Mapping[Dot, bytes]
    seen: Mapping[str, int]

    def covers(self, dot: Dot) -> bool:
        """Whether this state knows the dot, live or superseded."""
        return bool(self.seen.get(dot[0], 0) >> dot[1] & 1)

    def merge(self, other: "State") -> "State":
        """Keep what both hold, and what the one that lacks it has never seen."""
        live = {d: v for d, v in self.versions.items() if d in other.versions or not other.covers(d)}
        live |= {d: v for d, v in other.versions.items() if not self.covers(d)}
        return State(live, join(self.seen, other.seen))


NOTHING = State({}, {})


def join(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    """The union of two sets of dots."""
    return {actor: left.get(actor, 0) | right.get(actor, 0) for actor in {*left, *right}}


def encode(key: bytes, state: State) -> bytes:
    """One line of the log and of every message between nodes; equal states have equal lines."""
    versions = [[a, c, base64.b64encode(v).decode()] for (a, c), v in sorted(state.versions.items())]
    seen = {actor: f"{dots:x}" for actor, dots in state.seen.items()}
    record = {"key": base64.b64encode(key).decode(), "seen": seen, "versions": versions}
    return json.dumps(record, sort_keys=True).encode() + b"\n"


def decode(line: bytes) -> Entry:
    """The reverse of `encode`. Raises ValueError, KeyError or TypeError for anything else."""
    record = json.loads(line)
    versions = {(a, int(c)): base64.b64decode(v) for a, c, v in record["versions"]}
    seen = {actor: int(dots, 16) for actor, dots in record["seen"].items()}
    return base64.b64decode(record["key"]), State(versions, seen)


def encode_context(key: bytes, seen: Mapping[str, int]) -> bytes:
    """What clients carry: the dots, after a digest that ties them to the key."""
    if not seen:
        return b""
    body = json.dumps({actor: f"{dots:x}" for actor, dots in seen.items()}, sort_keys=True).encode()
    return hashlib.sha256(key + b"\0" + body).digest()[:DIGEST_BYTES] + body


def decode_context(key: bytes, context: bytes) -> dict[str, int]:
    """The dots of a client's context. Raises RefusedError when it is malformed or of another key."""
    if not context:
        return {}
    digest, body = context[:DIGEST_BYTES], context[DIGEST_BYTES:]
    if hashlib.sha256(key + b"\0" + body).digest()[:DIGEST_BYTES] != digest:
        raise RefusedError("The context is not one that a node of this store gave out for this key.")
    return {actor: int(dots, 16) for actor, dots in json.loads(body).items()}


def read_log(path: Path) -> list[Entry]:
    """Every whole record of the log, oldest first; a torn last one was never acknowledged and is cut off."""
    data = path.read_bytes() if path.exists() else b""
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
    try:
        return [decode(line) for line in data[:whole].splitlines()]
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"foreign: {path} is damaged before its end ({error}); restore it or remove it.")


class Store:
    """All keys, in memory and in an append-only log. Nothing shows before it is on disk."""

    def __init__(self, path: Path) -> None:
        self._states: dict[bytes, State] = {}
        self._digests: dict[str, str] = {}
        # A node id is not enough: an actor of an earlier start may have dots that this disk has lost.
        self._actor = secrets.token_hex(8)
        self._minted: Counter[bytes] = Counter()
        self._waiting: list[tuple[list[Entry], asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        for key, state in read_log(path):
            self._merge(key, state)
        self._log = path.open("ab")

    def state(self, key: bytes) -> State:
        """What the disk holds of the key."""
        return self._states.get(key, NOTHING)

    def digests(self) -> dict[str, str]:
        """For each key, in hex, the digest of its state; by key."""
        return dict(sorted(self._digests.items()))

    def root(self) -> bytes:
        """Equal exactly when two stores hold the same."""
        return hashlib.sha256(json.dumps(self.digests()).encode()).digest()

    def version(self, key: bytes, value: bytes, covered: Mapping[str, int]) -> State:
        """A new version of the key, with a dot that no node ever gives again, and what it supersedes."""
        self._minted[key] += 1
        dot = (self._actor, self._minted[key])
        return State({dot: value}, join(covered, {self._actor: 1 << self._minted[key]}))

    async def commit(self, entries: list[Entry]) -> None:
        """Merge the entries; returns when they are on disk. Commits under way share one fsync."""
        news = [(key, state) for key, state in entries if self.state(key).merge(state) != self.state(key)]
        if not news:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((news, done))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            entries = [entry for news, _ in batch for entry in news]
            await asyncio.to_thread(self._append, b"".join(encode(key, state) for key, state in entries))
            for key, state in entries:
                self._merge(key, state)
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    def _append(self, lines: bytes) -> None:
        try:
            self._log.write(lines)
            self._log.flush()
            os.fsync(self._log.fileno())
        except OSError as error:
            # Nobody knows what the disk holds now; the next start reads it.
            print(f"foreign: the log cannot be written: {error}", file=sys.stderr, flush=True)
            os._exit(1)

    def _merge(self, key: bytes, state: State) -> None:
        merged = self.state(key).merge(state)
        self._states[key] = merged
        self._digests[key.hex()] = hashlib.sha256(encode(key, merged)).hexdigest()


class Peer:
    """Another member, dialled by this node's own address book."""

    def __init__(self, host: str, address: str) -> None:
        self.host = host
        self._channel = grpc.aio.insecure_channel(address, CHANNEL_OPTIONS)

    async def ask(self, method: str, request: bytes, timeout_s: float) -> bytes | None:
        """The answer, or None at the deadline. Every request may be repeated, so failed ones are."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(f"/foreign.Peer/{method}")
        while (left_s := deadline - clock()) > 0:
            try:
                return await call(request, timeout=left_s)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(min(0.05, left_s))
        return None


class Node(key_value_pb2_grpc.KeyValueServicer, node_pb2_grpc.NodeServicer):
    """The honest node: both services of the contract, and what its peers ask of it."""

    def __init__(self, config: config_pb2.NodeConfig, profiles: list[node_pb2.Profile.ValueType]) -> None:
        self.description = describe(config, profiles)
        self.log = Path(config.data_directory) / "foreign.log"
        self.store = Store(self.log)
        self._timeout_s = self.description.request_timeout_ms / 1000 * SHARE_OF_TIMEOUT
        self._interval_s = max(config.anti_entropy_interval_ms, 200) / 1000
        hosts = {member.node_id: member.host or member.node_id for member in config.members}
        self._host = hosts.pop(config.node_id, config.node_id)
        self._peers = [Peer(host, config.address_book[node_id]) for node_id, host in hosts.items()]
        self._tasks: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Begin to repair from every peer."""
        for peer in self._peers:
            self._keep(asyncio.create_task(self._repair(peer)))

    def _keep(self, task: asyncio.Future[Any]) -> None:
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def Describe(self, request: node_pb2.DescribeRequest, context: Any) -> node_pb2.DescribeResponse:  # noqa: N802
        """What this node is and promises."""
        return self.description

    @answers
    async def Get(self, request: kv.GetRequest, context: Any) -> kv.GetResponse:  # noqa: N802
        """Merge what R hosts hold."""
        self._check_key(request.key)
        r = self._quorum_size(request.r, self.description.r)
        replies = await self._gather(r, self.read(request.key, context), "Read", request.key)
        found = functools.reduce(State.merge, (decode(reply)[1] for reply in replies))
        return kv.GetResponse(values=found.versions.values(), context=encode_context(request.key, found.seen))

    @answers
    async def Put(self, request: kv.PutRequest, context: Any) -> kv.PutResponse:  # noqa: N802
        """Add one version and everything its context has seen."""
        covered = self._check_put(request)
        w = self._quorum_size(request.w, self.description.w)
        delta = self.store.version(request.key, request.value, covered)
        await self._write(request.key, delta, w)
        return kv.PutResponse(context=encode_context(request.key, delta.seen))

    @answers
    async def Delete(self, request: kv.DeleteRequest, context: Any) -> kv.DeleteResponse:  # noqa: N802
        """Add what the context has seen, and no version."""
        self._check_key(request.key)
        covered = decode_context(request.key, request.context)
        if not covered:
            raise RefusedError("A Delete needs the context of a Get: an empty one has seen nothing.")
        await self._write(request.key, State({}, covered), self._quorum_size(request.w, self.description.w))
        return kv.DeleteResponse()

    def _check_key(self, key: bytes) -> None:
        longest = self.description.limits.max_key_bytes
        if not 1 <= len(key) <= longest:
            raise RefusedError(f"The key has {len(key)} bytes; 1 to {longest} are allowed.")

    def _check_put(self, request: kv.PutRequest) -> dict[str, int]:
        self._check_key(request.key)
        limits = self.description.limits
        if len(request.value) > limits.max_value_bytes:
            raise RefusedError(f"The value has {len(request.value)} bytes; {limits.max_value_bytes} are allowed.")
        covered = decode_context(request.key, request.context)
        left = self.store.state(request.key).merge(State({}, covered)).versions
        if len(left) >= limits.max_siblings:
            raise RefusedError(f"The key has {len(left)} other siblings; {limits.max_siblings} in all are allowed.")
        return covered

    def _quorum_size(self, asked: int, default: int) -> int:
        if asked > self.description.n:
            raise RefusedError(f"A quorum of {asked} was asked for; N is {self.description.n}.")
        return asked or default

    async def _write(self, key: bytes, delta: State, w: int) -> None:
        line = encode(key, delta)
        await self._gather(w, self.merge(line, None), "Merge", line)

    async def _gather(self, needed: int, own: Awaitable[bytes], method: str, request: bytes) -> list[bytes]:
        """The replies in hand once `needed` distinct hosts have replied. Raises TooFewError."""
        hosts: dict[asyncio.Future[bytes | None], str] = {asyncio.ensure_future(own): self._host}
        for peer in self._peers:
            hosts[asyncio.create_task(peer.ask(method, request, self._timeout_s))] = peer.host
        for task in hosts:
            # Whoever is late still gets the write, long after the client has its answer.
            self._keep(task)
        answered: set[str] = set()
        replies: list[bytes] = []
        pending = set(hosts)
        while pending and len(answered) < needed:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (reply := task.result()) is not None:
                    answered.add(hosts[task])
                    replies.append(reply)
        if len(answered) < needed:
            raise TooFewError(f"{len(answered)} of {needed} hosts answered within {self._timeout_s:.1f} s.")
        return replies

    async def merge(self, lines: bytes, context: Any) -> bytes:
        """Make these entries durable."""
        await self.store.commit([decode(line) for line in lines.splitlines()])
        return b""

    async def read(self, key: bytes, context: Any) -> bytes:
        """What the disk holds of the key."""
        return encode(key, self.store.state(key))

    async def digests(self, root: bytes, context: Any) -> bytes:
        """Nothing when the asker holds the same; else the digests of all keys."""
        return b"" if root == self.store.root() else json.dumps(self.store.digests()).encode()

    async def fetch(self, keys: bytes, context: Any) -> bytes:
        """The entries of these keys."""
        return b"".join(encode(key, self.store.state(key)) for key in map(bytes.fromhex, json.loads(keys)))

    def handlers(self) -> grpc.GenericRpcHandler:
        """The private service between nodes of this kind; plain bytes both ways."""
        methods = {"Merge": self.merge, "Read": self.read, "Digests": self.digests, "Fetch": self.fetch}
        return grpc.method_handlers_generic_handler(
            "foreign.Peer", {name: grpc.unary_unary_rpc_method_handler(do) for name, do in methods.items()}
        )

    async def _repair(self, peer: Peer) -> None:
        """Take over, again and again, whatever the peer holds and this node does not."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * self._interval_s)
            own = self.store.digests()
            theirs = json.loads(await peer.ask("Digests", self.store.root(), PULL_TIMEOUT_S) or b"{}")
            wanted = [key for key, digest in theirs.items() if own.get(key) != digest]
            for first in range(0, len(wanted), KEYS_AT_ONCE):
                keys = json.dumps(wanted[first : first + KEYS_AT_ONCE]).encode()
                await self.merge(await peer.ask("Fetch", keys, PULL_TIMEOUT_S) or b"", None)


class Forgets(Node):
    """Acknowledges every write and keeps none."""

    async def _write(self, key: bytes, delta: State, w: int) -> None:
        pass


class DropsSiblings(Node):
    """A Put supersedes whatever the node holds, seen by the client or not."""

    async def _write(self, key: bytes, delta: State, w: int) -> None:
        wider = State(delta.versions, join(delta.seen, self.store.state(key).seen))
        await super()._write(key, wider, w)


class Resurrects(Node):
    """Brings every superseded or deleted value back when it starts again."""

    async def start(self) -> None:
        """Each dead version of the log gets a new dot."""
        written = {(key, d): v for key, state in read_log(self.log) for d, v in state.versions.items()}
        for (key, dot), value in written.items():
            if dot not in self.store.state(key).versions:
                await self.store.commit([(key, self.store.version(key, value, {}))])
        await super().start()


class Alone(Node):
    """Takes itself for a quorum, whatever R and W ask."""

    def _quorum_size(self, asked: int, default: int) -> int:
        return 1


LIES = {"forgets": Forgets, "drops-siblings": DropsSiblings, "resurrects": Resurrects, "alone": Alone}


def describe(config: config_pb2.NodeConfig, profiles: list[node_pb2.Profile.ValueType]) -> node_pb2.DescribeResponse:
    """What the configuration asks for, with this node's own choice where it leaves one."""
    limits = node_pb2.Limits(max_key_bytes=1 << 10, max_value_bytes=1 << 16, max_siblings=32, max_message_bytes=1 << 22)
    limits.MergeFrom(config.limits)
    description = node_pb2.DescribeResponse(implementation="foreign", version="1", profiles=profiles, limits=limits)
    # All that is left to say has the name that it has in NodeConfig.
    deadlines = ("request_timeout_ms", "detection_deadline_ms", "convergence_deadline_ms")
    for field in ("node_id", "n", "r", "w", "partition_count", *deadlines):
        setattr(description, field, getattr(config, field))
    return description


async def serve(config: config_pb2.NodeConfig, node: Node, status: str) -> None:
    """Run until SIGTERM or SIGINT."""
    server = grpc.aio.server(options=SERVER_OPTIONS)
    key_value_pb2_grpc.add_KeyValueServicer_to_server(node, server)
    node_pb2_grpc.add_NodeServicer_to_server(node, server)
    server.add_generic_rpc_handlers((node.handlers(),))
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    try:
        server.add_insecure_port(config.listen_address)
    except RuntimeError:
        sys.exit(f"foreign: {config.listen_address} cannot be bound; is another node running there?")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await node.start()
    await server.start()
    await healthy.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(status))
    await stop.wait()
    await server.stop(grace=0.5)


def load(path: Path) -> config_pb2.NodeConfig:
    """The NodeConfig in the file; ends the process with a message when there is none."""
    try:
        return json_format.Parse(path.read_text(), config_pb2.NodeConfig())
    except (OSError, json_format.ParseError) as error:
        sys.exit(f"foreign: {path} holds no NodeConfig in JSON: {error}")


def parse() -> argparse.Namespace:
    """The command line; every switch but --help makes this a bad node."""
    parser = argparse.ArgumentParser(prog="foreign", description="A small store that serves kv and describe.")
    names = [name.removeprefix("PROFILE_").lower() for name in node_pb2.Profile.keys()[1:]]
    lies = "; ".join(f"{name}: {lie.__doc__}" for name, lie in LIES.items())
    parser.add_argument("--lie", choices=sorted(LIES), metavar="NAME", help=f"break a promise. {lies}")
    parser.add_argument("--declare", choices=names, action="append", default=[], help="declare, do not serve")
    parser.add_argument("--nonsense", action="store_true", help="Describe says N = 0")
    parser.add_argument("--never-healthy", action="store_true", help="report NOT_SERVING for ever")
    parser.add_argument("--exit-at-once", action="store_true", help="end with code 1 before anything else")
    parser.add_argument("config", type=Path, metavar="CONFIG", help="file with a NodeConfig in JSON")
    return parser.parse_args()


async def main() -> None:
    """One node, from its command line."""
    arguments = parse()
    if arguments.exit_at_once:
        sys.exit("foreign: told to exit at once.")
    declared = {"kv", "describe", *arguments.declare}
    profiles = sorted(node_pb2.Profile.Value(f"PROFILE_{name.upper()}") for name in declared)
    config = load(arguments.config)
    node = LIES.get(arguments.lie, Node)(config, profiles)
    if arguments.nonsense:
        node.description.n = 0
    await serve(config, node, "NOT_SERVING" if arguments.never_healthy else "SERVING")


if __name__ == "__main__":
    asyncio.run(main())
