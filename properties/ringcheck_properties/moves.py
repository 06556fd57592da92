"""The moves of which random schedules are made. Each appends steps; none asks what came of the steps before.

Whole episodes find what independent picks do not: a fault, a wait shorter or longer than failure detection, writes
under it, healing, and soon after a crash.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ringcheck_properties.draft import RESTART_S, SETTLE_S, STUCK_S, Draft
from ringcheck_properties.picking import Draw, coins, pick, up_to
from ringcheck_properties.swarm import fault_in, split_of

PAUSES = (0.4, 1.5)
"""In detection deadlines: too short for anybody to notice a fault, and long enough for everybody."""

CLIENTS = 3
BURST = 5
AT_ONCE = 2
"""So many faults may be in force together."""

Telling: TypeAlias = Callable[[Draw, Draft], None]


@dataclass(frozen=True, slots=True)
class Move:
    """Something a schedule may do next, where it is possible and can be afforded."""

    tell: Telling
    seconds: float = 0.0
    possible: Callable[[Draft], bool] = lambda _: True

    def offered(self, draft: Draft) -> bool:
        """Whether this move makes sense now."""
        return (self.seconds == 0 or draft.affords(self.seconds)) and self.possible(draft)


def operate(
    draw: Draw,
    draft: Draft,
    nodes: tuple[str, ...],
    *,
    wait: bool,
    key: str = "",
    kind: str = "",
    client: int | None = None,
    quorum: int | None = None,
) -> str:
    """One operation of one client through one of `nodes`; returns that node. What is not given is drawn."""
    key = key or pick(draw, draft.keys)
    through = pick(draw, nodes)
    if client is None:
        client = draw(up_to(CLIENTS - 1))
    if quorum is None:
        quorum = pick(draw, (0, 0, *range(1, draft.configuration.n + 1)))
    kind = kind or pick(draw, ("put", "put", "put", "get", "get", "delete"))
    context = None if kind == "get" else _context(draw, draft, key, client)
    if kind == "put":
        size = pick(draw, draft.sizes)
        draft.put(key, through=through, client=client, context=context, quorum=quorum, wait=wait, size=size)
    elif kind == "delete" and context is not None:
        draft.delete(key, through=through, client=client, context=context, quorum=quorum, wait=wait)
    else:
        draft.get(key, through=through, client=client, quorum=quorum, wait=wait)
    return through


def talk(draw: Draw, draft: Draft) -> None:
    """A burst of operations; while something is broken none waits for another, unless it needs its context."""
    for _ in range(draw(up_to(BURST, 2))):
        operate(draw, draft, draft.nodes, wait=not draft.troubled and draw(coins))
    if draft.affords(STUCK_S) and draw(coins):
        draft.wait()


def cut(draw: Draw, draft: Draft) -> None:
    """One more fault."""
    draft.inject(fault_in(draw, draft.swarm, draft.nodes))


def linger(draw: Draw, draft: Draft) -> None:
    """Time passes while something is broken."""
    draft.pause(pick(draw, PAUSES))


def mend(draw: Draw, draft: Draft) -> None:
    """One fault ends."""
    draft.heal(pick(draw, sorted(draft.faults)))


def crash(draw: Draw, draft: Draft) -> None:
    """The node that has just answered dies, alone, with others, or with all; it may come back at once."""
    running = tuple(node for node in draft.nodes if node not in draft.down)
    asked = operate(draw, draft, running, wait=True)
    others = tuple(node for node in running if node != asked)
    also = pick(draw, ((), others[:1], others[1:], others, others))
    draft.kill((asked, *also))
    if draw(coins):
        draft.restart()


def revive(draw: Draw, draft: Draft) -> None:  # noqa: ARG001  - a move like the others, with nothing to draw
    """All nodes that are down come back."""
    draft.restart()


def clique(draw: Draw, draft: Draft) -> None:
    """Exactly W nodes, or W - 1, stay together for longer than failure detection; both sides are asked."""
    w = draft.configuration.w
    together = min(len(draft.nodes) - 1, pick(draw, [size for size in (w, w - 1) if size]))
    draft.inject(split_of(draw, draft.swarm.cuts, draft.nodes, together))
    draft.pause(PAUSES[-1])
    talk(draw, draft)


def episode(draw: Draw, draft: Draft) -> None:
    """A fault, a wait, writes under it, healing, and a crash soon after."""
    fault = draft.inject(fault_in(draw, draft.swarm, draft.nodes))
    draft.pause(pick(draw, PAUSES))
    talk(draw, draft)
    draft.heal(fault)
    if draft.swarm.crashes and not draft.down:
        crash(draw, draft)


def settle(draw: Draw, draft: Draft) -> None:  # noqa: ARG001  - as above
    """Everything heals and is judged; then it goes on."""
    draft.settle()


TALK = Move(talk)
CUT = Move(cut, 0.2, lambda draft: len(draft.faults) < AT_ONCE)
LINGER = Move(linger, PAUSES[-1], lambda draft: draft.troubled)
MEND = Move(mend, 0.1, lambda draft: bool(draft.faults))
CRASH = Move(crash, RESTART_S + STUCK_S, lambda draft: draft.swarm.crashes and not draft.down)
REVIVE = Move(revive, 2 * RESTART_S, lambda draft: bool(draft.down))
CLIQUE = Move(clique, PAUSES[-1] + STUCK_S, lambda draft: not draft.faults and len(draft.nodes) > 1)
EPISODE = Move(episode, PAUSES[-1] + 2 * STUCK_S, lambda draft: len(draft.faults) < AT_ONCE)
SETTLE = Move(settle, SETTLE_S, lambda draft: not draft.settled and bool(draft.seen) and draft.seconds > 0)

MOVES = (TALK, CUT, LINGER, MEND, CRASH, REVIVE, CLIQUE, EPISODE, SETTLE)


def _context(draw: Draw, draft: Draft, key: str, client: int) -> int | None:
    """The operation whose context a write uses: the client's last on this key, an older one of anybody's, or none."""
    seen = draft.seen[key]
    own = [each.operation for each in seen if each.client == client]
    match pick(draw, ("last", "last", "older", "none")):
        case "last" if own:
            return own[-1]
        case "older" if seen:
            return pick(draw, seen).operation
    return None
