"""Moves that take a simulated world: lost and failing disks, single messages, clocks, deaths between two effects."""

from typing import Literal

from ringcheck_chaos.faults import ClockSkew, DiskErrors, MessageFault
from ringcheck_properties.draft import SETTLE_S, STUCK_S, Draft
from ringcheck_properties.moves import Draw, Move, operate, talk
from ringcheck_properties.picking import coins, one_of, some_of, up_to

KINDS = ("", "write", "read", "forward", "handoff", "read-repair", "anti-entropy", "ping", "tree")
"""Kinds of message, as `ringcheck.simulation.core` names them; none is any."""
ACTIONS: tuple[Literal["lose", "repeat", "delay"], ...] = ("lose", "repeat", "delay")
EVERY = (1, 2, 3, 5)
LATE_MS = (5, 60, 400, 3_000)
"""From being overtaken by the next message to coming when nobody waits any more."""
HALF_WAY = 12
"""So many effects at most until a node dies of itself."""


def running(draft: Draft) -> tuple[str, ...]:
    """The nodes that are up."""
    return tuple(node for node in draft.nodes if node not in draft.down)


def losable(draft: Draft, kind: str) -> tuple[str, ...]:
    """The nodes whose disk may be lost now, within the contract."""
    nodes = draft.nodes if kind == "wipes" else tuple(node for node in draft.nodes if node in draft.copied)
    return tuple(node for node in nodes if draft.may_destroy(node))


def lose(draw: Draw, draft: Draft) -> None:
    """A node loses its disk, or falls back to an older copy; it may come back at once."""
    kinds = tuple(kind for kind in ("wipes", "roll-backs") if kind in draft.swarm.hardships and losable(draft, kind))
    kind = draw(one_of(kinds))
    node = draw(one_of(losable(draft, kind)))
    (draft.wipe if kind == "wipes" else draft.roll_back)(node)
    if draw(coins):
        draft.restart()


def back_up(draw: Draw, draft: Draft) -> None:
    """The disks of some nodes are copied, at a moment when anything may be on its way to them."""
    draft.back_up(tuple(draw(some_of(draft.nodes, 1))))
    talk(draw, draft)


def fail_disk(draw: Draw, draft: Draft) -> None:
    """The writes of one disk fail, each or now and then, and clients go on."""
    draft.inject(DiskErrors(node=draw(one_of(draft.nodes)), every=draw(one_of(EVERY))))
    talk(draw, draft)


def disturb_messages(draw: Draw, draft: Draft) -> None:
    """Single messages of a kind, or the answers to them, are lost, repeated or late, and clients go on."""
    action = draw(one_of(ACTIONS))
    ends = ("", *draft.nodes)
    draft.inject(
        MessageFault(
            action=action,
            kind=draw(one_of(KINDS)),
            answers=draw(coins),
            every=draw(one_of(EVERY)),
            delay_ms=0 if action == "lose" else draw(one_of(LATE_MS)),
            source=draw(one_of(ends)),
        )
    )
    talk(draw, draft)


def skew(draw: Draw, draft: Draft) -> None:
    """A node's clock jumps ahead and runs fast or slow."""
    node = draw(one_of(draft.nodes))
    draft.inject(ClockSkew(node=node, rate=draw(one_of((1.0, 0.5, 2.0))), jump_ms=draw(one_of((0, 700, 60_000)))))
    talk(draw, draft)


def die_half_way(draw: Draw, draft: Draft) -> None:
    """A node dies between two effects of what it is asked next."""
    up = running(draft)
    node = draw(one_of(up))
    draft.crash_after(node, draw(up_to(HALF_WAY)))
    operate(draw, draft, (node,), wait=True)


def rest(draw: Draw, draft: Draft) -> None:
    """Time passes, enough for the one thing and too little for the other."""
    draft.pause(draw(one_of((0.4, 0.1, 1.5, 4.0))))


def observe(draw: Draw, draft: Draft) -> None:  # noqa: ARG001  - a move like the others, with nothing to draw
    """A look into every node, while nothing has been healed yet."""
    draft.observe()


def may_lose(draft: Draft) -> bool:
    """Whether some disk may be lost now."""
    return any(kind in draft.swarm.hardships and losable(draft, kind) for kind in ("wipes", "roll-backs"))


LOSE = Move(lose, 0.3, may_lose)
BACK_UP = Move(back_up, STUCK_S, lambda draft: "roll-backs" in draft.swarm.hardships and not draft.copied)
FAIL_DISK = Move(fail_disk, STUCK_S, lambda draft: "disk errors" in draft.swarm.hardships)
DISTURB_MESSAGES = Move(
    disturb_messages, STUCK_S, lambda draft: "messages" in draft.swarm.hardships and len(draft.nodes) > 1
)
SKEW = Move(skew, STUCK_S, lambda draft: "clocks" in draft.swarm.hardships)
DIE_HALF_WAY = Move(die_half_way, STUCK_S, lambda draft: "half-way" in draft.swarm.hardships and bool(running(draft)))
REST = Move(rest, 4.0)
OBSERVE = Move(observe, 0.01, lambda draft: draft.troubled)
SETTLE_AGAIN = Move(lambda _, draft: draft.settle(), SETTLE_S, lambda draft: bool(draft.seen) and draft.troubled)
"""In virtual time a schedule may settle more than once."""
