"""Bugs that need a story of their own to be seen, S1 to S6; a scripted example tells it."""

from collections.abc import Sequence

from ringcheck_reference.core import clients, reaping
from ringcheck_reference.core.changing import Changing
from ringcheck_reference.core.config import CoreConfig
from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.messages import NodeId, Stored
from ringcheck_reference.core.peers import Peers
from ringcheck_reference.core.storing import Storing
from ringcheck_reference.core.writing import Writing

from .bug import bug, replace


@bug("S1", "the W of a request counts for nothing beyond the node's own", "AVL-03")
def asked_w_ignored() -> None:
    """A client that wants all copies gets the usual ones."""
    replace(Writing, "needed", lambda writing, w: min(w, writing._desk.config.w))


@bug("S2", "the R of a request counts for nothing beyond the node's own", "AVL-05")
def asked_r_ignored() -> None:
    """A client that wants all replies gets the usual ones."""

    def check_quorum(config: CoreConfig, name: str, asked: int, default: int) -> int:
        needed = honest(config, name, asked, default)
        return min(needed, default) if name == "r" else needed

    honest = clients.check_quorum
    clients.check_quorum = check_quorum


@bug("S3", "a stand-in says that it keeps a delete, and does not", "SIB-02")
def deletes_not_hinted() -> None:
    """There is no value to keep, so nothing is kept."""

    def start(storing: Storing) -> None:
        if storing._body.hint_for and not storing._body.state.versions:
            storing._end(Stored(False, provisional=True))
        else:
            honest(storing)

    honest = replace(Storing, "start", start)


@bug("S4", "a change of members is answered OK as soon as one node has it", "MEM-01")
def change_of_one() -> None:
    """It is durable, but on one disk."""
    replace(Changing, "_needed", lambda _changing: 1)


@bug("S5", "tombstones are reaped when those agree who can be reached", "SIB-02")
def absent_not_asked() -> None:
    """Who does not answer is not waited for."""

    def concerned(desk: Desk) -> Sequence[NodeId]:
        return [node for node in honest(desk) if node in desk.peers and desk.peers[node].heard]

    honest = reaping.concerned
    reaping.concerned = concerned  # type: ignore[assignment]


@bug("S6", "a write is passed on to a home that takes too long to answer", "AVL-01")
def late_homes_chosen() -> None:
    """Its answers come, if late, so that it is taken for one like any other."""
    replace(Peers, "is_late", lambda _peers, _node: False)
