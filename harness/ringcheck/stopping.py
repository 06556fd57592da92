"""Ctrl-C and SIGTERM, taken as a wish to stop and not as a death."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def stop_signals(*, insist: bool = False) -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the list that it gives, instead of dying of them. For the main thread.

    With `insist`, the second of them raises KeyboardInterrupt wherever the program is: something may be stuck.
    """
    stopped: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)
        if insist and len(stopped) > 1:
            raise KeyboardInterrupt

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def interrupt_is_its_end() -> Iterator[None]:
    """For a command that Ctrl-C ends: also one that comes before the command minds its signals itself."""
    with contextlib.suppress(KeyboardInterrupt):
        yield


def run(work: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, but SIGINT and SIGTERM cancel `work`, once: whoever insists does not disturb its clean-up.

    Raises KeyboardInterrupt when one of them came. For the main thread.
    """
    stopped = False
    cancel: Callable[[], object] = work.close  # it has not begun

    def note(*_: object) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            cancel()

    async def main() -> T:
        nonlocal cancel
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        cancel = lambda: loop.is_closed() or loop.call_soon_threadsafe(task.cancel)  # noqa: E731
        if stopped:
            raise asyncio.CancelledError
        return await work

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        result = asyncio.run(main())
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if stopped:
        raise KeyboardInterrupt
    return result
