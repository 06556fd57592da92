"""One end of a proxied connection: nothing that it reads is lost, however early it comes."""

import asyncio
from random import Random
from typing import Any

from ringcheck_chaos.embedded.connection import End
from ringcheck_chaos.embedded.flow import Flow


class Transport(asyncio.Transport):
    """Notes what is written to it, and whether it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.open = True

    def write(self, data: Any) -> None:
        """Note it."""
        self.written += data

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return not self.open

    def close(self) -> None:
        """Note it."""
        self.open = False

    def pause_reading(self) -> None:
        """Note it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Note it."""
        self.reading = True


async def early(*pieces: bytes, ended: bool) -> tuple[End, Transport, Transport]:
    """An end that reads before it knows where to write, as some versions of asyncio have it, and is joined then."""
    end, source, target = End(), Transport(), Transport()
    end.connection_made(source)
    for piece in pieces:
        source.reading = True
        end.data_received(piece)
        assert not source.reading
    if ended:
        end.eof_received()
    end.join(Flow(source, target, [], Random(0)))
    return end, source, target


def test_what_comes_too_early_is_handed_on_in_order() -> None:
    """And reading goes on."""
    end, source, target = asyncio.run(early(b"one ", b"two ", ended=False))
    end.data_received(b"three")
    assert target.written == b"one two three"
    assert source.reading
    assert target.open


def test_an_end_that_comes_too_early_is_not_forgotten() -> None:
    """What was read before goes first."""
    _, _, target = asyncio.run(early(b"all there is", ended=True))
    assert target.written == b"all there is"
    assert not target.open
