"""Bugs about hints: 39, 41, 45."""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from ringcheck_reference.core.desk import Desk
from ringcheck_reference.core.dropping import DroppingRound
from ringcheck_reference.core.effects import DiskWrite, DropHint, Persist, PutHint
from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.hints import HintKey, HintRows, Hints
from ringcheck_reference.core.messages import Cause, Stored
from ringcheck_reference.core.ring import Ring
from ringcheck_reference.core.storing import Storing
from ringcheck_reference.core.versions import State

from .bug import bug, replace


class MemoryRows:
    """Hints that no disk holds."""

    def __init__(self) -> None:
        self._rows: dict[HintKey, bytes] = {}

    def get(self, target: str, key: bytes, /) -> bytes | None:
        """The state bytes kept for `target`, or None."""
        return self._rows.get((target, key))

    def items(self) -> Iterable[tuple[HintKey, bytes]]:
        """Every ((target, key), state bytes)."""
        return self._rows.items()

    def keep(self, hint: HintKey, state: State) -> None:
        """Remember it, for now."""
        self._rows[hint] = encode_state(state)


@bug("39", "data kept for others is never handed off", "HND-02")
def hints_in_memory() -> None:
    """Hints are kept in memory, and forgotten at a restart."""
    memories: WeakKeyDictionary[Hints, MemoryRows] = WeakKeyDictionary()

    def init(hints: Hints, _rows: HintRows, ring: Ring) -> None:
        memories[hints] = MemoryRows()
        honest_init(hints, memories[hints], ring)

    def settle(hints: Hints, token: int, key: HintKey, *, durable: bool) -> State | None:
        state: State | None = honest_settle(hints, token, key, durable=durable)
        if state is not None:
            memories[hints].keep(key, state)
        return state

    def persist(desk: Desk, write: DiskWrite, staged: Any) -> int:
        token: int = honest_persist(desk, write, staged)
        if isinstance(write, PutHint | DropHint):
            desk.effects[-1] = Persist(token, ())
        return token

    honest_init = replace(Hints, "__init__", init)
    honest_settle = replace(Hints, "settle", settle)
    honest_persist = replace(Desk, "_persist", persist)


@bug("41", "hints are lost when their target leaves", "HND-04")
def hints_of_leavers_are_dropped() -> None:
    """What is kept for a node that is no member any more is of no use to anybody."""

    def drop(drops: DroppingRound) -> None:
        desk = drops._desk
        for target in desk.hints.targets():
            if target not in desk.standing.view.member_ids:
                for key in desk.hints.keys_for(target):
                    desk.drop_hint(target, key, desk.hints.durable((target, key)))
        honest_drop(drops)

    honest_drop = replace(DroppingRound, "_drop", drop)


@bug("45", "big objects vanish on handoff", "DUR-01")
def limits_apply_to_handoff() -> None:
    """The receiver of a hint applies the limits for clients to the whole object, and drops what is beyond them."""

    def start(storing: Storing) -> None:
        body, limits = storing._body, storing._desk.config.limits
        too_big = len(encode_state(body.state)) > limits.max_value_bytes
        too_many = len(body.state.versions) > limits.max_siblings
        if body.cause is Cause.HANDOFF and (too_big or too_many):
            storing._end(Stored(changed=False))
        else:
            honest_start(storing)

    honest_start = replace(Storing, "start", start)
