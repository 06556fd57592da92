"""A membership change that an operator asks for at this node: checked, made durable, and told to W machines.

Only copies count that stay: of members, and of leavers that are not drained yet, by the view in force when they are
counted. Anybody else may be switched off at any time, this node included. A leaver that is drained later tells all that
it knows along with that, so that whoever lets go of it has the change.
"""

from contextlib import suppress

from .config import MAX_NAME_BYTES, Member, is_too_long
from .conversation import Conversation
from .desk import Desk
from .effects import ChangeResult, Failure
from .events import Event, MalformedEvent, joined, left, removed
from .gossip import is_not_recalled, telling
from .membership import Membership
from .messages import MISTAKE, AnswerBody, CallId, ClientJoin, ClientLeave, ClientRemove, Code, Gossip, NodeId
from .view import View

Change = ClientJoin | ClientLeave | ClientRemove


class ChangeRefused(Exception):  # noqa: N818 - named for what was asked
    """A change that this node's view does not allow; nothing of it was done."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Changing(Conversation):
    """One change for `call`. It is not undone if too few machines answer in time: it spreads by gossip."""

    def __init__(self, desk: Desk, membership: Membership, call: CallId, change: Change) -> None:
        self._desk = desk
        self._membership = membership
        self._call = call
        self._change = change
        self._told: set[NodeId] = set()
        """Who holds the change durably."""
        self._asked: set[NodeId] = set()
        self._answer_by = desk.now + desk.config.answer_time

    def start(self) -> None:
        """Check it, and make it durable here."""
        try:
            events = events_of(self._change, self._desk.own, self._desk.standing.view, self._desk.config.n)
        except ChangeRefused as error:
            self._fail(error.code, str(error))
            return
        self._membership.learn(events, self._learnt)

    def on_answer(self, _request: int, sender: NodeId, body: AnswerBody) -> None:
        """`sender` holds it durably, and tells what is news here: perhaps that its own copy counts for nothing."""

        def learnt(durable: bool) -> None:
            if durable:
                self._told.add(sender)
                self._proceed()

        self._asked.discard(sender)
        if is_not_recalled(body) and self._desk.standing.common(sender):
            self._desk.standing.doubt_common(sender)
            self._ask(sender)
        elif isinstance(body, Gossip):
            with suppress(MalformedEvent):
                self._membership.learn_from(body.events, learnt)

    def on_failure(self, _request: int, to: NodeId, _sent: bool) -> None:
        """Ask again later."""
        self._asked.discard(to)

    def on_time(self) -> None:
        """Ask again whom nothing was heard from, or give up."""
        if self._desk.now >= self._answer_by:
            self._fail(Code.UNAVAILABLE, f"fewer than {self._needed()} nodes could be told in time; repeat the call")
        else:
            self._tell()

    def on_mistake(self) -> None:
        """Nobody knows who holds the change."""
        if not self.closed:
            self._fail(Code.INTERNAL, MISTAKE)

    def _learnt(self, durable: bool) -> None:
        if not durable:
            self._fail(Code.UNAVAILABLE, "the disk refused the change")
            return
        self._told.add(self._desk.own)
        self._tell()
        self._proceed()

    def _tell(self) -> None:
        """Push the change to everybody; the answers come once it is durable there."""
        desk = self._desk
        counted = self._machines()
        for node in sorted(desk.peers):
            if node not in self._asked | self._told and desk.machine(node) not in counted:
                self._ask(node)
        desk.wake(self, min(desk.now + desk.config.replica_timeout, self._answer_by))

    def _ask(self, node: NodeId) -> None:
        self._asked.add(node)
        self._desk.ask(node, telling(self._desk, node), self)

    def _machines(self) -> set[str]:
        """Where the change is there to stay, as far as is known."""
        desk = self._desk
        return {desk.machine(node) for node in self._told if desk.standing.stays(node)}

    def _needed(self) -> int:
        """W machines, or all there are."""
        return min(self._desk.config.w, self._desk.standing.view.hosts)

    def _proceed(self) -> None:
        if not self.closed and len(self._machines()) >= self._needed():
            self._desk.reply(self._call, ChangeResult(self._desk.view_digest))
            self.close()

    def _fail(self, code: Code, reason: str) -> None:
        self._desk.reply(self._call, Failure(code, reason))
        self.close()


def events_of(change: Change, own: NodeId, view: View, n: int) -> tuple[Event, ...]:
    """What a change asked at `own` adds to its view, which may be what it holds already; raises ChangeRefused."""
    match change:
        case ClientJoin(member):
            return (_join(member, view),)
        case ClientLeave(node):
            return _leave(node, view, n)
        case ClientRemove(node):
            return _remove(node, own, view, n)


def _join(member: Member, view: View) -> Event:
    try:
        event = joined(member).normal()
    except MalformedEvent as error:
        raise ChangeRefused(Code.INVALID_ARGUMENT, str(error)) from error
    if member.id in view.left | view.removed:
        raise ChangeRefused(Code.FAILED_PRECONDITION, f"{member.id} was a member before; a node joins once only")
    for known in view.members:
        if known.id == member.id:
            if (known.weight, known.machine) != (member.weight, member.machine):
                seen = f"weight {known.weight} on {known.machine}"
                raise ChangeRefused(Code.FAILED_PRECONDITION, f"{member.id} is a member already, of {seen}")
            return joined(known)
    return event


def _leave(node: NodeId, view: View, n: int) -> tuple[Event, ...]:
    _check_known(node, view)
    if node in view.removed and node not in view.left:
        return ()
    if node not in view.left:
        _check_hosts(node, view, n)
    return (left(node),)


def _remove(node: NodeId, own: NodeId, view: View, n: int) -> tuple[Event, ...]:
    _check_known(node, view)
    if node == own:
        # It would stop serving with that, and could not tell anybody.
        raise ChangeRefused(
            Code.FAILED_PRECONDITION,
            f"{node} runs, and a node does not remove itself; stop it and ask another member, or let it leave",
        )
    if node in view.member_ids:
        _check_hosts(node, view, n)
    return (removed(node),)


def _check_known(node: NodeId, view: View) -> None:
    if is_too_long(node):
        raise ChangeRefused(Code.INVALID_ARGUMENT, f"the id of a member has at most {MAX_NAME_BYTES} bytes")
    if node not in view.joined:
        raise ChangeRefused(Code.NOT_FOUND, f"{node} never joined, as far as this node knows")


def _check_hosts(node: NodeId, view: View, n: int) -> None:
    hosts = len({member.machine for member in view.members if member.id != node})
    if hosts < n:
        raise ChangeRefused(Code.FAILED_PRECONDITION, f"without {node} there would be {hosts} hosts, fewer than N={n}")
