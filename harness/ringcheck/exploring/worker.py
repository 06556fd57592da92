"""A worker process: `python -m ringcheck.exploring.worker PARENT STACK`. It reads chunks, tries seeds, writes results.

STACK is the descriptor of a file: at SIGUSR1 the worker writes there where it is just now, whatever it is doing.
Both ways go JSON lines: first one Setup in, then chunks in and results out. It ends with its input, and with its parent
however that ends. What a core prints goes to standard error, which the parent has pointed at a log.

Nodes, networks and histories of a simulated cluster refer to each other, so that what a seed leaves behind, tens of
megabytes at times, waits for the garbage collector, which waits for more. So a worker collects after every seed.
"""

import faulthandler
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from ringcheck.errors import RingcheckError
from ringcheck.exploring.executor import Chunk, Teller, Tried
from ringcheck.exploring.trial import Trials
from ringcheck.output import own_output
from ringcheck_chaos.processes import die_with_parent

STACK_SIGNAL = signal.SIGUSR1


class BugError(RingcheckError):
    """Trying a seed failed by none of the core's faults."""

    def __init__(self, seed: int, error: Exception) -> None:
        said = next(iter(str(error).splitlines()), "no message")
        super().__init__(
            f"This is a bug in ringcheck, please report it: seed {seed}: {type(error).__name__}: {said} "
            "(traceback in workers.log)."
        )


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to know. `path`: where Python looks for modules."""

    worker: str
    core: str
    source: str
    path: tuple[str, ...]


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag_field="said", tag="ready"):
    """The worker has loaded everything."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="said", tag="failed"):
    """The worker cannot go on, for a reason that is no fault of a seed."""

    reason: str
    exit_code: int


Said: TypeAlias = Ready | Tried | Failed


def main() -> None:
    """Work until there is no more input."""
    die_with_parent(int(sys.argv[1]))
    faulthandler.register(STACK_SIGNAL, file=int(sys.argv[2]), all_threads=False)
    with own_output() as out:

        def say(what: Said) -> None:
            sys.stdout.flush()  # what a core has printed stands in the log before its result is known
            out.write(msgspec.json.encode(what) + b"\n")
            out.flush()

        try:
            work(sys.stdin.buffer, say)
        except RingcheckError as error:
            say(Failed(reason=str(error), exit_code=error.exit_code))
        except BrokenPipeError:
            os._exit(0)  # nobody listens any more


def work(lines: Iterable[bytes], say: Callable[[Said], None]) -> None:
    """Try what is asked for, in order. Raises RingcheckError when that cannot go on."""
    asked = iter(lines)
    first = next(asked, b"")
    if not first:
        return
    setup = msgspec.json.decode(first, type=Setup)
    sys.path[:] = setup.path
    tell = Teller(Trials(setup.core, setup.source), setup.worker)
    gc.collect()
    gc.freeze()  # what was loaded stays: collecting need not go through it every time
    say(Ready())
    chunks = msgspec.json.Decoder(Chunk)
    for line in asked:
        chunk = chunks.decode(line)
        for seed in chunk.seeds:
            try:
                say(tell(seed, chunk))
            except (RingcheckError, BrokenPipeError):
                raise
            except Exception as error:
                traceback.print_exc()
                raise BugError(seed, error) from error
            gc.collect()


if __name__ == "__main__":
    main()
