"""Worker processes, new ones and not forked, that end with this process however it ends."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from ringcheck.errors import MachineError, RingcheckError
from ringcheck.exploring.executor import Chunk, Tried, lost
from ringcheck.exploring.patience import Stopwatch
from ringcheck.exploring.worker import STACK_SIGNAL, Failed, Ready, Said, Setup

AHEAD = 2
"""Chunks that each worker is given, so that it never waits for us."""
PATIENCE_S = 30.0
"""A seed that takes longer has got its core into a loop; they take a tenth of a second."""
STARTS_WITHIN_S = 120.0
WORN_AFTER = 100_000
"""After so many seeds, which is hours, a worker makes room for a new one: a core may keep more with every run."""

TELLS_WITHIN_S = 5.0
STACK_POLL_S = 0.05
STACK_BYTES = 100_000
CALLS_TOLD = 12
"""So many calls, the innermost first, of where a core hangs."""

_said = msgspec.json.Decoder(Said)


class WorkerFailedError(RingcheckError):
    """A worker cannot go on for a reason that no seed explains."""

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code  # type: ignore[misc]  # the worker's own error's


class ProcessPool:
    """Workers that load a core and a source by name. `log` receives what they print.

    A worker that dies, or does not end a seed within `patience_s`, is replaced; the seed is reported as what it is. One
    that has tried `worn_after` seeds is replaced when it has nothing to do.
    """

    def __init__(
        self,
        core: str,
        source: str,
        workers: int,
        log: Path,
        *,
        patience_s: float = PATIENCE_S,
        worn_after: int = WORN_AFTER,
    ) -> None:
        self._names = core, source
        self._patience_s = patience_s
        self._worn_after = worn_after
        self._log = log.open("ab")
        self._selector = selectors.DefaultSelector()
        self._queue: deque[Chunk] = deque()
        self._started = 0
        self._workers: list[Worker] = []
        for _ in range(workers):
            self._start()

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers' process ids."""
        return tuple(worker.child.pid for worker in self._workers)

    def room(self) -> int:
        """See Executor."""
        return max(0, sum(worker.room for worker in self._workers) - len(self._queue))

    def submit(self, chunk: Chunk) -> None:
        """See Executor."""
        self._queue.append(chunk)
        self._hand_out()

    def results(self, within_s: float) -> Sequence[Tried]:
        """See Executor."""
        found: list[Tried] = []
        for key, _ in self._selector.select(within_s):
            found += self._read(key.data)
        for worker in list(self._workers):
            if worker.overdue(self._patience_s):
                how = f"it has not ended after {self._patience_s:g} s in which the machine had a core for it"
                found += self._replace(worker, how, worker.where())
            elif worker.is_worn and not worker.chunks:
                self._drop(worker)
                self._start()
        self._hand_out()
        return found

    def longest(self) -> tuple[int, float] | None:
        """See Executor."""
        busy = [
            (worker.chunks[0].seeds[0], worker.busy_s) for worker in self._workers if worker.ready and worker.chunks
        ]
        return max(busy, key=lambda each: each[1], default=None)

    def close(self) -> None:
        """See Executor."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        self._queue.clear()
        self._selector.close()
        self._log.close()

    def _start(self) -> None:
        self._started += 1
        worker = Worker(f"w{self._started}", *self._names, self._log, self._worn_after)
        self._workers.append(worker)
        self._selector.register(worker.fd, selectors.EVENT_READ, worker)

    def _drop(self, worker: "Worker") -> None:
        self._selector.unregister(worker.fd)
        self._workers.remove(worker)
        worker.kill()

    def _hand_out(self) -> None:
        """Give each waiting chunk to the least busy worker that may have it."""
        for chunk in list(self._queue):
            free = [worker for worker in self._workers if worker.room]
            others = [worker for worker in free if worker.name != chunk.not_on]
            if not free:
                return
            if not others and len(self._workers) > 1:
                continue  # the next that has room will be another one
            self._queue.remove(chunk)
            min(others or free, key=lambda worker: len(worker.chunks)).ask(chunk)

    def _read(self, worker: "Worker") -> list[Tried]:
        found: list[Tried] = []
        for said in worker.heard():
            match said:
                case Tried():
                    worker.ended(said.result.seed)
                    found.append(said)
                case Failed(reason=reason, exit_code=code):
                    raise WorkerFailedError(reason, code)
        if worker.gone:
            found += self._replace(worker, f"its worker process ended by {_how(worker.child.wait())}")
        return found

    def _replace(self, worker: "Worker", how: str, where: str = "") -> list[Tried]:
        """Another worker for one that is lost; what it had not begun goes back to the head of the queue."""
        self._drop(worker)
        if not worker.ready or not worker.chunks:
            raise MachineError(
                f"A worker process could not be kept: {how.removeprefix('its worker process ')}; see {self._log.name}."
            )
        first, *others = worker.chunks
        guilty = first.seeds[0]
        rest = msgspec.structs.replace(first, seeds=first.seeds[1:])
        self._queue.extendleft(reversed([chunk for chunk in (rest, *others) if chunk.seeds]))
        self._start()
        return [lost(guilty, first, worker.name, how, where)]


class Worker:
    """One worker process, as its parent sees it. `chunks` are what it has still to do, the one under way first."""

    def __init__(self, name: str, core: str, source: str, log: BinaryIO, worn_after: int) -> None:
        self.name = name
        self.chunks: list[Chunk] = []
        self.ready = False
        self._seeds_left = worn_after
        self.gone = False
        self._buffer = b""
        self._stack = tempfile.TemporaryFile()  # noqa: SIM115  - closed with the worker
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ringcheck.exploring.worker", str(os.getpid()), str(self._stack.fileno())],
            pass_fds=[self._stack.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # A hash seed of its own for each, so that whoever goes by the order of a set is found out.
            env={name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"},
            start_new_session=True,  # Ctrl-C is for us; we end the others
        )
        self._stopwatch = Stopwatch(self.child.pid)
        assert self.child.stdout is not None
        self.fd = self.child.stdout.fileno()
        self._write(Setup(worker=name, core=core, source=source, path=tuple(sys.path)))

    @property
    def is_worn(self) -> bool:
        """Whether it has tried as many seeds as it should."""
        return self._seeds_left <= 0

    @property
    def room(self) -> int:
        """How many more chunks it may be given."""
        return 0 if self.is_worn else AHEAD - len(self.chunks)

    def ask(self, chunk: Chunk) -> None:
        """Give it more to do."""
        if not self.chunks:
            self._stopwatch = Stopwatch(self.child.pid)
        self.chunks.append(chunk)
        self._write(chunk)

    def ended(self, seed: int) -> None:
        """It has tried a seed."""
        first = self.chunks[0]
        assert first.seeds[0] == seed, "a worker goes by the order in which it was asked"
        self.chunks[:1] = [msgspec.structs.replace(first, seeds=first.seeds[1:])] if first.seeds[1:] else []
        self._stopwatch = Stopwatch(self.child.pid)
        self._seeds_left -= 1

    def overdue(self, patience_s: float) -> bool:
        """Whether it has been at something for longer than it may."""
        if not self.ready:
            return self._stopwatch.exceeds(STARTS_WITHIN_S)
        return bool(self.chunks) and self._stopwatch.exceeds(patience_s)

    def heard(self) -> Sequence[Said]:
        """What it has said since; sets `gone` when it will say no more."""
        data = os.read(self.fd, 1 << 20)
        self.gone = not data
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        said = [_said.decode(line) for line in lines]
        if any(isinstance(each, Ready) for each in said):
            self.ready, self._stopwatch = True, Stopwatch(self.child.pid)
        return said

    @property
    def busy_s(self) -> float:
        """For how many seconds of real time it has been at the seed under way."""
        return self._stopwatch.real_s

    def where(self) -> str:
        """Where it is just now, the innermost call first; empty when it does not say."""
        if not self.ready:
            return ""
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(STACK_SIGNAL)  # also a loop in C does not keep faulthandler from answering
        deadline = time.monotonic() + TELLS_WITHIN_S
        told, before = b"", b""
        while not (told and told == before) and time.monotonic() < deadline:
            time.sleep(STACK_POLL_S)
            told, before = os.pread(self._stack.fileno(), STACK_BYTES, 0), told
        calls = [line for line in told.decode(errors="replace").splitlines() if line.startswith("  File ")]
        return "\n".join(calls[:CALLS_TOLD])

    def kill(self) -> None:
        """End it now; it holds nothing that needs an end in order."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._stack.close()

    def _write(self, what: Setup | Chunk) -> None:
        assert self.child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # reading will tell
            self.child.stdin.write(msgspec.json.encode(what) + b"\n")
            self.child.stdin.flush()


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
