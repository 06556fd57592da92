"""Bugs about deletes: 5, 5R, 30."""

from dataclasses import replace as with_changes
from typing import Any
from weakref import WeakKeyDictionary

from ringcheck_reference.core.clients import Clients
from ringcheck_reference.core.conversation import Conversation
from ringcheck_reference.core.desk import Desk, _Staged
from ringcheck_reference.core.effects import DiskWrite, PutHint, PutReplica
from ringcheck_reference.core.encoding import decode_state, encode_state
from ringcheck_reference.core.hints import Hints
from ringcheck_reference.core.merkle import Tree
from ringcheck_reference.core.messages import Cause
from ringcheck_reference.core.overlay import Overlay
from ringcheck_reference.core.reaping import Reaping as HonestReaping
from ringcheck_reference.core.reaping import ReapingRound
from ringcheck_reference.core.replica import OwnReplica
from ringcheck_reference.core.storing import Storing
from ringcheck_reference.core.versions import State
from ringcheck_reference.core.writing import Mint, Writing

from .bug import bug, replace

NOTHING = encode_state(State.EMPTY)
REAPED_AFTER_S = 0.05
"""Riak waits three seconds, or not at all (its delete_mode)."""


def rows_of_nothing() -> None:
    """An empty state is as good as no row: no leaf, no hint, no entry of a scan."""

    def plant(replica: OwnReplica, key: bytes, state: bytes, digest: bytes | None = None) -> None:
        if state != NOTHING:
            honest_plant(replica, key, state, digest)
            return
        partition = replica._ring.partition(key)
        old, new = replica._trees.pop(partition, Tree()), Tree()
        rest = {
            index: {name: leaf for name, leaf in entries.items() if name != key}
            for index, entries in old._buckets.items()
        }
        new._buckets = {index: entries for index, entries in rest.items() if entries}
        new._changed = set(new._buckets)
        if new._buckets:
            replica._trees[partition] = new

    def note(hints: Hints, target: str, key: bytes, size: int) -> None:
        if size > len(NOTHING):
            honest_note(hints, target, key, size)

    honest_plant = replace(OwnReplica, "_plant", plant)
    honest_note = replace(Hints, "_note", note)


@bug("30", "a delete removes the record instead of leaving a tombstone", "SIB-03")
def deletes_remove() -> None:
    """A state without versions is forgotten."""
    rows_of_nothing()

    def stage(overlay: Overlay[Any], token: int, key: Any, state: State) -> None:
        honest_stage(overlay, token, key, state if state.versions else State.EMPTY)

    def persist(desk: Desk, write: DiskWrite, staged: Any) -> int:
        if isinstance(write, PutReplica | PutHint) and not decode_state(write.state).versions:
            write = with_changes(write, state=NOTHING)
        token: int = honest_persist(desk, write, staged)
        return token

    honest_stage = replace(Overlay, "stage", stage)
    honest_persist = replace(Desk, "_persist", persist)


@bug("5", "a new value vanishes when an old tombstone arrives", "DUR-01")
def tombstones_are_reaped() -> None:
    """Homes drop a tombstone soon after the delete, though a stand-in may hold it; then the key's dots begin anew.

    A tombstone that comes later, by handoff or repair, is kept.
    """
    rows_of_nothing()
    mints: WeakKeyDictionary[Desk, Mint] = WeakKeyDictionary()

    def init(clients: Clients, desk: Desk, mint: Mint) -> None:
        mints[desk] = mint
        honest_init(clients, desk, mint)

    def put_replica(desk: Desk, key: bytes, merged: State, conversation: Conversation | None = None) -> int:
        token: int = honest_put_replica(desk, key, merged, conversation)
        latest = desk.replica.latest(key)
        deleted = isinstance(conversation, Writing) or (
            isinstance(conversation, Storing) and conversation._body.cause is Cause.WRITE
        )
        if deleted and latest and not latest.versions:
            desk.wake(Reaping(desk, mints[desk], key, latest), desk.now + REAPED_AFTER_S)
        return token

    honest_init = replace(Clients, "__init__", init)
    honest_put_replica = replace(Desk, "put_replica", put_replica)


class Reaping(Conversation):
    """Forgets a tombstone that is still the same after a while, and how far its key had counted."""

    def __init__(self, desk: Desk, mint: Mint, key: bytes, tombstone: State) -> None:
        self._desk = desk
        self._mint = mint
        self._key = key
        self._tombstone = tombstone

    def on_time(self) -> None:
        """It is time."""
        desk, key = self._desk, self._key
        if desk.replica.latest(key) == self._tombstone:
            token = desk._persist(PutReplica(key, NOTHING), _Staged(key, None, None))
            desk.replica.stage(token, key, State.EMPTY)
            self._mint._issued.pop(key, None)


@bug("5R", "a new value vanishes when a tombstone arrives that the homes have reaped", "DUR-01")
def homes_agree_alone() -> None:
    """Homes reap a tombstone of its age among themselves; nobody asks stand-ins, and the key's dots begin anew.

    As 5, but only where reaping is on, and when it is due.
    """
    mints: WeakKeyDictionary[Desk, Mint] = WeakKeyDictionary()

    def init(clients: Clients, desk: Desk, mint: Mint) -> None:
        mints[desk] = mint
        honest_init(clients, desk, mint)

    def asked(reaping: HonestReaping) -> list[str]:
        desk = reaping._desk
        return [owner for owner in desk.ring.owners_of(reaping._partition) if owner != desk.own]

    def drop_replica(desk: Desk, key: bytes, confirmed: State) -> None:
        honest_drop_replica(desk, key, confirmed)
        if desk.own in desk.ring.homes(key):
            mints[desk]._issued.pop(key, None)

    honest_init = replace(Clients, "__init__", init)
    honest_drop_replica = replace(Desk, "drop_replica", drop_replica)
    replace(HonestReaping, "asked", asked)
    replace(ReapingRound, "is_in_touch", lambda _round: True)
    replace(Hints, "holds", lambda _hints, _key: False)
    replace(Mint, "mend_gap", lambda _mint, _key, _seen: None)
