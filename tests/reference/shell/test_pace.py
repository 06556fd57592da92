"""When streams write: at once while little is under way, and together while much is."""

import asyncio
from collections.abc import Collection

from ringcheck_reference.shell.pace import MANY, Pace


class Stream:
    """Notes at which turn of the loop it was let go."""

    def __init__(self, pace: Pace, requests: int) -> None:
        self.under_way: Collection[int] = range(requests)
        self.gone = 0
        self._went = asyncio.Event()
        pace.join(self)

    def go(self) -> None:
        """See Paced."""
        self.gone += 1
        self._went.set()

    async def next_time(self) -> None:
        """Wait until it is let go again."""
        self._went.clear()
        async with asyncio.timeout(10):
            await self._went.wait()


def test_while_little_is_under_way_nothing_waits() -> None:
    """Each goes the moment it asks, and no other goes with it."""
    pace = Pace()
    one, other = Stream(pace, MANY - 1), Stream(pace, 0)
    pace.ask(one)
    assert (one.gone, other.gone) == (1, 0)
    pace.ask(other)
    assert (one.gone, other.gone) == (1, 1)


def test_while_much_is_under_way_all_go_together() -> None:
    """Whoever asks waits for the beat, which comes once for all; the next beat keeps its distance."""

    async def run() -> None:
        pace = Pace()
        one, other = Stream(pace, MANY - 1), Stream(pace, 1)
        pace.ask(one)
        pace.ask(other)
        assert (one.gone, other.gone) == (0, 0)
        await one.next_time()
        assert (one.gone, other.gone) == (1, 1)
        first = asyncio.get_running_loop().time()
        pace.ask(one)
        await one.next_time()
        assert asyncio.get_running_loop().time() > first
        assert (one.gone, other.gone) == (2, 2)

    asyncio.run(run())


def test_who_has_left_neither_counts_nor_goes() -> None:
    """A stream that has ended slows nobody down."""
    pace = Pace()
    one, gone = Stream(pace, 1), Stream(pace, MANY)
    pace.leave(gone)
    pace.ask(one)
    assert (one.gone, gone.gone) == (1, 0)


def test_what_was_asked_for_in_a_beat_is_not_forgotten_when_the_load_falls() -> None:
    """The beat that is on its way comes, even if nothing is under way any more."""

    async def run() -> None:
        pace = Pace()
        one = Stream(pace, MANY)
        pace.ask(one)
        one.under_way = range(0)
        pace.ask(one)
        await one.next_time()
        assert one.gone == 1

    asyncio.run(run())
