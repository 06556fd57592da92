"""Bugs that need a story of their own to be seen, those called S; a scripted example tells it."""

from collections.abc import Callable, Sequence

from ringcheck_reference.core import clients, reaping
from ringcheck_reference.core.changing import Changing
from ringcheck_reference.core.config import CoreConfig
from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.messages import NodeId, Stored
from ringcheck_reference.core.peers import Peers
from ringcheck_reference.core.quorum import Quorum
from ringcheck_reference.core.storing import Storing
from ringcheck_reference.core.versions import State
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

    def report(peers: Peers, node: NodeId, incarnation: str, reachable: tuple[NodeId, ...], *, late: bool) -> None:
        honest(peers, node, incarnation, reachable, late=False)

    honest = Peers.report
    replace(Peers, "report", report)


@bug("S7", "the W of a delete counts for nothing", "AVL-03")
def one_copy_of_a_delete() -> None:
    """There is no value to lose, so one copy is enough."""

    def needed(writing: Writing, w: int) -> int:
        needed_by_a_put: int = honest(writing, w)
        return 1 if writing._value is None else needed_by_a_put

    honest = replace(Writing, "needed", needed)


@bug("S8", "two members on one host count as two copies", "AVL-03")
def members_counted_for_machines() -> None:
    """Each has a disk of its own, after all."""

    def init(quorum: Quorum, needed: int, _machine: Callable[[NodeId], str]) -> None:
        honest(quorum, needed, lambda node: node)

    honest = replace(Quorum, "__init__", init)


@bug("S9", "a hint is dropped with what was merged into it while it was on its way", "DUR-03")
def hints_dropped_by_name() -> None:
    """The target has answered, so the hint is done with, whatever it holds by now."""

    def drop_hint(desk: Desk, target: NodeId, key: bytes, _delivered: State) -> None:
        if latest := desk.hints.latest((target, key)):
            honest(desk, target, key, latest)

    honest = replace(Desk, "drop_hint", drop_hint)


@bug("S10", "a write is passed on to a home that waits too long for the others", "AVL-01")
def far_homes_chosen() -> None:
    """It counts whom it reaches, however long that takes."""

    def reachable(peers: Peers) -> tuple[NodeId, ...]:
        return tuple(sorted(node for node, peer in peers.items() if peer.heard))

    replace(Peers, "reachable", reachable)
