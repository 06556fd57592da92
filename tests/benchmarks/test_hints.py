"""The verdict on many hints, and where they are put."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.benchmarks import hints
from tests.benchmarks.filling import fill_hints, key_of, value_of
from tests.benchmarks.hints import AWAY, HOLDERS, Delivery, Seen

from ringcheck_reference.core.config import Member
from ringcheck_reference.core.encoding import decode_state
from ringcheck_reference.core.ring import Ring
from ringcheck_reference.shell.store import Store

none = Seen(0, answered=300, failures=0, put_p50_s=0.004, put_p99_s=0.02, asked_cpu=0.06, idle_cpu=0.02)
some = replace(none, hints=10_000, alone=Delivery(9000, 9.0, 2.5), beside=Delivery(4000, 8.0, 2.0), arrived=13_000)
many = replace(some, hints=100_000, put_p50_s=0.006, asked_cpu=0.07)


def holds(some: Seen, many: Seen) -> list[bool]:
    """What of it holds, with twice the cost."""
    return [each for each, _ in hints.verdict(none, some, many, 2.0)]


def test_hints_that_cost_next_to_nothing() -> None:
    """Then all holds."""
    assert all(holds(some, many))


@pytest.mark.parametrize(
    ("some", "many"),
    [
        (some, replace(many, failures=1)),
        (some, replace(many, answered=0)),
        (replace(some, failures=1), many),
        (some, replace(many, put_p50_s=0.009)),
        (some, replace(many, asked_cpu=0.13)),
        (some, replace(many, idle_cpu=0.05)),
        (some, replace(many, alone=Delivery(9000, 9.0, 5.1))),
        (some, replace(many, beside=Delivery(0, 8.0, 0.1))),
        (some, replace(many, arrived=12_999)),
        (replace(some, arrived=12_999), many),
        (some, replace(many, alone=None)),
    ],
)
def test_each_of_them_can_fail(some: Seen, many: Seen) -> None:
    """And then that one does; where nothing was delivered nothing is said of how fast it was."""
    assert holds(some, many).count(False) == 1


def test_each_holder_stands_in_for_the_keys_of_its_hints() -> None:
    """All have as many; the node that is away is a home of every key, and the holder of none."""
    numbers = hints.numbers_for(200, 16)
    ring = Ring([Member(name) for name in (*HOLDERS, AWAY)], 3, 16)
    assert {name: len(each) for name, each in numbers.items()} == dict.fromkeys(HOLDERS, 200)
    for name, each in numbers.items():
        assert all(AWAY in ring.homes(key_of(number)) and name not in ring.homes(key_of(number)) for number in each)
    assert max(Counter(number for each in numbers.values() for number in each).values()) == 1
    assert min(map(min, numbers.values())) >= hints.ASKED


def test_a_store_is_filled_with_hints(tmp_path: Path) -> None:
    """One version a key, kept for the target."""
    fill_hints(tmp_path, b"n4/1", AWAY, range(5, 1505), 20)
    store = Store(tmp_path, lambda call, *rest: call(*rest))
    rows = dict(store.hints.items())
    store.close()
    assert len(rows) == 1500
    assert decode_state(rows[AWAY, key_of(7)]).values == (value_of(7, 20),)
