"""A peer's questions that are answered at once, from what is durable."""

from collections.abc import Callable
from typing import Any, Final

from .desk import Desk
from .messages import (
    AnswerBody,
    Code,
    Found,
    Leaf,
    Leaves,
    LeavesQuery,
    Nodes,
    NodesQuery,
    Ping,
    Pong,
    Read,
    Refusal,
    Roots,
    RootsQuery,
)


def serve(desk: Desk, query: Ping | Read | RootsQuery | NodesQuery | LeavesQuery) -> AnswerBody:
    """The answer to `query`."""
    return _SERVE[type(query)](desk, query)


def _ping(desk: Desk, _query: Ping) -> AnswerBody:
    return Pong(desk.incarnation, desk.peers.reachable())


def _read(desk: Desk, query: Read) -> AnswerBody:
    return Found(desk.found(query.key))


def _roots(desk: Desk, query: RootsQuery) -> AnswerBody:
    return _refused(desk, query.partitions) or Roots(tuple(map(desk.replica.root, query.partitions)))


def _nodes(desk: Desk, query: NodesQuery) -> AnswerBody:
    if refusal := _refused(desk, (query.partition,)):
        return refusal
    try:
        return Nodes(desk.replica.tree(query.partition).nodes(query.level, query.indexes))
    except ValueError as error:
        return Refusal(Code.INVALID_ARGUMENT, str(error))


def _leaves(desk: Desk, query: LeavesQuery) -> AnswerBody:
    if refusal := _refused(desk, (query.partition,)):
        return refusal
    return Leaves(tuple(Leaf(key, hash_) for key, hash_ in desk.replica.tree(query.partition).leaves(query.buckets)))


def _refused(desk: Desk, partitions: tuple[int, ...]) -> Refusal | None:
    """An empty tree would be a lie about a partition that this node does not own."""
    for partition in partitions:
        if partition >= desk.ring.partition_count:
            return Refusal(Code.INVALID_ARGUMENT, f"there is no partition {partition}")
        if desk.own not in desk.ring.owners[partition]:
            return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} does not own partition {partition}")
    return None


_SERVE: Final[dict[type, Callable[[Desk, Any], AnswerBody]]] = {
    Ping: _ping,
    Read: _read,
    RootsQuery: _roots,
    NodesQuery: _nodes,
    LeavesQuery: _leaves,
}
