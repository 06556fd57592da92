"""Leaves in pieces: what a tree says of many keys does not fit one message.

Leaves stand bucket by bucket, in the order of the query, and by key in each. A piece is as many of them as fit, from
where the query says, and the query for the next one begins behind its last key. So nobody has to remember anything
between two pieces, and whatever is lost, repeated or overtaken is asked for again or ignored.
"""

from typing import Final

from .merkle import Tree, bucket
from .messages import Leaf, Leaves, LeavesQuery

MOST_BYTES: Final = 256 << 10
"""Keys and hashes of one piece: as much as an outbox puts into one message, far below any limit set for messages."""


class MalformedPiece(ValueError):  # noqa: N818 - what was found, in plain words
    """An answer after which nobody can tell what to ask for next."""


def piece(tree: Tree, query: LeavesQuery) -> Leaves:
    """What to answer: one leaf at the least, unless there is none; all of them to who does not know of pieces."""
    leaves: list[Leaf] = []
    size = 0
    for key, hash_ in tree.leaves(query.buckets, query.after):
        size += len(key) + len(hash_)
        if query.in_pieces and leaves and size > MOST_BYTES:
            return Leaves(tuple(leaves), more=True)
        leaves.append(Leaf(key, hash_))
    return Leaves(tuple(leaves))


def rest(query: LeavesQuery, answer: Leaves) -> LeavesQuery | None:
    """What is to be asked for next; None after the last piece. Each piece leaves less to ask, or is malformed."""
    if not answer.more:
        return None
    last = answer.leaves[-1].key if answer.leaves else b""
    index = bucket(last)
    if index not in query.buckets:
        raise MalformedPiece("it says that there is more, and not behind which of the keys asked for")
    place = query.buckets.index(index)
    if place == 0 and last <= query.after:
        raise MalformedPiece("it says that there is more, and repeats what was known")
    return LeavesQuery(query.partition, query.buckets[place:], last, query.in_pieces)


def spoken_of(tree: Tree, query: LeavesQuery, following: LeavesQuery | None) -> dict[bytes, bytes]:
    """Key to leaf, of what `tree` holds where an answer to `query` has told all, up to the query that follows it."""
    if following is None:
        return dict(tree.leaves(query.buckets, query.after))
    place = len(query.buckets) - len(following.buckets)
    whole, last = query.buckets[:place], query.buckets[place : place + 1]
    leaves = dict(tree.leaves(whole, query.after))
    behind = b"" if whole else query.after
    leaves.update(each for each in tree.leaves(last, behind) if each[0] <= following.after)
    return leaves
