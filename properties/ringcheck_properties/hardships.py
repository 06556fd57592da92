"""Moves that take a simulated world: lost and failing disks, single messages, clocks, deaths between two effects."""

from typing import Literal, get_args

from ringcheck_chaos.faults import ClockSkew, Cut, DiskErrors, Isolate, MessageFault, Split
from ringcheck_properties.draft import RESTART_S, SETTLE_S, STUCK_S, Draft
from ringcheck_properties.moves import CLIENTS, Move, operate, talk
from ringcheck_properties.picking import Draw, coins, pick, pick_some, shuffle, up_to

Action = Literal["lose", "repeat", "delay"]
KINDS = ("", "", "write", "write", "read", "read", "forward", "handoff", "read-repair", "anti-entropy", "ping", "tree")
"""Kinds of message, as `ringcheck.simulation.core` names them; none is any."""
ACTIONS: tuple[Action, ...] = get_args(Action)
SLOW_KINDS = ("forward", "forward", "write", "read", "handoff", "anti-entropy")
EVERY = (1, 2, 3, 5)
LATE_MS = (5, 60, 400, 3_000)
"""From being overtaken by the next message to coming when nobody waits any more."""
MANY_KEYS = ("a", "b", "c", "d", "e", "f")
NEWCOMER = CLIENTS
"""A client who has seen nothing yet."""
TWICE = 2
SILENT: tuple[Cut, ...] = ("drop", "stall")
"""Cuts that nobody notices at once."""
LEAST_ECHO = 3
"""The least quorum that lacks one node and has another one to count twice."""
TRUSTED = 1.5
"""Detection deadlines after which everybody knows who is there."""
HOMECOMING = (TRUSTED, 3.0)
"""Detection deadlines in which hints reach their homes, unless handoff is slow."""
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
    kind = pick(draw, kinds)
    node = pick(draw, losable(draft, kind))
    (draft.wipe if kind == "wipes" else draft.roll_back)(node)
    if draw(coins):
        draft.restart()


def back_up(draw: Draw, draft: Draft) -> None:
    """The disks of some nodes are copied, at a moment when anything may be on its way to them."""
    draft.back_up(pick_some(draw, draft.nodes, 1))
    talk(draw, draft)


def fail_disk(draw: Draw, draft: Draft) -> None:
    """The writes of one disk fail, each or now and then, and clients go on.

    Or many keys are written, and another disk is lost: so a copy that was counted and never made is one too few. Where
    somebody else is cut off meanwhile, there is none to spare.
    """
    node, *others = shuffle(draw, draft.nodes)
    draft.inject(DiskErrors(node=node, every=pick(draw, EVERY)))
    if draw(coins):
        talk(draw, draft)
        return
    if len(others) > 1 and draw(coins):
        draft.inject(Isolate(how=pick(draw, draft.swarm.cuts), node=others.pop()))
        draft.pause(TRUSTED)
    asked = (node,) if node in running(draft) and draw(coins) else running(draft)
    for key in MANY_KEYS:
        operate(draw, draft, asked, wait=False, key=key, kind="put", quorum=0)
    draft.wait()
    lose_one_of(draw, draft, tuple(others))


def lose_one_of(draw: Draw, draft: Draft, nodes: tuple[str, ...]) -> None:
    """One of these nodes loses its disk, where that is within the contract."""
    candidates = tuple(node for node in nodes if node in losable(draft, "wipes"))
    if candidates:
        draft.wipe(pick(draw, candidates))
        draft.restart()


def strand(draw: Draw, draft: Draft) -> None:
    """Many keys are written where exactly W nodes are together; it heals, hints go home, and a home loses its disk.

    So of some keys no home is among those together, and what two stand-ins keep must come to rest, wholly, at two.
    """
    w = draft.configuration.w
    order = shuffle(draw, draft.nodes)
    together, apart = order[:w], order[w:]
    split = draft.inject(Split(how=pick(draw, draft.swarm.cuts), left=together, right=apart))
    draft.pause(TRUSTED)
    for key in MANY_KEYS:
        operate(draw, draft, together, wait=False, key=key, kind="put", quorum=0)
    draft.wait()
    draft.heal(split)
    draft.pause(pick(draw, HOMECOMING))
    if draw(coins):
        lose_one_of(draw, draft, apart)


def rewrite(draw: Draw, draft: Draft) -> None:
    """While a node is away keys are written, deleted and written again; then it hears of all of it, late."""
    away, *others = shuffle(draw, draft.nodes)
    cut = draft.inject(Isolate(how=pick(draw, draft.swarm.cuts), node=away))
    draft.pause(TRUSTED)
    through = pick(draw, others)
    keys = MANY_KEYS[: pick(draw, (2, 1))]
    for key in keys:
        draft.put(key, through=through, client=NEWCOMER, context=None, quorum=0, wait=True)
        seen = draft.seen[key][-1].operation
        draft.delete(key, through=through, client=NEWCOMER, context=seen, quorum=0, wait=True)
    draft.pause(pick(draw, (0.1, 1.5)))
    for key in keys:
        operate(draw, draft, (through,), wait=True, key=key, kind="put")
    draft.heal(cut)


def fall_back(draw: Draw, draft: Draft) -> None:
    """A disk is copied, clients go on, all may come to rest; the copy takes its place, and somebody new writes.

    Its node may restart in between, so that an identity that is kept on the disk comes back with it.
    """
    node = pick(draw, undamaged(draft))
    keys = MANY_KEYS[: pick(draw, (4, 2, 1))]
    for key in keys:
        operate(draw, draft, (node,), wait=True, key=key, kind="put")
    draft.back_up((node,))
    if pick(draw, (True, True, False)):
        draft.kill((node,))
        draft.restart()
    for key in keys:
        operate(draw, draft, (node,), wait=True, key=key, kind=pick(draw, ("put", "delete")))
    if draw(coins):
        draft.settle()
    draft.roll_back(node)
    draft.restart()
    for key in keys * TWICE:
        operate(draw, draft, (node,), wait=True, key=key, kind="put", client=NEWCOMER)


def undamaged(draft: Draft) -> tuple[str, ...]:
    """The running nodes whose disk may be lost, within the contract."""
    return tuple(node for node in running(draft) if draft.may_destroy(node))


def echo(draw: Draw, draft: Draft) -> None:
    """All answers arrive twice while one node is missing from a quorum: who counts answers has enough.

    Mostly before anybody knows that it is missing, since whoever knows fails at the first answer, and hears no second.
    """
    quorum = draw(up_to(draft.configuration.n, LEAST_ECHO))
    order = shuffle(draw, draft.nodes)
    together, apart = order[: quorum - 1], order[quorum - 1 :]
    split = draft.inject(Split(how=pick(draw, SILENT), left=together, right=apart))
    draft.inject(MessageFault(action="repeat", answers=True, delay_ms=LATE_MS[0]))
    if waited := pick(draw, (0.0, 0.1, TRUSTED)):
        draft.pause(waited)
    for key in MANY_KEYS:
        operate(draw, draft, together, wait=False, key=key, kind=pick(draw, ("get", "put")), quorum=quorum)
    draft.wait()
    draft.heal(split)


def disturb_messages(draw: Draw, draft: Draft) -> None:
    """Single messages of a kind, or the answers to them, are lost, repeated or late, and clients go on."""
    action: Action = pick(draw, ACTIONS)
    ends = ("", *draft.nodes)
    draft.inject(
        MessageFault(
            action=action,
            kind=pick(draw, KINDS),
            answers=draw(coins),
            every=pick(draw, EVERY),
            delay_ms=0 if action == "lose" else pick(draw, LATE_MS),
            source=pick(draw, ends),
        )
    )
    talk(draw, draft)


def overtaken(draw: Draw, draft: Draft) -> None:
    """Messages of one kind, or the answers to them, come when nobody waits any more; strangers write the same keys."""
    kind, late = pick(draw, SLOW_KINDS), pick(draw, LATE_MS[:1:-1])
    fault = draft.inject(MessageFault(action="delay", kind=kind, answers=draw(coins), delay_ms=late))
    keys = MANY_KEYS[: pick(draw, (2, 1, 4))]
    for _ in range(draw(up_to(3, 2))):
        for key in keys:
            blind(draw, draft, running(draft), key, wait=draw(coins))
    draft.wait()
    draft.heal(fault)


def blind(draw: Draw, draft: Draft, nodes: tuple[str, ...], key: str, *, wait: bool = False, quorum: int = 0) -> None:
    """A put of somebody who has seen nothing: nothing may take it away that has not seen it either."""
    draft.put(key, through=pick(draw, nodes), client=NEWCOMER, context=None, quorum=quorum, wait=wait)


def skew(draw: Draw, draft: Draft) -> None:
    """A node's clock jumps ahead and runs fast or slow."""
    node = pick(draw, draft.nodes)
    draft.inject(ClockSkew(node=node, rate=pick(draw, (1.0, 0.5, 2.0)), jump_ms=pick(draw, (0, 700, 60_000))))
    talk(draw, draft)


def die_half_way(draw: Draw, draft: Draft) -> None:
    """A node dies between two effects of what it is asked next."""
    up = running(draft)
    node = pick(draw, up)
    draft.crash_after(node, draw(up_to(HALF_WAY)))
    operate(draw, draft, (node,), wait=True)


def rest(draw: Draw, draft: Draft) -> None:
    """Time passes, enough for the one thing and too little for the other."""
    draft.pause(pick(draw, (0.4, 0.1, 1.5, 4.0)))


def observe(draw: Draw, draft: Draft) -> None:  # noqa: ARG001  - a move like the others, with nothing to draw
    """A look into every node, while nothing has been healed yet."""
    draft.observe()


def may_lose(draft: Draft) -> bool:
    """Whether some disk may be lost now."""
    return any(kind in draft.swarm.hardships and losable(draft, kind) for kind in ("wipes", "roll-backs"))


LOSE = Move(lose, 0.3, may_lose)
BACK_UP = Move(back_up, STUCK_S, lambda draft: "roll-backs" in draft.swarm.hardships and not draft.copied)
FAIL_DISK = Move(
    fail_disk, STUCK_S + RESTART_S, lambda draft: "disk errors" in draft.swarm.hardships and bool(running(draft))
)
DISTURB_MESSAGES = Move(
    disturb_messages, STUCK_S, lambda draft: "messages" in draft.swarm.hardships and len(draft.nodes) > 1
)
SKEW = Move(skew, STUCK_S, lambda draft: "clocks" in draft.swarm.hardships)
DIE_HALF_WAY = Move(die_half_way, STUCK_S, lambda draft: "half-way" in draft.swarm.hardships and bool(running(draft)))
REST = Move(rest, 4.0)
OBSERVE = Move(observe, 0.01, lambda draft: draft.troubled)
STRAND = Move(
    strand, 3 * STUCK_S + RESTART_S, lambda draft: not draft.troubled and 0 < draft.configuration.w < len(draft.nodes)
)
FALL_BACK = Move(
    fall_back,
    2 * SETTLE_S,
    lambda draft: "roll-backs" in draft.swarm.hardships and not draft.troubled and bool(undamaged(draft)),
)
REWRITE = Move(rewrite, 4 * STUCK_S, lambda draft: not draft.troubled and len(draft.nodes) > 1)
ECHO = Move(
    echo,
    2 * STUCK_S,
    lambda draft: "messages" in draft.swarm.hardships and not draft.troubled and draft.configuration.n >= LEAST_ECHO,
)
OVERTAKEN = Move(
    overtaken,
    3 * STUCK_S,
    lambda draft: "messages" in draft.swarm.hardships and not draft.troubled and len(draft.nodes) > 1,
)
SETTLE_AGAIN = Move(lambda _, draft: draft.settle(), SETTLE_S, lambda draft: bool(draft.seen) and draft.troubled)
"""In virtual time a schedule may settle more than once."""

OPENINGS = (STRAND, FALL_BACK, ECHO, FAIL_DISK, REWRITE, OVERTAKEN)
"""Episodes that many a schedule begins with: what they bring about, single moves hardly ever do."""
