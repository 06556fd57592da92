"""The verdict on a join, and how it is counted what had to move."""

from dataclasses import replace

import pytest
from tests.benchmarks import joining
from tests.benchmarks.joining import Cost, Phase, Seen

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.ring import Ring

good = Seen(
    failures=0, answered=100, entries=50, least_entries=48, members=4, keys_due=75_000, keys_moved=75_010, written=20,
    over=True, settled=True,
)  # fmt: skip


def holds(seen: Seen) -> list[bool]:
    """What of it holds."""
    return [each for each, _ in joining.verdict(seen)]


def test_a_join_that_moves_what_it_must() -> None:
    """Then all holds; what clients wrote meanwhile may be moved besides."""
    assert all(holds(good))
    assert all(holds(replace(good, keys_moved=75_060)))


def test_a_row_tells_multiples_of_the_first() -> None:
    """Of time and of CPU time."""
    first, other = Cost(2.0, 1.5, (0.01, 0.02), 0), Cost(5.0, 4.5, (0.01,), 3)
    assert first.row(64, first).startswith("| 64 | 2.0 s | 1.0 | 1.5 s | 1.0 | ")
    assert other.row(256, first) == "| 256 | 5.0 s | 2.5 | 4.5 s | 3.0 | nan ms | 3 |"


@pytest.mark.parametrize(
    "seen",
    [
        replace(good, failures=1),
        replace(good, answered=0),
        replace(good, entries=121),
        replace(good, entries=0),
        replace(good, keys_moved=75_061),
        replace(good, keys_moved=74_999),
        replace(good, over=False),
        replace(good, settled=False),
    ],
)
def test_each_of_them_can_fail(seen: Seen) -> None:
    """And then that one does; too few keys moved is no saving but a loss."""
    assert holds(seen).count(False) == 1


def test_what_must_move_is_counted_from_the_rings() -> None:
    """The newcomer's share at least, and the keys of all partitions that it gets."""
    members = [Member(name) for name in joining.MEMBERS]
    before = list(Ring(members, 3, 16).owners)
    after = list(Ring([*members, Member(joining.NEWCOMER)], 3, 16).owners)
    assert joining.least_entries(before, after) == 12
    assert sum(joining.moves(before, after)) >= 12
    assert joining.least_entries(before, before) == sum(joining.moves(before, before)) == 0
    share = joining.keys_due(before, after, 4000) / 4000
    assert share == pytest.approx(sum(joining.moves(before, after)) / 16, rel=0.1)


def test_a_phase_tells_what_clients_saw() -> None:
    """By code, with the times of Puts."""
    phase = Phase("during", put_s=[0.01] * 99 + [1.0])
    phase.answers.update(OK=100, UNAVAILABLE=1)
    assert phase.failures == 1
    words = " ".join(phase.line().split())
    assert words == "during 100 OK, 1 UNAVAILABLE; Put p50 10.0 ms, p99 990.1 ms"
    assert "nothing asked" in Phase("after").line()
