"""Moves that change who belongs to the cluster: nodes join, leave, are removed and retired, at the worst of times.

What finds bugs is the change and then, before it is over, something else: a crash, a cut or a lost disk of the very
node, another change under another view, messages that spread the view late.
"""

from hypothesis import strategies as st

from ringcheck.schedule import Schedule
from ringcheck_chaos.faults import Isolate, MessageFault, Split
from ringcheck_properties.configurations import configurations
from ringcheck_properties.draft import RESTART_S, STUCK_S, Draft
from ringcheck_properties.hardships import MANY_KEYS, TRUSTED, blind, lose_one_of, running
from ringcheck_properties.moves import PAUSES, Move, operate, talk
from ringcheck_properties.picking import Draw, coins, pick, shuffle, up_to
from ringcheck_properties.swarm import Swarm, hard_swarms

SOON_S = (0.05, 0.005, 0.02, 0.1, 0.2)
"""How soon after a change something befalls the node that it is about: in the middle of handing over."""
WEIGHTS = (1, 1, 1, 2, 4)
HEAVY = (4, 2, 1)
SPREADING = ("gossip", "gossip", "release", "holding", "transfer")
"""Kinds of message by which views spread and partitions move."""
LATE_MS = (60, 400, 1_500)
SLOW_VIEWS_MS = (400, 100, 1_500)
LATE_VIEWS_MS = (1_500, 400, 2_500)
"""So late that whole changes happen under an old view."""
STRETCHES_S = (0.1, 0.05, 0.2)
"""Of the time in which some know a view and others do not."""
ON_THE_WAY_MS = (150, 60)
"""So long a write is on its way, to where it may not belong any more."""
HEARD_S = (1.0, 0.2, 3.0)
"""From a change that somebody does not hear of until he does."""
LONGEST_S = 8.0
"""So long a schedule waits at most for partitions to move."""
NAME = "explored"
JOINERS = 3
"""So many may join in one schedule: each is a node more."""
CALM_MOVES = 10
LONE_MOVES = 3
LONE_S = 60.0
"""What lone episodes may take, in virtual seconds by estimate."""


def come(draw: Draw, draft: Draft, *, through: tuple[str, ...] = (), weights: tuple[int, ...] = WEIGHTS) -> str:
    """A node joins, mostly on a host of its own; returns its id."""
    hosts = (*("" for _ in range(5)), draft.host(draft.members[0]))
    return draft.join(
        through=pick(draw, through or _askable(draft)),
        weight=pick(draw, weights),
        host=pick(draw, hosts),
        wait=draw(coins),
    )


def go(draw: Draw, draft: Draft, nodes: tuple[str, ...] = (), *, through: tuple[str, ...] = ()) -> str:
    """A member leaves; returns its id."""
    node = pick(draw, nodes or leavable(draft))
    draft.leave(node, through=pick(draw, through or _askable(draft)), wait=draw(coins))
    return node


def join(draw: Draw, draft: Draft) -> None:
    """A node joins, and clients go on."""
    come(draw, draft)
    talk(draw, draft)


def leave(draw: Draw, draft: Draft) -> None:
    """A node leaves, and clients go on."""
    go(draw, draft)
    talk(draw, draft)


def retire(draw: Draw, draft: Draft) -> None:
    """Leavers are stopped once they are drained."""
    draft.retire(pick(draw, (draft.leavers, draft.leavers[:1])))


def remove(draw: Draw, draft: Draft) -> None:
    """A node dies and, before or after others know, is removed for good; clients go on."""
    node = pick(draw, removable(draft))
    draft.kill((node,))
    draft.pause(pick(draw, PAUSES))
    draft.remove(node, through=pick(draw, tuple(each for each in running(draft) if each in draft.members)))
    talk(draw, draft)


def shaken(draw: Draw, draft: Draft) -> None:
    """Somebody comes or goes, and soon after dies, is cut off or loses its disk; it heals, and another disk is lost."""
    _write(draw, draft)
    leaves = bool(leavable(draft)) and draw(coins)
    node = go(draw, draft) if leaves else come(draw, draft)
    draft.lapse(pick(draw, SOON_S))
    _befall(draw, draft, node)
    draft.lapse(pick(draw, SOON_S))
    if draw(coins):
        lose_one_of(draw, draft, tuple(each for each in draft.nodes if each != node))


def _befall(draw: Draw, draft: Draft, node: str) -> None:
    """Something happens to this very node, clients go on, and it ends."""
    others = tuple(each for each in draft.nodes if each != node)
    end = pick(draw, ("crash", "cut", "half-way", "disk"))
    if end == "disk" and draft.may_destroy(node):
        draft.wipe(node)
    elif end == "cut":
        cut = draft.inject(Isolate(how=pick(draw, draft.swarm.cuts), node=node))
        _write(draw, draft, others)
        draft.pause(pick(draw, PAUSES))
        _write(draw, draft, others)
        draft.heal(cut)
        return
    elif end == "half-way":
        draft.crash_after(node, draw(up_to(30)))
        draft.lapse(pick(draw, SOON_S))
    else:
        draft.kill((node,))
    _write(draw, draft, others)
    draft.pause(pick(draw, PAUSES))
    _write(draw, draft, others)
    draft.restart()


def apart(draw: Draw, draft: Draft) -> None:
    """A partition, and a change on each side of it, under two views; clients write on both sides, and it heals."""
    order = shuffle(draw, draft.members)
    together = draw(up_to(len(order) - 1, 1))
    left, right = order[:together], order[together:]
    joiner = draft.next_joiner
    split = draft.inject(Split(how=pick(draw, draft.swarm.cuts), left=(*left, joiner), right=right))
    draft.pause(pick(draw, PAUSES))
    come(draw, draft, through=left)
    leavers = tuple(node for node in leavable(draft) if node in right)
    if bool(leavers) and pick(draw, (True, True, False)):
        go(draw, draft, leavers, through=right)
    for key in MANY_KEYS:
        operate(draw, draft, left, wait=False, key=key, kind="put")
        operate(draw, draft, right, wait=False, key=key, kind="put")
    draft.wait()
    draft.heal(split)
    draft.lapse(pick(draw, SOON_S))
    if draw(coins):
        lose_one_of(draw, draft, draft.nodes)


def late_views(draw: Draw, draft: Draft) -> None:
    """Messages by which views spread, or partitions move, are lost or late, while one change follows another."""
    action = pick(draw, ("delay", "delay", "lose"))
    fault = draft.inject(
        MessageFault(
            action="lose" if action == "lose" else "delay",
            kind=pick(draw, SPREADING),
            answers=draw(coins),
            every=pick(draw, (1, 1, 2, 3)),
            delay_ms=0 if action == "lose" else pick(draw, LATE_MS),
            source=pick(draw, ("", "", *draft.nodes)),
        )
    )
    _write(draw, draft)
    for _ in range(2):
        if bool(leavable(draft)) and draw(coins):
            go(draw, draft)
        elif len(draft.joined) < JOINERS:
            come(draw, draft)
        draft.lapse(pick(draw, SOON_S))
        _write(draw, draft)
    draft.pause(pick(draw, PAUSES))
    draft.heal(fault)


def orphan(draw: Draw, draft: Draft) -> None:
    """A node alone keeps the only copies of what it holds for others, and one of those leaves or is removed."""
    alone, target, *_ = order = shuffle(draw, draft.members)
    dead = target in removable(draft) and draw(coins)
    if dead:
        draft.kill((target,))
    cut = draft.inject(Isolate(how="down", node=alone))
    draft.pause(TRUSTED)
    for key in MANY_KEYS:
        operate(draw, draft, (alone,), wait=False, key=key, kind="put", quorum=1)
    draft.wait()
    draft.observe()
    if draw(coins):
        draft.kill((alone,))
        draft.restart(alone)
    others = tuple(node for node in order if node not in (alone, target))
    if dead:
        draft.heal(cut)
        draft.remove(target, through=pick(draw, others or (alone,)))
    elif target in leavable(draft):
        draft.leave(target, through=pick(draw, others or (alone,)), wait=draw(coins))
        draft.heal(cut)
    else:
        draft.heal(cut)


def unheard(draw: Draw, draft: Draft) -> None:
    """A node is alone while others are removed, come or go; then it is heard, which knows the old members."""
    alone, *others = shuffle(draw, draft.members)
    through = tuple(others)
    removed = tuple(node for node in others if node in removable(draft)) if len(others) > 1 else ()
    leavers = tuple(node for node in leavable(draft) if node != alone)
    change = pick(draw, ("remove", "remove", "leave", "join"))
    node = pick(draw, removed) if removed and change == "remove" else ""
    if node:
        draft.kill((node,))
        through = tuple(each for each in others if each != node)
    cut = draft.inject(Isolate(how=pick(draw, draft.swarm.cuts), node=alone))
    if node:
        draft.remove(node, through=pick(draw, through))
    elif change != "join" and leavers:
        go(draw, draft, leavers, through=through)
    else:
        come(draw, draft, through=through)
    draft.lapse(pick(draw, HEARD_S))
    _write(draw, draft)
    draft.heal(cut)
    draft.lapse(pick(draw, HEARD_S))
    if draw(coins):
        draft.observe()


def behind(draw: Draw, draft: Draft) -> None:
    """Views are slow to spread, and strangers write many keys through every node: also when partitions have moved."""
    faults = [draft.inject(MessageFault(action="delay", kind="gossip", delay_ms=pick(draw, SLOW_VIEWS_MS)))]
    if pick(draw, (True, True, True, False)):
        faults.append(draft.inject(MessageFault(action="delay", kind="write", delay_ms=pick(draw, ON_THE_WAY_MS))))
    first = pick(draw, draft.members)
    if pick(draw, (False, False, True)) and bool(leavable(draft)):
        node = go(draw, draft, through=(first,))
    else:
        node = come(draw, draft, through=(first,), weights=HEAVY)
    # Mostly through those two that know the view first: what they send is on its way when partitions move.
    asked = pick(draw, ((first, node), (first, node), draft.members))
    quorum, stretch = pick(draw, (0, 1)), pick(draw, STRETCHES_S)
    for _ in range(draw(up_to(14, 6))):
        draft.lapse(stretch)
        for key in MANY_KEYS:
            blind(draw, draft, asked, key, quorum=quorum)
    draft.wait()
    for fault in faults if draw(coins) else ():
        draft.heal(fault)


def back_and_forth(draw: Draw, draft: Draft) -> None:
    """What everybody holds moves to a newcomer and then back, while views and what nodes confirm are late."""
    for key in MANY_KEYS:
        operate(draw, draft, draft.members, wait=False, key=key, kind="put", quorum=draft.configuration.n)
    draft.wait()
    late = pick(draw, LATE_VIEWS_MS)
    faults = [draft.inject(MessageFault(action="delay", kind="gossip", delay_ms=late))]
    if pick(draw, (True, True, True, False)):
        answers = pick(draw, (True, True, False))
        half = MessageFault(action="delay", kind="holding", answers=answers, delay_ms=late // 2)
        faults.append(draft.inject(half))
    node = draft.join(through=pick(draw, _askable(draft)), weight=pick(draw, HEAVY), wait=True)
    draft.lapse(min(LONGEST_S, (late * pick(draw, (2, 1, 3)) + 2 * draft.configuration.handoff_interval_ms) / 1000))
    draft.leave(node, through=pick(draw, (node, node, *draft.stayers)), wait=draw(coins))
    draft.lapse(pick(draw, HEARD_S))
    for fault in faults if draw(coins) else ():
        draft.heal(fault)


def leavable(draft: Draft) -> tuple[str, ...]:
    """The members that may leave: enough hosts are left without them."""
    return tuple(node for node in draft.members if draft.spares(node) and node not in draft.down)


def removable(draft: Draft) -> tuple[str, ...]:
    """The members that may be taken away for good, within the contract: each is a lost disk too."""
    return tuple(node for node in draft.members if draft.spares(node) and draft.may_destroy(node))


def _askable(draft: Draft) -> tuple[str, ...]:
    """Through whom a change is asked for: a member that runs, if any does."""
    return tuple(node for node in draft.members if node not in draft.down) or draft.members


def _write(draw: Draw, draft: Draft, nodes: tuple[str, ...] = ()) -> None:
    """A few writes through nodes that run."""
    up = tuple(node for node in nodes or draft.nodes if node not in draft.down)
    for _ in range(draw(up_to(4, 1)) if up else 0):
        operate(draw, draft, up, wait=False)


def _may_join(draft: Draft) -> bool:
    return draft.changing and len(draft.joined) < JOINERS


def _may_leave(draft: Draft) -> bool:
    return draft.changing and bool(leavable(draft))


JOIN = Move(join, STUCK_S, _may_join)
LEAVE = Move(leave, STUCK_S, _may_leave)
RETIRE = Move(retire, 2 * STUCK_S, lambda draft: bool(draft.leavers) and not draft.troubled)
REMOVE = Move(remove, 3 * STUCK_S, lambda draft: draft.changing and bool(removable(draft)) and not draft.troubled)
SHAKEN = Move(shaken, 4 * STUCK_S + RESTART_S, lambda draft: _may_join(draft) and not draft.troubled)
APART = Move(apart, 4 * STUCK_S, lambda draft: _may_join(draft) and not draft.troubled and len(draft.members) > 1)
LATE_VIEWS = Move(late_views, 4 * STUCK_S, lambda draft: _may_join(draft) and not draft.troubled)
ORPHAN = Move(orphan, 4 * STUCK_S, lambda draft: draft.changing and not draft.troubled and len(draft.members) > 1)
UNHEARD = Move(unheard, 4 * STUCK_S, lambda draft: draft.changing and not draft.troubled and len(draft.members) > 1)
BEHIND = Move(behind, 3 * STUCK_S, lambda draft: _may_join(draft) and not draft.troubled)
BACK_AND_FORTH = Move(back_and_forth, 6 * STUCK_S, lambda draft: _may_join(draft) and not draft.troubled)

OPENINGS = (SHAKEN, APART, LATE_VIEWS, ORPHAN, UNHEARD, BEHIND, BACK_AND_FORTH, REMOVE)
"""Episodes that many a schedule with changes begins with."""

CALM_SWARM = Swarm(mechanisms=(), extents=("client",), crashes=False)


@st.composite
def calm_changes(draw: st.DrawFn) -> Schedule:
    """Schedules in which nothing happens but changes, while every Put asks for all copies and every Get for one."""
    number, configuration = draw(up_to(2**31 - 1)), draw(configurations(changing=True))
    draft = Draft(configuration, swarm=CALM_SWARM, keys=MANY_KEYS, name=NAME, seed=number, changing=True)
    r, w = pick(draw, ((1, configuration.n), (configuration.r, configuration.w), (configuration.n, 1)))
    for key in MANY_KEYS:
        operate(draw, draft, draft.members, wait=True, key=key, kind="put", quorum=w)
    for _ in range(draw(up_to(CALM_MOVES, 1))):
        match pick(draw, ("join", "leave", "read", "read", "pass", "retire", "settle")):
            case "join" if len(draft.joined) < JOINERS:
                come(draw, draft)
            case "leave" if leavable(draft):
                go(draw, draft)
            case "pass":
                draft.lapse(pick(draw, SOON_S))
            case "retire" if draft.leavers:
                draft.retire(draft.leavers)
            case "settle" if not draft.settled:
                draft.observe()
                draft.settle()
            case _:
                _read_and_write(draw, draft, r, w)
    draft.observe()
    return draft.finish()


def _read_and_write(draw: Draw, draft: Draft, r: int, w: int) -> None:
    """Some keys are written, and read once that has been acknowledged."""
    through = draft.stayers
    for _ in range(draw(up_to(4, 1))):
        key, wait = pick(draw, draft.keys), pick(draw, (True, True, False))
        operate(draw, draft, through, wait=wait, key=key, kind=pick(draw, ("put", "put", "delete")), quorum=w)
        operate(draw, draft, through, wait=wait, key=key, kind="get", quorum=r)


@st.composite
def lone_upheavals(draw: st.DrawFn) -> Schedule:
    """Schedules of an episode or two on a small cluster, with few copies or one: soon over, so there can be many."""
    number, configuration = draw(up_to(2**31 - 1)), draw(configurations(changing=True, small=True))
    swarm = draw(hard_swarms(configuration.nodes))
    draft = Draft(configuration, swarm=swarm, keys=MANY_KEYS, name=NAME, seed=number, budget=LONE_S, changing=True)
    for _ in range(draw(up_to(LONE_MOVES, 1))):
        if draft.length:
            draft.settle()
        offered = tuple(move for move in OPENINGS if move.offered(draft))
        if offered:
            pick(draw, offered).tell(draw, draft)
    return draft.finish()
