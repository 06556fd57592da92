"""Bugs about who counts: 22, 23, 26, 27, H1, H2, H3, H7."""

from collections.abc import Iterable

from ringcheck_reference.core.conversation import Conversation
from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.messages import AnswerBody, Code, Found, NodeId, Outcome, PeerAnswer, Stored
from ringcheck_reference.core.quorum import Copy, Quorum
from ringcheck_reference.core.reading import Reading
from ringcheck_reference.core.versions import State
from ringcheck_reference.core.writing import Writing

from .bug import bug, replace


@bug("22", "an acknowledged write has one copy only", "DUR-03")
def own_failure_counts() -> None:
    """The coordinator's own failed local write counts as an acknowledgement."""

    def on_persisted(writing: Writing, token: int, *, durable: bool) -> None:
        honest_on_persisted(writing, token, durable=True)

    honest_on_persisted = replace(Writing, "on_persisted", on_persisted)


@bug("23", "a failed reply counts towards R", "AVL-05")
def failed_replies_count() -> None:
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


@bug("26", "W shrinks to the nodes in reach", "AVL-03")
def w_shrinks() -> None:
    """W = min(W, peers known)."""

    def needed(writing: Writing, w: int) -> int:
        peers = writing._desk.peers
        return min(w, 1 + sum(peers.trusts(node) for node in peers))

    replace(Writing, "needed", needed)


@bug("27", "a definite failure takes effect later", "KV-14")
def definite_after_effect() -> None:
    """Too few copies are told as FAILED_PRECONDITION, though some were made."""

    def fail(writing: Writing) -> None:
        writing._finish(Outcome(Code.FAILED_PRECONDITION, "too few nodes could hold the write"))
        writing.close()

    replace(Writing, "_fail", fail)


@bug("H1", "an acknowledged write has one copy only after handoff", "DUR-03")
def stand_ins_for_one_home() -> None:
    """All stand-ins keep their hints for the first home that is missing, and each of them counts towards W.

    Since W copies are there by that count, no other home is left a hint.
    """

    def place(writing: Writing, node: NodeId, home: NodeId, merged: State | None = None) -> None:
        missing = [each for each in writing._homes if not writing._desk.peers.trusts(each)]
        honest_place(writing, node, missing[0] if missing and node != home else home, merged)

    def size(quorum: Quorum, copies: Iterable[Copy]) -> int:
        return len({quorum._machine(node) for node, _ in copies})

    def leave_hints(_writing: Writing) -> None:
        """Do nothing."""

    honest_place = replace(Writing, "_place", place)
    replace(Writing, "_leave_hints", leave_hints)
    replace(Quorum, "_size", size)


def hear_repetitions(listener: type[Conversation]) -> None:
    """Who asked hears every repetition of an answer, as long as he listens; nobody but these is up to that."""

    def deliver(desk: Desk, sender: NodeId, answer: PeerAnswer) -> None:
        asked = desk._asked.get(answer.id)
        honest_deliver(desk, sender, answer)
        if asked is not None and asked[0] == sender and isinstance(asked[1], listener):
            desk._asked[answer.id] = asked

    honest_deliver = replace(Desk, "deliver", deliver)


@bug("H2", "a repeated acknowledgement counts twice", "AVL-03")
def acknowledgements_repeat() -> None:
    """The quorum counts answers instead of nodes."""
    hear_repetitions(Writing)

    def on_answer(writing: Writing, request: int, sender: NodeId, body: AnswerBody) -> None:
        if request in writing._requests:
            honest_on_answer(writing, request, sender, body)
        elif isinstance(body, Stored):
            writing._quorum.needed -= 1
            writing._proceed()

    honest_on_answer = replace(Writing, "on_answer", on_answer)


@bug("H3", "a repeated reply to a Get counts twice", "AVL-05")
def replies_repeat() -> None:
    """Replies are counted instead of the nodes that gave them."""
    hear_repetitions(Reading)

    def on_answer(reading: Reading, request: int, sender: NodeId, body: AnswerBody) -> None:
        if request in reading._pending:
            honest_on_answer(reading, request, sender, body)
        elif isinstance(body, Found):
            reading._needed -= 1
            reading._proceed()

    honest_on_answer = replace(Reading, "on_answer", on_answer)


@bug("H7", "a write is refused while its partition moves and a home is down", "AVL-01")
def no_stand_ins_while_moving() -> None:
    """Until all new owners have confirmed, only homes will do, and all of them."""

    def start(writing: Writing) -> None:
        placed, trusts = writing._placement, writing._desk.peers.trusts
        if placed.is_settled or all(map(trusts, placed.homes)):
            honest_start(writing)
        else:
            writing._finish(Outcome(Code.UNAVAILABLE, "the partition moves, and one of its homes is out of reach"))
            writing.close()

    honest_start = replace(Writing, "start", start)
