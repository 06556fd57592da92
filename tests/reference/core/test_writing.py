"""Which dots a coordinator makes: none twice, and none that would stand alone in contexts for good."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck_reference.core import writing
from ringcheck_reference.core.effects import Failure, GetResult, PutResult
from ringcheck_reference.core.encoding import decode_context
from ringcheck_reference.core.messages import ClientGet, ClientPut
from ringcheck_reference.core.versions import MAX_COUNTER, Context, Dot
from ringcheck_reference.core.writing import Mint

from .cluster import Cluster

KEY = b"key"


def chained(mint: Mint, seen: Context, times: int) -> Context:
    """The context after so many writes, each of which has seen all before it."""
    for _ in range(times):
        mint.mend_gap(KEY, seen)
        seen = seen.with_dot(mint.next_dot(KEY, seen))
    return seen


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["write", "forget", "lose", "keep last"]), st.booleans()), max_size=30))
def test_no_dot_is_made_twice_whatever_is_forgotten(steps: list[tuple[str, bool]]) -> None:
    """Contexts may lose what they covered, and writes may come to nothing; dots go on being new."""
    mint, seen, made = Mint(b"actor"), Context.EMPTY, set[Dot]()
    for step, is_home in steps:
        if step == "forget":
            seen = Context.EMPTY
            continue
        if is_home:
            mint.mend_gap(KEY, seen)
        dot = mint.next_dot(KEY, seen)
        assert dot not in made
        made.add(dot)
        if step == "write":
            seen = seen.with_dot(dot)
        elif step == "keep last":
            seen = Context.of(loose=[dot])


def test_a_chain_of_writes_has_one_entry() -> None:
    """However long it is."""
    assert chained(Mint(b"actor"), Context.EMPTY, 50) == Context.of([Dot(b"actor", 50)])


def test_what_was_reaped_is_counted_anew_by_another_actor() -> None:
    """Dots after a gap would stand one by one in every context; a new actor has one entry."""
    mint = Mint(b"actor")
    chained(mint, Context.EMPTY, 5)
    after = chained(mint, Context.EMPTY, 50)
    assert len(after.vector) == 1
    assert after.loose == ()
    assert not any(dot.actor == b"actor" for dot in after.vector)


def test_a_version_whose_past_was_reaped_costs_one_entry_more() -> None:
    """Its own dot stands alone, and those of all later writes in one."""
    mint = Mint(b"actor")
    seen = chained(mint, Context.EMPTY, 5)
    after = chained(mint, Context.of(loose=[Dot(b"actor", 5)]), 50)
    assert seen.vector == (Dot(b"actor", 5),)
    assert (len(after.vector), len(after.loose)) == (1, 1)


def test_a_failed_write_costs_one_entry_and_not_one_for_each_later_write() -> None:
    """Its number is burnt, since somebody may hold it."""
    mint = Mint(b"actor")
    seen = chained(mint, Context.EMPTY, 3)
    mint.next_dot(KEY, seen)
    after = chained(mint, seen, 50)
    assert (len(after.vector), len(after.loose)) == (2, 0)


def test_a_dot_that_nobody_was_told_is_issued_again() -> None:
    """A Put that is refused for its siblings leaves no gap; one that is not the last stays issued."""
    mint = Mint(b"actor")
    first = mint.next_dot(KEY, Context.EMPTY)
    mint.take_back(KEY, first)
    assert mint.next_dot(KEY, Context.EMPTY) == first
    second = mint.next_dot(KEY, Context.EMPTY)
    mint.take_back(KEY, first)
    assert mint.next_dot(KEY, Context.EMPTY) == Dot(b"actor", second.counter + 1)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["write", "write", "take back", "forget"]),
            st.sampled_from([b"a", b"b", b"c"]),
            st.booleans(),
            st.randoms(use_true_random=False),
        ),
        max_size=40,
    ),
    st.integers(1, 4),
)
def test_no_dot_of_any_key_is_made_twice_whatever_the_mint_forgets(steps: list, most: int) -> None:  # type: ignore[type-arg]
    """Keys are forgotten one by one, and when they are too many; contexts show any part of what was ever made."""
    made: dict[bytes, list[Dot]] = {b"a": [], b"b": [], b"c": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "MAX_KEYS", most)
        mint = Mint(b"actor")
        for step, key, is_home, random in steps:
            if step == "forget":
                mint.forget(key)
                continue
            some = random.sample(made[key], random.randint(0, len(made[key])))
            seen = Context.of(some if random.random() < 0.5 else (), some)
            if is_home:
                mint.mend_gap(key, seen)
            dot = mint.next_dot(key, seen)
            assert dot not in made[key]
            assert not seen.covers(dot)
            if step == "take back":
                mint.take_back(key, dot)
            else:
                made[key].append(dot)
            assert len(mint._issued) <= most


def test_a_key_that_is_not_forgotten_keeps_its_actor() -> None:
    """Its context stays as short as it is, however many others are forgotten beside it."""
    mint, seen = Mint(b"actor"), Context.EMPTY
    for number in range(50):
        other = b"%d" % number
        mint.next_dot(other, Context.EMPTY)
        seen = seen.join(chained(mint, seen, 1))
        mint.forget(other)
    assert seen == Context.of([Dot(b"actor", 50)])


def contexts(cluster: Cluster, node: str, rounds: int) -> list[Context]:
    """What a home knows after each round of a blind Put and one with its answer's context; it then merges both."""
    home = cluster.ring.preference_list(KEY)[0]
    found = []
    for _ in range(rounds):
        first = cluster.ask(node, ClientPut(KEY, b"first"))
        assert isinstance(first, PutResult)
        cluster.ask(node, ClientPut(KEY, b"second", first.context))
        cluster.run_for(1.0)
        got = cluster.ask(home, ClientGet(KEY))
        assert isinstance(got, GetResult)
        assert len(got.values) < 4
        found.append(decode_context(KEY, got.context))
        cluster.ask(home, ClientPut(KEY, b"merged", got.context))
        cluster.run_for(1.0)
    return found


def far_off() -> tuple[Cluster, str]:
    """A cluster, and a node that is no home of KEY and coordinates all the same: its ways to all homes are slow."""
    cluster = Cluster()
    *homes, asked, _last = cluster.ring.preference_list(KEY)
    lag = 0.7 * cluster.config.replica_timeout
    cluster.lags = {frozenset((asked, home)): lag for home in homes}
    cluster.run_for(3.0)
    return cluster, asked


def test_contexts_do_not_grow_with_the_writes_of_a_stand_in() -> None:
    """One entry for it and one for the home, and no hole in either."""
    cluster, asked = far_off()
    found = contexts(cluster, asked, 12)
    assert all((len(each.vector), each.loose) == (2, ()) for each in found[1:]), found
    assert cluster.running[asked].core.status().forwarded_requests.count == 0


def test_writes_of_a_stand_in_that_fail_cost_an_entry_and_not_one_for_each_write_after_them() -> None:
    """It begins anew, since nobody may hold what it has issued."""
    cluster, asked = far_off()
    contexts(cluster, asked, 2)
    others = [name for name in cluster.running if name != asked]
    for other in others:
        cluster.crash(other)
    cluster.disks[asked].refuses = True
    assert isinstance(cluster.ask(asked, ClientPut(KEY, b"lost")), Failure)
    cluster.disks[asked].refuses = False
    for other in others:
        cluster.start(other)
    cluster.run_for(5.0)
    after = contexts(cluster, asked, 10)[-1]
    assert sum(dot.actor.startswith(asked.encode()) for dot in after.vector) == 2
    assert after.loose == ()


def test_nobody_counts_beyond_the_last_number() -> None:
    """A context may name it for any actor that its maker has heard of."""
    mint = Mint(b"actor")
    first = mint.next_dot(KEY, Context.of([Dot(b"actor", MAX_COUNTER - 1)]))
    assert first == Dot(b"actor", MAX_COUNTER)
    second = mint.next_dot(KEY, Context.of([first]))
    third = mint.next_dot(KEY, Context.of([first, second, Dot(second.actor, MAX_COUNTER)]))
    assert len({first.actor, second.actor, third.actor}) == 3
    assert (second.counter, third.counter) == (1, 1)
