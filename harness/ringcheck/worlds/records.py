"""How operations and membership changes stand in a history, the same from every world."""

from ringcheck.client import Answer, Failure, Reply
from ringcheck.codec import Codec
from ringcheck.history import Change, ChangeDone, Fail, Info, Invoke, Ok
from ringcheck.schedule import Get, MembershipChange, Operation, Put

FIRST_FINAL_READ = 1_000_000
MESSAGE_LETTERS = 300

NOT_ASKED = "The nodes do not declare the profile membership, so none was asked to join, leave or be removed."
UNSEEN = "Nobody was retired: the nodes do not declare membership and inspect, so none can be seen to be drained."


def invocation(step: Operation, codec: Codec, time: float) -> Invoke:
    """A client is about to send the operation of a step."""
    source = None if isinstance(step, Get) else step.context
    return Invoke(
        operation=step.id,
        kind="get" if isinstance(step, Get) else "put" if isinstance(step, Put) else "delete",
        client=step.client,
        node=step.node,
        key=step.key,
        value=step.value if isinstance(step, Put) else None,
        context_of=source if isinstance(source, int) else None,
        malformed=source == "malformed",
        quorum=codec.quorum(step),
        time=time,
    )


def final_read(number: int, node: str, key: str, r: int, time: float) -> Invoke:
    """The harness is about to read `key` at `node` after a Settle; `number` counts from FIRST_FINAL_READ."""
    return Invoke(time=time, operation=number, kind="get", client=0, node=node, key=key, quorum=r, final=True)


def completion(operation: int, key: str, answer: Answer, codec: Codec, time: float) -> Ok | Fail | Info:
    """The operation has ended."""
    match answer:
        case Reply(values=values, context=context):
            texts = tuple(codec.value_text(key, value) for value in values)
            return Ok(time=time, operation=operation, values=texts, context=context)
        case Failure(code=code, message=message, definite=definite):
            kind = Fail if definite else Info
            return kind(time=time, operation=operation, code=code, message=message[:MESSAGE_LETTERS])


def change_done(change: Change, code: str, message: str, time: float) -> ChangeDone:
    """A membership change was answered, or will not be."""
    return ChangeDone(time=time, number=change.number, code=code, message=message[:MESSAGE_LETTERS])


def not_sent(step: MembershipChange) -> str:
    """Why a change was not asked for."""
    who = f"{step.through} was never started" if step.through else "no member runs"
    return f"The change of {step.node} was not asked for, since {who}."


def not_paused(node: str) -> str:
    """Why a pause does nothing."""
    return f"{node} does not run, so it was not paused."


def undrained(node: str, within_s: float) -> str:
    """Why a leaver goes on."""
    return f"{node} was not retired: not every other node showed it as drained within {within_s:g} s."
