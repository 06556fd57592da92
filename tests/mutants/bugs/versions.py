"""Bugs about which versions there are, and what they supersede: 7, 17, 18, 20."""

from ringcheck_reference.core.versions import Context, Dot, State, Version
from ringcheck_reference.core.writing import Mint, Writing

from .bug import bug, replace

MICROSECONDS = 1_000_000


@bug("7", "one key grows to a hundred siblings", "SIB-02")
def vector_for_all_siblings() -> None:
    """One version vector stands for a whole set of siblings: who has not seen all of them supersedes none."""

    def new_state(writing: Writing, known: State) -> State:
        state: State = honest_new_state(writing, known)
        seen = known.context.join(writing._context) == writing._context
        if seen or not state.versions:
            return state
        return State.of(state.versions, Context.of((), [version.dot for version in state.versions]))

    honest_new_state = replace(Writing, "new_state", new_state)


@bug("17", "a blind put erases what was there", "KV-04")
def blind_put_erases() -> None:
    """The coordinator merges the stored clock into the context it was given."""

    def new_context(writing: Writing, dot: Dot, known: State) -> Context:
        return known.context.join(writing._context).with_dot(dot)

    replace(Writing, "new_context", new_context)


@bug("18", "two puts with one context share a dot, and one is dropped", "KV-05")
def dots_repeat() -> None:
    """New version = increment(client's context); the coordinator's own history is ignored."""

    def new_state(writing: Writing, _known: State) -> State:
        state: State = honest_new_state(writing, State.EMPTY)
        return state

    def next_dot(mint: Mint, _key: bytes, seen: Context) -> Dot:
        return Dot(mint.actor, seen.highest(mint.actor) + 1)

    honest_new_state = replace(Writing, "new_state", new_state)
    replace(Mint, "next_dot", next_dot)


@bug("20", "acknowledged writes are lost under clock jitter", "SIB-01")
def last_write_wins() -> None:
    """A version's number is the coordinator's clock, and of two siblings the one with the higher number stays."""

    def new_state(writing: Writing, known: State) -> State:
        state: State = honest_new_state(writing, known)
        if not state.versions:
            return state
        dot = Dot(writing._mint.actor, int(writing._desk.now * MICROSECONDS))
        return State.of([Version(dot, state.versions[0].value)], writing._context.with_dot(dot))

    def merge(state: State, other: State) -> State:
        merged = honest_merge(state, other)
        newest = sorted(merged.versions, key=lambda version: (version.dot.counter, version.dot.actor))[-1:]
        return State(tuple(newest), merged.context)

    honest_new_state = replace(Writing, "new_state", new_state)
    honest_merge = replace(State, "merge", merge)
