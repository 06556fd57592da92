"""The verdict on a full node: one that lost something was fast for nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.benchmarks import million
from tests.benchmarks.filling import fill, key_of, value_of
from tests.benchmarks.million import Seen
from tests.benchmarks.nodes import judged

from ringcheck_reference.core.encoding import decode_state
from ringcheck_reference.shell.store import Store

good = Seen(1_000_000, serving_s=2.0, whole_s=8.0, peak_mb=300.0, answered=50, missing=0, same_roots=True)


def holds(seen: Seen) -> list[bool]:
    """What of it holds, within ten seconds and 600 MB."""
    return [each for each, _ in million.verdict(seen, 10.0, 600.0)]


def test_a_node_that_is_quick_and_small_and_whole() -> None:
    """Then all holds, and the lines say what was seen."""
    assert all(holds(good))
    assert "2.00 s" in million.verdict(good, 10.0, 600.0)[0][1]
    assert "315 B a key" in million.verdict(good, 10.0, 600.0)[1][1]


@pytest.mark.parametrize(
    "seen",
    [
        replace(good, serving_s=10.1),
        replace(good, peak_mb=601.0),
        replace(good, answered=0),
        replace(good, missing=1),
        replace(good, same_roots=False),
    ],
)
def test_each_of_them_can_fail(seen: Seen) -> None:
    """And then that one does."""
    assert holds(seen).count(False) == 1


def test_what_holds_is_told_apart_from_what_does_not() -> None:
    """Nothing that was looked at is nothing that was shown."""
    said: list[str] = []
    assert judged([(True, "one")], said.append)
    assert not judged([(True, "one"), (False, "two")], said.append)
    assert not judged([], said.append)
    assert said == ["ok: one", "ok: one", "NOT SHOWN: two"]


def test_a_store_is_filled_with_what_a_coordinator_makes(tmp_path: Path) -> None:
    """One version a key, of its own value."""
    fill(tmp_path, b"n1/1", 1500, 20)
    store = Store(tmp_path, lambda call, *rest: call(*rest))
    rows = dict(store.replica.items())
    store.close()
    assert len(rows) == 1500
    assert decode_state(rows[key_of(1499)]).values == (value_of(1499, 20),)
