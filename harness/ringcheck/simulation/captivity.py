"""Keeps a core from ending the very process that tries it, which would end without a word and look like success.

What cannot be kept from ending us, such as a SIGKILL, is told by the pool of its workers, and by a shell of us.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Never


class EndedProcessError(SystemExit):
    """A core has called os._exit. As with sys.exit, a core that catches its own Exceptions does not catch it."""


@contextlib.contextmanager
def captivity() -> Iterator[None]:
    """In here os._exit raises EndedProcessError; children that somebody has forked end as they are told."""
    ours, exit_for_good = os.getpid(), os._exit

    def stay(status: int) -> Never:
        if os.getpid() != ours:
            exit_for_good(status)
        raise EndedProcessError(f"it called os._exit({status!r}), and no core may end its process")

    os._exit = stay
    try:
        yield
    finally:
        os._exit = exit_for_good
