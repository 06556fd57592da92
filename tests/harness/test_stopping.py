"""Ctrl-C and SIGTERM as a wish to stop."""

import asyncio
import signal

import pytest

from ringcheck.stopping import run, stop_signals


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


async def _cleans_up(done: list[str]) -> str:
    loop = asyncio.get_running_loop()
    try:
        loop.call_soon(signal.raise_signal, signal.SIGTERM)
        await asyncio.Event().wait()
    finally:
        loop.call_soon(signal.raise_signal, signal.SIGINT)
        await asyncio.sleep(0.01)
        done.append("cleaned up")
    return "never"


def test_work_is_cancelled_once_and_cleans_up() -> None:
    """Whoever insists does not disturb that; the handlers come back."""
    former = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(_cleans_up(done))
    assert done == ["cleaned up"]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == former


def test_work_that_nobody_stops_gives_its_result() -> None:
    """Or its error, also where that is a cancellation of its own."""

    async def work(error: BaseException | None) -> str:
        if error:
            raise error
        return "done"

    assert run(work(None)) == "done"
    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error):
            run(work(error()))
