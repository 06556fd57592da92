"""A peer's questions that are answered at once, from what is durable."""

from collections.abc import Callable
from typing import Any, Final

from .desk import Desk
from .messages import (
    AnswerBody,
    Code,
    Found,
    Held,
    Holding,
    LeavesQuery,
    NodeId,
    Nodes,
    NodesQuery,
    PeerRequest,
    Ping,
    Pong,
    Read,
    Refusal,
    Released,
    RequestBody,
    Roots,
    RootsQuery,
)
from .pieces import piece


def serve(desk: Desk, sender: NodeId, request: PeerRequest) -> AnswerBody:
    """The answer to what `sender` asks."""
    query = request.body
    kind = type(query)
    if kind is Read:
        return read(desk, sender, query.key)  # type: ignore[union-attr]  # as just seen
    is_known = kind is Ping or request.view_digest == desk.view_digest or _same(desk, request.view_digest)
    if not is_known and not _takes_over(desk, sender, query):
        return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} does not know of the view of {sender}")
    return _SERVE[kind](desk, query)


def read(desk: Desk, sender: NodeId, key: bytes) -> AnswerBody:
    """What this node holds of a key, as far as its word counts.

    Who asks as an owner of a partition that was released here is taking it over, and is told what is held all the same.
    Once the partition is settled, this node is a fallback like any other to everybody who knows of the change.
    """
    standing, partition = desk.standing, desk.ring.partition(key)
    if standing.counts(partition):
        return Found(desk.found(key))
    is_fallback = standing.placement(partition).is_settled and standing.agrees(sender)
    if standing.has_released(partition) and not is_fallback and sender not in desk.ring.owners_of(partition):
        return Released(partition)
    found = desk.found(key)
    if not found and not standing.is_member and not standing.is_concerned(partition):
        return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} neither owns nor holds anything of partition {partition}")
    return Found(found, provisional=True)


def _ping(desk: Desk, _query: Ping) -> AnswerBody:
    return Pong(desk.incarnation, desk.peers.reachable())


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
    return piece(desk.replica.tree(query.partition), query)


def _holding(desk: Desk, query: Holding) -> AnswerBody:
    """Which of these leaves an owner does not hold durably in that very state."""
    if refusal := _refused(desk, (query.partition,)):
        return refusal
    if query.changes_digest != desk.standing.view.changes_digest:
        return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} has another view")
    if desk.own not in desk.ring.owners_of(query.partition) or not desk.standing.counts(query.partition):
        return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} is no owner of partition {query.partition} that counts")
    tree = desk.replica.tree(query.partition)
    return Held(tuple(place for place, leaf in enumerate(query.leaves) if tree.leaf_of(leaf.key) != leaf.hash))


def _refused(desk: Desk, partitions: tuple[int, ...]) -> Refusal | None:
    """An empty tree would be a lie about a partition that this node has nothing to do with, as would half a tree."""
    if not desk.replica.is_read:
        return Refusal(Code.UNAVAILABLE, f"{desk.own} has started and not read all its keys yet")
    for partition in partitions:
        if partition >= desk.config.partition_count:
            return Refusal(Code.INVALID_ARGUMENT, f"there is no partition {partition}")
        if not desk.standing.is_concerned(partition) and not desk.replica.tree(partition):
            return Refusal(Code.FAILED_PRECONDITION, f"{desk.own} does not own partition {partition}")
    return None


def _takes_over(desk: Desk, sender: NodeId, query: RequestBody) -> bool:
    """Whether `sender` asks, as an owner, about the trees of partitions that this node has released.

    While partitions are taken over each confirmation makes another view, which it takes a moment to hear of. That both
    know of the same changes was made sure of when it was asked to release.
    """
    match query:
        case RootsQuery(partitions):
            pass
        case NodesQuery(partition) | LeavesQuery(partition):
            partitions = (partition,)
        case _:
            return False
    return all(desk.standing.has_released(each) and sender in desk.ring.owners_of(each) for each in partitions)


def _same(desk: Desk, view_digest: bytes) -> bool:
    """Whether both nodes know of the same joins, leaves and removals; an envelope without a digest says nothing."""
    return not view_digest or desk.standing.is_same(view_digest)


_SERVE: Final[dict[type, Callable[[Desk, Any], AnswerBody]]] = {
    Ping: _ping,
    RootsQuery: _roots,
    NodesQuery: _nodes,
    LeavesQuery: _leaves,
    Holding: _holding,
}
