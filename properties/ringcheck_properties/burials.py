"""Moves for targets that reap tombstones: keys are deleted, and that is outlived, whoever is away meanwhile."""

from ringcheck_chaos.faults import Isolate
from ringcheck_properties import hardships
from ringcheck_properties.draft import RESTART_S, SETTLE_S, STUCK_S, Draft
from ringcheck_properties.moves import Move, operate, talk
from ringcheck_properties.picking import Draw, coins, pick, pick_some, shuffle

LEAST_TOMB = 3
"""Who is away, who keeps something for him, and who goes on."""


def outlive(draw: Draw, draft: Draft) -> None:
    """So much time passes that tombstones may be reaped, mostly when all is well; then keys may be written again."""
    if draft.troubled and pick(draw, (True, True, False)):
        draft.settle()
    draft.lapse(draft.outliving_s)
    if draw(coins):
        talk(draw, draft)


def bury(draw: Draw, draft: Draft) -> None:
    """Keys are written and deleted, and the disks of some nodes copied meanwhile; all of it is outlived.

    A copy may come back in time, before that or after.
    """
    keys = hardships.MANY_KEYS[: pick(draw, (2, 1, 6))]
    for key in keys:
        draft.put(key, through=pick(draw, draft.nodes), client=hardships.NEWCOMER, context=None, quorum=0, wait=True)
    may_copy, soon = "roll-backs" in draft.swarm.hardships, draw(coins)
    if may_copy:
        draft.back_up(pick_some(draw, draft.nodes, 1))
    for key in keys:
        _delete(draft, (key,), pick(draw, draft.nodes))
    if may_copy and soon and undamaged_copies(draft):
        draft.roll_back(pick(draw, undamaged_copies(draft)))
        draft.restart()
    draft.lapse(draft.outliving_s)
    if may_copy and draw(coins):
        draft.back_up(pick_some(draw, draft.nodes, 1))
    if draw(coins):
        for key in keys:
            operate(draw, draft, hardships.running(draft), wait=True, key=key)
    if pick(draw, (True, True, False)):
        _revisit(draw, draft, keys)
    if draw(coins) and undamaged_copies(draft):
        draft.roll_back(pick(draw, undamaged_copies(draft)))
        draft.restart()


def _revisit(draw: Draw, draft: Draft, keys: tuple[str, ...]) -> None:
    """Keys are written again; then somebody deletes or overwrites what he saw of them at first, which is long gone."""
    for key in keys:
        first, through = draft.seen[key][0].operation, pick(draw, hardships.running(draft))
        draft.put(key, through=through, client=hardships.NEWCOMER, context=None, quorum=0, wait=True)
        if draw(coins):
            draft.put(key, through=through, client=0, context=first, quorum=0, wait=True)
        else:
            draft.delete(key, through=through, client=0, context=first, quorum=0, wait=True)


def undamaged_copies(draft: Draft) -> tuple[str, ...]:
    """The running nodes that may be put back to a copy of their disks, within the contract."""
    return tuple(node for node in hardships.undamaged(draft) if node in draft.copied)


def entomb(draw: Draw, draft: Draft) -> None:
    """A home misses a delete, or a stand-in is away that keeps for it what is deleted, or the delete.

    All of that lasts for longer than a tombstone; then the keys may be written again, and who was away is back.
    """
    away, keeper, *others = shuffle(draw, draft.nodes)
    through = pick(draw, others)
    keys = hardships.MANY_KEYS[: pick(draw, (6, 2, 1))]
    missing = draft.inject(Isolate(how=pick(draw, draft.swarm.cuts), node=away))
    draft.pause(hardships.TRUSTED)
    for key in keys:
        draft.put(key, through=through, client=hardships.NEWCOMER, context=None, quorum=0, wait=True)
    early = draw(coins)
    if early:
        _delete(draft, keys, through)
    keeping = draft.inject(Isolate(how=pick(draw, draft.swarm.cuts), node=keeper))
    draft.heal(missing)
    draft.pause(hardships.TRUSTED)
    if not early:
        _delete(draft, keys, through)
    if pick(draw, (False, False, True)):
        draft.heal(keeping)
    draft.lapse(draft.outliving_s)
    if draw(coins):
        for key in keys:
            draft.put(key, through=through, client=hardships.NEWCOMER, context=None, quorum=0, wait=True)
    if keeping in draft.faults:
        draft.heal(keeping)
    if draft.affords(draft.outliving_s) and draw(coins):
        draft.lapse(draft.outliving_s)


def _delete(draft: Draft, keys: tuple[str, ...], through: str) -> None:
    """The first versions of these keys, which the newcomer has put, are deleted."""
    for key in keys:
        put = draft.seen[key][-1].operation
        draft.delete(key, through=through, client=hardships.NEWCOMER, context=put, quorum=0, wait=True)


def may_outlive(draft: Draft) -> bool:
    """Whether tombstones are reaped at all, and there is time for that."""
    return draft.outliving_s > 0 and draft.affords(draft.outliving_s + 4 * STUCK_S)


OUTLIVE = Move(outlive, SETTLE_S, lambda draft: bool(draft.seen) and may_outlive(draft))
BURY = Move(bury, RESTART_S, lambda draft: not draft.troubled and may_outlive(draft))
ENTOMB = Move(
    entomb,
    4 * STUCK_S,
    lambda draft: not draft.troubled and len(draft.nodes) >= LEAST_TOMB and may_outlive(draft),
)

OPENINGS = (ENTOMB, BURY)
"""Where tombstones are reaped, two of three openings are one of these."""
