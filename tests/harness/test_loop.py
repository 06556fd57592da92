import asyncio
import signal
import threading

import pytest

from ringcheck.loop import LoopThread


def test_result_and_error_come_back() -> None:
    """What the work returns or raises, the caller gets."""

    async def fail() -> None:
        raise KeyError("k")

    loop = LoopThread()
    assert loop.run(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(KeyError):
        loop.run(fail())
    loop.close()


def test_interrupted_caller_waits_for_the_clean_up() -> None:
    """Ctrl-C in the caller cancels the work, and control returns only when its clean-up is done."""
    cleaned: list[str] = []
    main = threading.get_ident()

    async def work() -> None:
        try:
            signal.pthread_kill(main, signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    loop = LoopThread()
    with pytest.raises(KeyboardInterrupt):
        loop.run(work())
    assert cleaned == ["up"]
    loop.close()


def test_close_ends_what_still_runs_and_may_be_repeated() -> None:
    """Nothing of the loop is left after close, tasks in the background included."""
    ended = threading.Event()

    async def background() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def begin() -> asyncio.Task[None]:
        task = asyncio.create_task(background())
        await asyncio.sleep(0)
        return task

    loop = LoopThread("a test's loop")
    task = loop.run(begin())
    loop.close()
    loop.close()
    assert ended.is_set()
    assert task.cancelled()
    assert "a test's loop" not in [thread.name for thread in threading.enumerate()]
