"""The planted bugs, one function each.

A function changes the core's decisions in this process, or returns other parts for the shell. Reaching into private
names is the point here: a mutant is a change of the source, made from outside.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dynamo_node.v1 import inspect_pb2, key_value_pb2
from ringcheck_reference.core.effects import DiskWrite, PutHint, PutReplica
from ringcheck_reference.core.encoding import decode_state, encode_context, encode_state
from ringcheck_reference.core.merkle import Tree
from ringcheck_reference.core.overlay import Overlay
from ringcheck_reference.core.reading import Reading
from ringcheck_reference.core.replica import OwnReplica
from ringcheck_reference.core.versions import Context, Dot, State
from ringcheck_reference.core.writing import Mint, Writing
from ringcheck_reference.shell.inspection import InspectService
from ringcheck_reference.shell.main import Parts
from ringcheck_reference.shell.services import KeyValueService
from ringcheck_reference.shell.store import Done, HintTable, ReplicaTable, Store


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug: what goes wrong, and how to plant it in this process."""

    name: str
    sentence: str
    plant: Callable[[], Parts]


BUGS: dict[str, Bug] = {}


def bug(name: str, sentence: str) -> Callable[[Callable[[], Parts]], Callable[[], Parts]]:
    """Registers the function that plants it."""

    def register(plant: Callable[[], Parts]) -> Callable[[], Parts]:
        BUGS[name] = Bug(name, sentence, plant)
        return plant

    return register


def replace(owner: type, name: str, replacement: Any) -> Any:
    """Put `replacement` in the place of a method that must be there, and return the method."""
    original = owner.__dict__[name]
    setattr(owner, name, replacement)
    return original


@bug("17", "a blind put erases what was there")
def blind_put_erases() -> Parts:
    """The coordinator merges the stored clock into the context it was given."""

    def new_context(writing: Writing, dot: Dot, known: State) -> Context:
        return known.context.join(writing._context).with_dot(dot)

    replace(Writing, "new_context", new_context)
    return Parts()


@bug("18", "two puts with one context share a dot, and one is dropped")
def dots_repeat() -> Parts:
    """New version = increment(client's context); the coordinator's own history is ignored."""

    def known(_writing: Writing) -> State:
        return State.EMPTY

    def next_dot(mint: Mint, _key: bytes, seen: Context) -> Dot:
        return Dot(mint.actor, seen.highest(mint.actor) + 1)

    replace(Writing, "_known", known)
    replace(Mint, "next_dot", next_dot)
    return Parts()


@bug("23", "a failed reply counts towards R")
def failed_replies_count() -> Parts:
    """No answer is taken for the answer "nothing here", from whoever is known to be out of reach too."""

    def start(reading: Reading) -> None:
        for home in reading._homes:
            if not reading._desk.peers.trusts(home):
                reading._take(home, State.EMPTY)
        honest_start(reading)

    def on_failure(reading: Reading, request: int, to: str, sent: bool) -> None:
        reading._take(to, State.EMPTY)
        honest_on_failure(reading, request, to, sent)

    honest_start = replace(Reading, "start", start)
    honest_on_failure = replace(Reading, "on_failure", on_failure)
    return Parts()


@bug("26", "W shrinks to the nodes in reach")
def w_shrinks() -> Parts:
    """W = min(W, peers known)."""

    def needed(writing: Writing, w: int) -> int:
        peers = writing._desk.peers
        return min(w, 1 + sum(peers.trusts(node) for node in peers))

    replace(Writing, "needed", needed)
    return Parts()


@bug("30", "a delete removes the record instead of leaving a tombstone")
def deletes_remove() -> Parts:
    """A state without versions is forgotten: no row, no hint, no leaf."""

    def stage(overlay: Overlay[Any], token: int, key: Any, state: State) -> None:
        honest_stage(overlay, token, key, state if state.versions else State.EMPTY)

    def plant(replica: OwnReplica, key: bytes, state: bytes) -> None:
        if state != encode_state(State.EMPTY):
            honest_plant(replica, key, state)
            return
        partition = replica._ring.partition(key)
        old, new = replica._trees.pop(partition, Tree()), Tree()
        rest = {
            index: {name: leaf for name, leaf in entries.items() if name != key}
            for index, entries in old._buckets.items()
        }
        new._buckets = {index: entries for index, entries in rest.items() if entries}
        new._changed = set(new._buckets)
        if new._buckets:
            replica._trees[partition] = new

    honest_stage = replace(Overlay, "stage", stage)
    honest_plant = replace(OwnReplica, "_plant", plant)
    return Parts(store=RemovingStore)


class RemovingStore(Store):
    """Deletes the row of a state without versions."""

    def _write(self, write: DiskWrite) -> None:
        super()._write(write)
        if isinstance(write, PutReplica) and not decode_state(write.state).versions:
            self._writing.execute("DELETE FROM replica WHERE key = ?", (write.key,))
        if isinstance(write, PutHint) and not decode_state(write.state).versions:
            self._writing.execute("DELETE FROM hint WHERE target = ? AND key = ?", (write.target, write.key))


@bug("67", "a write is acknowledged before its commit, which waits for a batch")
def acknowledged_before_commit() -> Parts:
    """What waits is read as if it were durable; only a crash tells the difference."""
    return Parts(store=LateStore)


class LateStore(Store):
    """Reports success at once, and lets writes gather for a second before it commits them."""

    def __init__(self, *arguments: Any) -> None:
        self._closing = threading.Event()
        super().__init__(*arguments)
        self._late_replica = LateReplicaTable(self._reading)
        self._late_hints = LateHintTable(self._reading)
        self.replica, self.hints = self._late_replica, self._late_hints

    def persist(self, writes: Sequence[DiskWrite], done: Done) -> None:
        """Remember, report, and write some time."""
        for write in writes:
            if isinstance(write, PutReplica):
                self._late_replica.waiting[write.key] = write.state
            elif isinstance(write, PutHint):
                self._late_hints.waiting[write.target, write.key] = write.state
            elif self.hints.get(write.target, write.key) == write.expected:
                self._late_hints.waiting[write.target, write.key] = None
        super().persist(writes, lambda _reason: None)
        done(None)

    def close(self) -> None:
        """Commit what waits, without waiting any longer."""
        self._closing.set()
        super().close()

    def _commit(self, writes: Sequence[DiskWrite]) -> str | None:
        self._closing.wait(1.0)
        return super()._commit(writes)


class LateReplicaTable(ReplicaTable):
    """Shows what waits as if it were there."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.waiting: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """What waits, or the row."""
        return self.waiting.get(key) or super().get(key)


class LateHintTable(HintTable):
    """Shows what waits as if it were there; None waits for its removal."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.waiting: dict[tuple[str, bytes], bytes | None] = {}

    def get(self, target: str, key: bytes) -> bytes | None:
        """What waits, or the row."""
        if (target, key) in self.waiting:
            return self.waiting[target, key]
        return super().get(target, key)


@bug("C1", "the Merkle root is always the same")
def constant_root() -> Parts:
    """Nodes still repair one another, so only the answer to MerkleRoots is wrong."""
    return Parts(inspection=ConstantInspect)


class ConstantInspect(InspectService):
    """Gives one root for everything."""

    async def MerkleRoots(  # noqa: N802
        self, request: inspect_pb2.MerkleRootsRequest, context: Any
    ) -> inspect_pb2.MerkleRootsResponse:
        """The honest answer, every root of it replaced."""
        answer = await super().MerkleRoots(request, context)
        for root in answer.roots:
            root.root = b"\x2a" * 32
        return answer


@bug("C2", "a put is acknowledged and kept nowhere")
def puts_are_forgotten() -> Parts:
    """The answer looks like any other."""
    return Parts(key_value=ForgetfulKeyValue)


class ForgetfulKeyValue(KeyValueService):
    """Never tells the core."""

    async def Put(self, request: key_value_pb2.PutRequest, context: Any) -> key_value_pb2.PutResponse:  # noqa: N802
        """Answer with the context of a version that nobody made."""
        made_up = Context.of([Dot(b"nobody", 1)])
        return key_value_pb2.PutResponse(context=encode_context(request.key, made_up))
