"""What is on its way to the disk: minted from, not served."""

from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.overlay import Overlay
from ringcheck_reference.core.versions import Context, Dot, State, Version


def state(counter: int) -> State:
    """A state of one version, that of this counter."""
    dot = Dot(b"a", counter)
    return State.of([Version(dot, b"%d" % counter)], Context.of([dot]))


def test_a_staged_state_is_the_latest_but_not_durable() -> None:
    """Until the disk reports, the old state is served, even when the row has changed already."""
    rows = {b"key": encode_state(state(1))}
    overlay: Overlay[bytes] = Overlay(rows.get)
    overlay.stage(1, b"key", state(2))
    rows[b"key"] = encode_state(state(2))
    assert overlay.durable(b"key") == state(1)
    assert overlay.latest(b"key") == state(2)
    assert overlay.settle(1, b"key", durable=True) == state(2)
    assert overlay.durable(b"key") == overlay.latest(b"key") == state(2)


def test_a_row_that_has_changed_is_read_anew() -> None:
    """What is remembered of a row's bytes is of those bytes, so a disk that is put in its place is believed."""
    rows = {b"key": encode_state(state(1))}
    overlay: Overlay[bytes] = Overlay(rows.get)
    assert overlay.durable(b"key") == state(1)
    rows[b"key"] = encode_state(state(2))
    assert overlay.durable(b"key") == overlay.latest(b"key") == state(2)
    del rows[b"key"]
    assert overlay.durable(b"key") == overlay.latest(b"key") == State.EMPTY


def test_reports_move_the_durable_state_step_by_step() -> None:
    """With two writes of a key on their way, each report makes its own state durable."""
    rows: dict[bytes, bytes] = {}
    overlay: Overlay[bytes] = Overlay(rows.get)
    overlay.stage(1, b"key", state(1))
    overlay.stage(2, b"key", state(2))
    rows[b"key"] = encode_state(state(2))
    assert overlay.durable(b"key") == State.EMPTY
    overlay.settle(1, b"key", durable=True)
    assert overlay.durable(b"key") == state(1)
    overlay.settle(2, b"key", durable=True)
    assert overlay.durable(b"key") == state(2)


def test_a_failed_write_leaves_what_was_durable() -> None:
    """A refused write makes nothing durable; the one after it still can."""
    rows = {b"key": encode_state(state(1))}
    overlay: Overlay[bytes] = Overlay(rows.get)
    overlay.stage(1, b"key", state(2))
    overlay.stage(2, b"key", state(3))
    assert overlay.settle(1, b"key", durable=False) is None
    assert overlay.durable(b"key") == state(1)
    assert overlay.latest(b"key") == state(3)
    overlay.settle(2, b"key", durable=False)
    assert overlay.latest(b"key") == state(1)
