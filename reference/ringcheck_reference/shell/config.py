"""The NodeConfig file: read once at start, checked wholly, and given defaults."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf import json_format

from dynamo_node.v1 import config_pb2, node_pb2
from ringcheck_reference.core.config import MAX_IN_FLIGHT, MAX_NAME_BYTES, CoreConfig, Limits, Member, is_too_long

_DEFAULT_DETECTION_DEADLINE_MS: Final = 1000
_DEFAULT_CONVERGENCE_DEADLINE_MS: Final = 10_000
# Room in a message for what is neither key nor value: contexts, identities, framing.
_OVERHEAD_BYTES: Final = 64 << 10
_CONVERGENCE_MS_A_PARTITION: Final = 10
"""When members change most partitions may have to be taken over, and each takes a few messages and a commit or two."""
MOST_PARTITIONS: Final = 1 << 14
"""Choosing the owners of so many takes half a second, in which a node answers nobody; of four times as many, longer
than a request may take. Any number of members fits into far fewer."""
MOST_MESSAGE_BYTES: Final = 2**31 - 1
"""gRPC counts the bytes of a message with a signed number of 32 bits."""


_MOST_SHOWN: Final = 100
"""Characters of a value that is wrong; more of it would hide the sentence."""
# As gRPC has it: an IPv6 address stands in brackets, and nothing else does.
_HOST_TO_LISTEN_ON: Final = re.compile(r"\[[^\[\]]*:[^\[\]]*\]|[^\[\]:]+")


class ConfigError(Exception):
    """The NodeConfig cannot be used; the message says what was seen, what is expected and what to do."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What a node promises and nothing in it enforces, in milliseconds; see DescribeResponse."""

    detection_ms: int
    convergence_ms: int


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked NodeConfig."""

    listen_address: str
    data_directory: Path
    address_book: dict[str, str]
    """Where to dial every other node that may ever be, by node id."""
    deadlines: Deadlines
    seed: int
    core: CoreConfig
    metrics_address: str = ""
    """Where to serve metrics; empty = nowhere."""


def load(path: Path) -> Settings:
    """Read and check the NodeConfig in the file `path`; raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot read the NodeConfig {path}: {error.strerror}; name a readable file.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The NodeConfig {path} is not UTF-8 text; write it as JSON.") from error
    try:
        message = json_format.Parse(text, config_pb2.NodeConfig())
    except json_format.ParseError as error:
        # Which fields there are besides is for programmers.
        reason = " ".join(str(error).partition("Available Fields")[0].split()).rstrip(".")
        raise ConfigError(
            f"The file {path} is no NodeConfig in protobuf's JSON mapping: {reason}; correct it."
        ) from error
    try:
        return check(message)
    except ConfigError as error:
        raise ConfigError(f"The NodeConfig {path} cannot be used: {error}") from error


def check(message: config_pb2.NodeConfig) -> Settings:
    """Check every field and fill in defaults; raises ConfigError with one sentence."""
    members = _members(message)
    # An id that is not among the members is that of a node which joins later.
    _expect(message.node_id != "", "node_id is empty; give the node an id.")
    _not_too_long("node_id", message.node_id)
    _quorums(message, len({member.machine for member in members}))
    _address_to_listen_on("listen_address", message.listen_address)
    if message.metrics_address:
        _address_to_listen_on("metrics_address", message.metrics_address)
        _expect(
            message.metrics_address != message.listen_address,
            f"metrics_address is {_shown(message.metrics_address)}, as listen_address is; metrics are served beside "
            "gRPC, so give one of them another port.",
        )
    return Settings(
        listen_address=message.listen_address,
        data_directory=_data_directory(message.data_directory),
        address_book=_address_book(message, members),
        deadlines=deadlines(message),
        seed=message.seed,
        core=_core_config(message, members),
        metrics_address=message.metrics_address,
    )


def check_core(message: config_pb2.NodeConfig) -> CoreConfig:
    """As `check`, but only what concerns the core: no address and no directory. Raises ConfigError."""
    members = _members(message)
    _quorums(message, len({member.machine for member in members}))
    return _core_config(message, members)


def deadlines(message: config_pb2.NodeConfig) -> Deadlines:
    """What a NodeConfig asks for, with defaults."""
    return Deadlines(
        message.detection_deadline_ms or _DEFAULT_DETECTION_DEADLINE_MS,
        message.convergence_deadline_ms
        or max(_DEFAULT_CONVERGENCE_DEADLINE_MS, message.partition_count * _CONVERGENCE_MS_A_PARTITION),
    )


def _expect(condition: bool, sentence: str) -> None:
    if not condition:
        raise ConfigError(sentence)


def _members(message: config_pb2.NodeConfig) -> tuple[Member, ...]:
    _expect(len(message.members) > 0, "members is empty; list every node of the ring at its start.")
    seen: set[str] = set()
    for index, member in enumerate(message.members):
        _expect(member.node_id != "", f"members[{index}] has no node_id; give each member an id.")
        for name, value in (("node_id", member.node_id), ("host", member.host)):
            _not_too_long(f"members[{index}].{name}", value)
        _expect(member.node_id not in seen, f"members has {member.node_id!r} twice; list each node id once.")
        _expect(member.weight >= 1, f"member {member.node_id!r} has weight 0; give it at least 1.")
        seen.add(member.node_id)
    return tuple(Member(member.node_id, member.weight, member.host) for member in message.members)


def _not_too_long(name: str, value: str) -> None:
    _expect(
        not is_too_long(value),
        f"{name} is longer than {MAX_NAME_BYTES} bytes, which no id and no host is; shorten it.",
    )


def _quorums(message: config_pb2.NodeConfig, hosts: int) -> None:
    _expect(message.n >= 1, "n is 0; a key needs at least 1 home node.")
    for name, value in (("r", message.r), ("w", message.w)):
        _expect(1 <= value <= message.n, f"{name} is {value}; it must lie between 1 and n, which is {message.n}.")
    _expect(
        message.w <= hosts,
        f"w is {message.w}, but the members have {hosts} host(s), so that no write could ever be "
        "acknowledged; lower w or add hosts.",
    )
    _expect(message.partition_count >= 1, "partition_count is 0; the ring needs at least 1 partition.")
    _expect(
        message.partition_count <= MOST_PARTITIONS,
        f"partition_count is {message.partition_count}; this node can do with at most {MOST_PARTITIONS}, since it "
        "answers nobody while it chooses their owners, at each change of members; lower partition_count.",
    )


def _address(name: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    _expect(
        # Whoever counts the digits first is not asked to read thousands of them.
        _is_host(host) and port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535,
        f'{name} is {_shown(address)}; write it as host:port, for example "127.0.0.1:20001".',
    )


def _address_to_listen_on(name: str, address: str) -> None:
    _address(name, address)
    host, _, _ = address.rpartition(":")
    _expect(
        _HOST_TO_LISTEN_ON.fullmatch(host) is not None,
        f'{name} is {_shown(address)}; write an IPv6 address, and nothing else, in brackets, as in "[::1]:20001".',
    )


def _is_host(host: str) -> bool:
    """Whether it may be the name of a host, or its address: sockets raise UnicodeError for labels of wrong lengths."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return host != "" and host.isprintable()


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…")


def _address_book(message: config_pb2.NodeConfig, members: tuple[Member, ...]) -> dict[str, str]:
    book = {node_id: address for node_id, address in sorted(message.address_book.items()) if node_id != message.node_id}
    for group, ids in (("member", [member.id for member in members]), ("seed", message.seeds)):
        missing = [node_id for node_id in ids if node_id not in book and node_id != message.node_id]
        _expect(
            not missing,
            f"address_book lacks {', '.join(map(repr, missing))}; give the address to dial for every {group}.",
        )
    for node_id, address in book.items():
        _address(f"address_book[{node_id!r}]", address)
    return book


def _data_directory(name: str) -> Path:
    _expect(name != "", "data_directory is empty; name an existing directory.")
    directory = Path(name)
    try:
        exists = directory.is_dir()
    except OSError as error:  # a name that is too long, a folder on the way that may not be entered
        raise ConfigError(
            f"data_directory {_shown(name)} cannot be looked at: {error.strerror}; name another one."
        ) from error
    _expect(exists, f"data_directory {name} does not exist or is no directory; create it first.")
    _expect(os.access(directory, os.W_OK | os.X_OK), f"data_directory {name} is not writable; allow it.")
    return directory


def _limits(given: node_pb2.Limits) -> Limits:
    default = Limits()
    key_bytes = given.max_key_bytes or default.max_key_bytes
    value_bytes = given.max_value_bytes or default.max_value_bytes
    siblings = given.max_siblings or default.max_siblings
    needed = siblings * value_bytes + key_bytes + _OVERHEAD_BYTES
    _expect(
        max(needed, given.max_message_bytes) <= MOST_MESSAGE_BYTES,
        f"limits ask for messages of {max(needed, given.max_message_bytes)} bytes: at least max_siblings ({siblings}) "
        f"times max_value_bytes ({value_bytes}); gRPC has room for {MOST_MESSAGE_BYTES}, so lower them.",
    )
    message_bytes = given.max_message_bytes or max(needed, default.max_message_bytes)
    _expect(
        needed <= message_bytes,
        f"limits.max_message_bytes is {message_bytes}, but {siblings} siblings of {value_bytes} bytes with "
        f"their context need {needed}; raise it or lower the others.",
    )
    return Limits(key_bytes, value_bytes, siblings, message_bytes)


def _core_config(message: config_pb2.NodeConfig, members: tuple[Member, ...]) -> CoreConfig:
    given_ms = {
        "gossip_interval": message.gossip_interval_ms,
        "handoff_interval": message.handoff_interval_ms,
        "anti_entropy_interval": message.anti_entropy_interval_ms,
        "replica_timeout": message.replica_timeout_ms,
        "request_timeout": message.request_timeout_ms,
        "tombstone_lifetime": message.tombstone_lifetime_ms,
    }
    return CoreConfig(
        node_id=message.node_id,
        members=members,
        n=message.n,
        r=message.r,
        w=message.w,
        partition_count=message.partition_count,
        limits=_limits(message.limits),
        max_in_flight=message.max_in_flight or MAX_IN_FLIGHT,
        seeds=tuple(seed for seed in message.seeds if seed != message.node_id),
        # What is left out is 0 and keeps the core's default.
        **{name: value / 1000 for name, value in given_ms.items() if value},
    )
