"""An asyncio loop in a thread of its own, so that synchronous tests can drive asynchronous clusters."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

STOP_S = 60.0
"""How long what was cancelled may take to clean up after itself: to kill a cluster and see it gone."""


class LoopThread:
    """A running event loop. `close` ends it; nothing may be run on it afterwards."""

    def __init__(self, name: str = "ringcheck world") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end and return its result.

        When the caller is interrupted meanwhile (Ctrl-C), `work` is cancelled, and its clean-up awaited.
        """
        # A task of our own: the future of run_coroutine_threadsafe is done as soon as it is cancelled, long before
        # the clean-up of what it stood for.
        ended: concurrent.futures.Future[T] = concurrent.futures.Future()
        tasks: list[asyncio.Task[None]] = []
        try:
            self._loop.call_soon_threadsafe(lambda: tasks.append(self._loop.create_task(_into(work, ended))))
            return ended.result()
        except BaseException:
            if not ended.done():
                self._loop.call_soon_threadsafe(_cancel, tasks, work, ended)
                concurrent.futures.wait([ended], STOP_S)
            raise

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._loop.is_closed()

    def close(self) -> None:
        """Cancel whatever still runs and end the thread. Closing twice does nothing."""
        if self._loop.is_closed():
            return
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        self._loop.close()


async def _into(work: Coroutine[Any, Any, T], ended: concurrent.futures.Future[T]) -> None:
    try:
        result = await work
    except BaseException as error:
        ended.set_exception(concurrent.futures.CancelledError() if isinstance(error, asyncio.CancelledError) else error)
    else:
        ended.set_result(result)


def _cancel(tasks: list[asyncio.Task[None]], work: Coroutine[Any, Any, T], ended: concurrent.futures.Future[T]) -> None:
    for task in tasks:
        task.cancel()
    if not tasks:  # the interrupt came before the work had even begun
        work.close()
        ended.cancel()


async def _cancel_others() -> None:
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
