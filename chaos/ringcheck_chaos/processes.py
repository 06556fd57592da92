"""Processes that can be started, killed, paused and started again, and none of which outlives us.

They are children of a supervisor (`ringcheck_chaos.supervisor`), which ends with them when we end, even by SIGKILL.
Each leads a process group of its own, and signals go to the whole group: a node behind a wrapper dies with its wrapper.
"""

import asyncio
import contextlib
import ctypes
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ringcheck_chaos.proof import Proof

PR_SET_PDEATHSIG = 1
ANSWER_S = 10.0
"""How long the supervisor may take over what costs it milliseconds, on a busy machine."""

STATE_POLL_S = 0.002
STOPPED, STANDING = "T", "TZX"
"""The kernel's letter for a thread that a signal has stopped, and those of all that no longer do anything."""


class ProcessError(Exception):
    """A process could not be started, or is not in the state that was asked of it."""


class SupervisorGoneError(ProcessError):
    """The supervisor ended while we still had need of it."""


class Supervisor:
    """Our end of a supervisor process. Made by `await Supervisor.start(folder)`; an async context manager."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._running: dict[int, Process] = {}
        self._early: dict[int, list[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read(), name="supervisor's reports")

    @classmethod
    async def start(cls, folder: Path) -> Self:
        """Start a supervisor that removes `folder` (and kills every descendant) at its end or ours."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # or a json.py in the user's folder would stand in for the library's
            "-m",
            "ringcheck_chaos.supervisor",
            str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(child)

    @property
    def pid(self) -> int:
        """The supervisor's own process id."""
        return self._child.pid

    def process(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> "Process":
        """A process that is not started yet. `env` is the whole environment, ours if None."""
        return Process(self, name, argv, log_path=log_path, env=env, cwd=cwd)

    async def close(self) -> None:
        """Kill all processes, remove the folder, and wait until that is done."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            await asyncio.wait_for(self._child.wait(), ANSWER_S)
        except TimeoutError:
            self._child.kill()
            await self._child.wait()
        await self._reader
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self._child.stdin.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one request and return its answer; raises ProcessError if it was refused."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._child.stdin is not None
        try:
            if self._reader.done():
                raise SupervisorGoneError("The supervisor of this cluster has ended; its processes ended with it.")
            self._child.stdin.write(msgspec.json.encode({"id": number, "do": do, **arguments}) + b"\n")
            message: dict[str, Any] = await asyncio.wait_for(answer, ANSWER_S)
        finally:
            self._answers.pop(number, None)
        if "error" in message:
            raise ProcessError(message["error"])
        return message

    def watch(self, pid: int, process: "Process") -> None:
        """Tell `process` what is reported of `pid` from now on, and what was before it could be known."""
        self._running[pid] = process
        for event in self._early.pop(pid, []):
            self._dispatch(event)

    async def _read(self) -> None:
        assert self._child.stdout is not None
        async for line in self._child.stdout:
            message = msgspec.json.decode(line)
            if "event" in message:
                self._dispatch(message)
            elif (answer := self._answers.get(message["id"])) and not answer.done():
                answer.set_result(message)
        gone = SupervisorGoneError("The supervisor of this cluster ended before it answered.")
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(gone)
        for pid, process in self._running.items():
            process.note({"event": "exit", "pid": pid, "code": -signal.SIGKILL})
            process.note({"event": "gone", "pid": pid})

    def _dispatch(self, event: dict[str, Any]) -> None:
        process = self._running.get(event["pid"])
        if process is None:
            # It ended before the answer to its start was taken up.
            self._early.setdefault(event["pid"], []).append(event)
            return
        process.note(event)
        if event["event"] == "gone":
            del self._running[event["pid"]]


class Process:
    """One named process, started any number of times. Its log is appended to over restarts.

    `pid` is that of the last start, `returncode` how it ended (negative: by that signal), None while it runs.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.supervisor = supervisor
        self.name = name
        self.argv = tuple(argv)
        self.log_path = log_path
        self.env = dict(os.environ if env is None else env)
        self.cwd = cwd
        self.pid: int | None = None
        self.returncode: int | None = None
        self.paused = False
        self._exited = asyncio.Event()
        self._gone = asyncio.Event()
        self._gone.set()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.pid is not None and self.returncode is None

    async def start(self) -> int:
        """Start it and return its pid; raises ProcessError with one clear sentence."""
        if not self._gone.is_set():
            raise ProcessError(f"{self.name} still runs (pid {self.pid}); kill it before starting it again.")
        request = {"name": self.name, "argv": self.argv, "env": self.env}
        try:
            answer = await self.supervisor.ask(
                "start", **request, cwd=str(self.cwd) if self.cwd else None, log=str(self.log_path)
            )
        except SupervisorGoneError:
            raise
        except ProcessError as error:
            raise ProcessError(f"{self.name} cannot be started by {' '.join(self.argv)!r}: {error}") from None
        pid: int = answer["pid"]
        self.pid, self.returncode, self.paused = pid, None, False
        self._exited.clear()
        self._gone.clear()
        self.supervisor.watch(pid, self)
        return pid

    async def wait(self) -> int:
        """Wait until it ends, and return its code."""
        await self._exited.wait()
        assert self.returncode is not None
        return self.returncode

    async def gone(self) -> None:
        """Wait until nothing is left of its process group."""
        await self._gone.wait()

    async def kill(self) -> Proof:
        """SIGKILL its whole group, and wait until nothing is left of it."""
        return await kill_all([self])

    async def terminate(self, grace_s: float) -> int:
        """SIGTERM, SIGKILL if it has not ended `grace_s` seconds later; returns its code."""
        if self.running:
            await self.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._exited.wait(), grace_s)
        if not self._gone.is_set():
            await self.kill()
        return await self.wait()

    async def pause(self) -> Proof:
        """SIGSTOP its group. Proved by the states that the kernel reports: of every thread, of its children too."""
        proof = await self._signal_until(
            signal.SIGSTOP, "stopped", lambda state: state == STOPPED and self._all_stopped()
        )
        self.paused = proof.bit
        return proof

    async def resume(self) -> Proof:
        """SIGCONT its group. Proved by the state that the kernel reports."""
        proof = await self._signal_until(signal.SIGCONT, "going on", lambda state: state != STOPPED)
        self.paused = False
        return proof

    async def signal(self, number: int) -> None:
        """Send a signal to its whole group; nothing happens if that is gone."""
        await self.supervisor.ask("signal", names=[self.name], signal=int(number))

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that it wrote, empty if none."""
        with contextlib.suppress(FileNotFoundError), self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 64 * 1024))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        return ""

    def note(self, event: dict[str, Any]) -> None:
        """Take notice of what the supervisor reports."""
        if event["event"] == "exit":
            self.returncode, self.paused = event["code"], False
            self._exited.set()
        else:
            self._gone.set()

    @property
    def _state(self) -> str:
        """The kernel's letter for the state of its leader, empty if there is none."""
        return next(iter(_stat(Path(f"/proc/{self.pid}"))), "")

    def _all_stopped(self) -> bool:
        """Whether no thread of its group goes on; one that is within a write ends that first."""
        group = [each for each in Path("/proc").glob("[0-9]*") if _stat(each)[2:3] == [str(self.pid)]]
        threads = (thread for member in group for thread in member.glob("task/*"))
        return all(next(iter(_stat(thread)), "X") in STANDING for thread in threads)

    async def _signal_until(self, number: int, word: str, reached: Callable[[str], bool]) -> Proof:
        began = time.monotonic()
        await self.signal(number)
        # The kernel tells nobody of this change but a tracer: one has to look.
        while (state := self._state) and not reached(state) and time.monotonic() < began + ANSWER_S:  # noqa: ASYNC110
            await asyncio.sleep(STATE_POLL_S)
        bit = bool(state) and reached(state)
        seen = f"state {state!r} in /proc/{self.pid}/stat" if state else "it no longer runs"
        return Proof(bit, f"{self.name} is {word if bit else 'not ' + word}: {seen}", began, time.monotonic())


async def kill_all(processes: Sequence[Process]) -> Proof:
    """SIGKILL several processes of one supervisor by one message, and wait until nothing is left of their groups."""
    began = time.monotonic()
    if processes:
        names = [process.name for process in processes]
        await processes[0].supervisor.ask("signal", names=names, signal=int(signal.SIGKILL))
        await asyncio.wait_for(asyncio.gather(*(process.gone() for process in processes)), ANSWER_S)
    detail = ", ".join(_end_of(process) for process in processes)
    bit = all(process.returncode == -signal.SIGKILL for process in processes)
    return Proof(bit, detail, began, time.monotonic())


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent (the thread that started it) ends.

    A test worker calls it with the pid of its controller: if that is no longer the parent, it is too late for the
    kernel's help, and the process exits.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if parent is not None and os.getppid() != parent:
        sys.exit(f"The process {parent} that started this one has ended.")


def _end_of(process: Process) -> str:
    if process.returncode == -signal.SIGKILL:
        return f"{process.name} killed (pid {process.pid})"
    return f"{process.name} (pid {process.pid}) had already ended with {process.returncode}"


def _stat(folder: Path) -> list[str]:
    """What the kernel says of a process or thread behind its name: a letter for its state, parent, group, and so on.

    Empty if there is none.
    """
    try:
        return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
