"""Ctrl-C and SIGTERM as a wish to stop."""

import signal

import pytest

from ringcheck.stopping import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_collected_and_their_handlers_come_back(number: signal.Signals) -> None:
    """However often they come."""
    former = signal.getsignal(number)
    with stop_signals() as stopped:
        assert not stopped
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert stopped == [number, number]
    assert signal.getsignal(number) is former


def test_whoever_insists_is_heard_where_something_is_stuck() -> None:
    """The second signal interrupts."""
    with stop_signals(insist=True) as stopped:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert len(stopped) == 2
