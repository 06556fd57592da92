"""A kit whose nodes know everything at once, from one board, so that membership changes end as a test likes.

Every member owns everything. What a test changes of a `Board` decides what operators are answered and nodes show.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from dynamo_node.v1 import node_pb2
from dynamo_node.v1.config_pb2 import NodeConfig
from ringcheck import merkle
from ringcheck.history import Counters

PROFILES = ("KV", "DESCRIBE", "RING", "INSPECT", "MEMBERSHIP")


class Board:
    """What all nodes know. A kit of its own: name it where one is wanted."""

    disk: Final = "transactions"

    def __init__(self, *profiles: str) -> None:
        self.profiles = profiles or PROFILES
        self.members: dict[str, tuple[int, str]] = {}
        self.data: dict[bytes, tuple[bytes, ...]] = {}
        self.draining: set[str] = set()
        self.unconfirmed: dict[str, tuple[int, ...]] = {}
        self.stray: dict[str, bytes] = {}
        """Node → a key of which it holds a copy, whether it owns it or not."""
        self.lagging: dict[str, bytes] = {}
        """Node → a view digest other than the others'."""
        self.answer: Callable[[str], str] = lambda _kind: "OK"
        """The code for a change of this kind; an empty one means that no answer comes, and nothing happens."""
        self.effective: tuple[str, ...] = ("OK",)
        """The codes after which a change has taken effect."""
        self.asked: list[tuple[str, str, str]] = []
        """(whom, kind, node) of every change."""
        self.seeds: dict[str, tuple[str, ...]] = {}
        """Node → whom it was told to gossip with first, at its last start."""

    def describe(self, config: NodeConfig) -> node_pb2.DescribeResponse:
        """See Kit."""
        shared = ("node_id", "n", "r", "w", "partition_count")
        times = ("request_timeout_ms", "detection_deadline_ms", "convergence_deadline_ms")
        limits = node_pb2.Limits(
            max_key_bytes=1_000, max_value_bytes=10_000, max_siblings=1_000, max_message_bytes=10_000_000
        )
        return node_pb2.DescribeResponse(
            **{name: getattr(config, name) for name in shared + times},
            implementation="toy",
            version="1",
            profiles=[node_pb2.Profile.Value(f"PROFILE_{name}") for name in self.profiles],
            limits=limits,
        )

    def start(self, config: NodeConfig, disk: Mapping[Any, bytes], surroundings: Any, **_: object) -> "Toy":
        """See Kit."""
        for member in config.members:
            if not self.asked:
                self.members.setdefault(member.node_id, (member.weight, member.host or member.node_id))
        self.seeds[config.node_id] = tuple(config.seeds)
        return Toy(self, config, surroundings)

    def change(self, whom: str, kind: str, node: str, weight: int = 0, host: str = "") -> str:
        """A change is asked for; returns the code of its answer."""
        self.asked.append((whom, kind, node))
        code = self.answer(kind)
        if code in self.effective:
            if kind == "join":
                self.members[node] = weight, host
            else:
                self.members.pop(node, None)
        return code


class Toy:
    """A node of the board."""

    def __init__(self, board: Board, config: NodeConfig, outside: Any) -> None:
        self._board = board
        self._own = config.node_id
        self._partitions = config.partition_count
        self._outside = outside

    def get(self, _now: float, call: int, key: bytes, _r: int) -> None:
        """See Core."""
        self._outside.reply(call, "OK", values=self._board.data.get(key, ()), context=b"c")

    def put(self, _now: float, call: int, key: bytes, value: bytes, _context: bytes, _w: int) -> None:
        """See Core."""
        self._board.data[key] = (value,)
        self._outside.reply(call, "OK", context=b"c")

    def join(self, _now: float, call: int, node_id: str, weight: int, host: str) -> None:
        """See Core."""
        self._reply(call, self._board.change(self._own, "join", node_id, weight, host))

    def leave(self, _now: float, call: int, node_id: str) -> None:
        """See Core."""
        self._reply(call, self._board.change(self._own, "leave", node_id))

    def remove(self, _now: float, call: int, node_id: str) -> None:
        """See Core."""
        self._reply(call, self._board.change(self._own, "remove", node_id))

    def _reply(self, call: int, code: str) -> None:
        if code:
            self._outside.reply(call, code, "" if code == "OK" else "as the test has it")

    def tick(self, _now: float) -> None:
        """See Core."""

    def next_deadline(self) -> float | None:
        """See Core."""
        return None

    def counters(self) -> dict[str, int]:
        """See Core."""
        return dict.fromkeys(Counters.__struct_fields__, 0)

    def view_digest(self) -> bytes:
        """See Core."""
        return self._board.lagging.get(self._own, repr(sorted(self._board.members)).encode())

    def roots(self) -> list[tuple[int, bytes]]:
        """See Core."""
        return [(partition, self.scan(partition)[0]) for partition in range(self._partitions) if self._holds()]

    def scan(self, partition: int) -> tuple[bytes, list[tuple[bytes, tuple[bytes, ...], bytes]]]:
        """See Core."""
        entries = [(key, values, b"".join(values)) for key, values in sorted(self._held().items()) if partition == 0]
        return merkle.root((key, state) for key, _, state in entries), entries

    def _held(self) -> dict[bytes, tuple[bytes, ...]]:
        board = self._board
        if self._own in board.members:
            return board.data
        stray = board.stray.get(self._own)
        return {} if stray is None else {stray: (b"stray",)}

    def _holds(self) -> bool:
        return self._own in self._board.members or self._own in self._board.stray

    def hints(self) -> list[Any]:
        """See Core."""
        return []

    def members(self) -> list[tuple[str, int, str]]:
        """See Core."""
        return [(name, weight, host) for name, (weight, host) in sorted(self._board.members.items())]

    def owners(self) -> list[list[str]]:
        """See Core."""
        return [sorted(self._board.members)] * self._partitions

    def preference_list(self, _key: bytes) -> list[str]:
        """See Core."""
        return sorted(self._board.members)

    def unconfirmed(self) -> tuple[int, ...]:
        """See Core."""
        return self._board.unconfirmed.get(self._own, ())

    def draining(self) -> list[str]:
        """See Core."""
        return sorted(self._board.draining)
