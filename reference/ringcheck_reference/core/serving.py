"""A peer's questions that are answered at once, from what is durable."""

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
    match query:
        case Ping():
            return Pong(desk.incarnation, desk.peers.reachable())
        case Read(key):
            return Found(desk.found(key))
        case RootsQuery(partitions):
            return _owned(desk, partitions) or Roots(tuple(map(desk.replica.root, partitions)))
        case NodesQuery(partition, level, indexes):
            return _owned(desk, (partition,)) or _nodes(desk, partition, level, indexes)
        case LeavesQuery(partition, buckets):
            return _owned(desk, (partition,)) or Leaves(
                tuple(Leaf(key, hash_) for key, hash_ in desk.replica.tree(partition).leaves(buckets))
            )


def _owned(desk: Desk, partitions: tuple[int, ...]) -> Refusal | None:
    """An empty tree would be a lie about a partition that this node does not own."""
    for partition in partitions:
        if partition >= desk.ring.partition_count:
            return Refusal(Code.INVALID_ARGUMENT, f"there is no partition {partition}")
        if desk.own not in desk.ring.owners[partition]:
            return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} does not own partition {partition}")
    return None


def _nodes(desk: Desk, partition: int, level: int, indexes: tuple[int, ...]) -> AnswerBody:
    try:
        return Nodes(desk.replica.tree(partition).nodes(level, indexes))
    except ValueError as error:
        return Refusal(Code.INVALID_ARGUMENT, str(error))
