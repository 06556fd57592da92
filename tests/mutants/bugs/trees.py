"""Bugs about Merkle trees, in memory and on the disk: 51, 52, 55, 58, C1."""

import hashlib
from collections.abc import Iterable
from functools import reduce

from ringcheck_reference.core.antientropy import Exchange
from ringcheck_reference.core.conversation import Conversation
from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.encoding import decode_state, encode_state
from ringcheck_reference.core.hints import HintRows
from ringcheck_reference.core.merkle import ZERO, Tree, bucket, leaf
from ringcheck_reference.core.messages import Cause
from ringcheck_reference.core.node import Node
from ringcheck_reference.core.replica import OwnReplica
from ringcheck_reference.core.versions import State
from ringcheck_reference.core.views import Scan

from .bug import bug, replace
from .shelf import Shelf

FANOUT = 64
FLUSHED_EVERY_S = 1.0
"""How long a change of a tree may wait until it is saved."""


@bug("51", "repair says equal, rows are missing", "AE-02")
def equal_values_cancel() -> None:
    """Leaves cover the value only and are combined by XOR, so that two equal ones cancel."""

    def put(tree: Tree, key: bytes, state: bytes, _index: int | None = None) -> None:
        index = bucket(key)
        values = b"".join(decode_state(state).values)
        tree._buckets.setdefault(index, {})[key] = hashlib.sha256(values).digest()
        tree._changed.add(index)

    def refresh(tree: Tree) -> None:
        for parent, child in (divmod(index, FANOUT) for index in tree._changed):
            row = tree._level2.setdefault(parent, [ZERO] * FANOUT)
            row[child] = xor(tree._buckets[parent * FANOUT + child].values())
            tree._level1[parent] = xor(row)
        tree._root = xor(tree._level1)
        tree._changed.clear()

    replace(Tree, "put", put)
    replace(Tree, "refresh", refresh)


def xor(hashes: Iterable[bytes]) -> bytes:
    """All of them, combined bit by bit."""
    return reduce(lambda one, other: bytes(a ^ b for a, b in zip(one, other, strict=True)), hashes, ZERO)


@bug("52", "divergent values are never found", "AE-02")
def leaves_of_keys() -> None:
    """The leaf hashes the key, not the version."""

    def put(tree: Tree, key: bytes, _state: bytes, _index: int | None = None) -> None:
        honest_put(tree, key, b"")

    honest_put = replace(Tree, "put", put)


class Saving(Conversation):
    """Saves the leaves that have changed, again and again."""

    def __init__(self, desk: Desk, shelf: Shelf, saved: dict[bytes, bytes]) -> None:
        self._desk = desk
        self._shelf = shelf
        self._saved = saved

    def on_time(self) -> None:
        """One round."""
        for tree in self._desk.replica._trees.values():
            for entries in tree._buckets.values():
                for key, hash_ in entries.items():
                    if self._saved.get(key) != hash_:
                        self._saved[key] = hash_
                        self._shelf.keep(self._desk, key, hash_)
        self._desk.wake(self, self._desk.now + FLUSHED_EVERY_S)


def trees_on_the_disk() -> None:
    """Trees are saved from time to time and believed at a start, whatever was written since."""
    shelf = Shelf("tree")
    kept: dict[int, dict[bytes, bytes]] = {}

    def init(node: Node, config: object, replica: object, hints: HintRows, *rest: object, **named: object) -> None:
        honest_init(node, config, replica, hints, *rest, **named)
        saved = dict(shelf.kept(hints))
        kept[id(node)] = saved
        for tree in node._desk.replica._trees.values():
            for index, entries in tree._buckets.items():
                entries.update({key: saved.get(key, leaf(key, b"")) for key in entries})
                tree._changed.add(index)

    def start(node: Node) -> None:
        honest_start(node)
        node._desk.wake(Saving(node._desk, shelf, kept.pop(id(node))), node._desk.now + FLUSHED_EVERY_S)

    honest_init = replace(Node, "__init__", init)
    honest_start = replace(Node, "_start", start)


@bug("58", "a stale tree is trusted after a crash", "AE-02")
def saved_tree_is_believed() -> None:
    """The saved tree is marked clean although writes followed."""
    trees_on_the_disk()


@bug("55", "the same keys are repaired for ever", "AE-03")
def repair_refreshes_no_tree() -> None:
    """A crash may lose an update of the tree, and the repair of objects that turn out to be equal does not make up.

    What Inspect shows is made from the data, so that nothing tells of it but the repairs.
    """
    trees_on_the_disk()

    def settle(replica: OwnReplica, token: int, key: bytes, *, durable: bool) -> State | None:
        before, tree = replica.durable(key), replica._trees.get(replica._ring.partition(key))
        known = dict(tree.leaves([bucket(key)])) if tree else {}
        state: State | None = honest_settle(replica, token, key, durable=durable)
        if state is not None and state == before and key in known:
            tree = replica._trees[replica._ring.partition(key)]
            tree._buckets[bucket(key)][key] = known[key]
        return state

    def reconcile(exchange: Exchange, key: bytes, theirs: State) -> None:
        desk = exchange._desk
        if desk.replica.latest(key) != theirs:
            honest_reconcile(exchange, key, theirs)
            return
        exchange._merges[desk.store_replica(key, theirs, exchange)] = len(key) + len(encode_state(theirs))
        desk.push(exchange._peer, key, theirs, Cause.ANTI_ENTROPY)

    def fresh(replica: OwnReplica, partition: int) -> Tree:
        tree = Tree()
        for key in replica.tree(partition).sorted_keys():
            tree.put(key, encode_state(replica.durable(key)))
        return tree

    def roots(node: Node) -> tuple[tuple[int, bytes], ...]:
        return tuple((number, fresh(node._desk.replica, number).root) for number, _ in honest_roots(node))

    def scan(node: Node, partition: int) -> Scan:
        return Scan(fresh(node._desk.replica, partition).root, honest_scan(node, partition).entries)

    honest_settle = replace(OwnReplica, "settle", settle)
    honest_reconcile = replace(Exchange, "_reconcile", reconcile)
    honest_roots = replace(Node, "roots", roots)
    honest_scan = replace(Node, "scan", scan)


@bug("C1", "the Merkle root is always the same", "AE-02")
def constant_root() -> None:
    """Nodes still repair one another, so only the answer to MerkleRoots is wrong."""

    def roots(node: Node) -> tuple[tuple[int, bytes], ...]:
        return tuple((partition, b"\x2a" * 32) for partition, _ in honest_roots(node))

    honest_roots = replace(Node, "roots", roots)
