"""The guardian of a cluster's processes: none of them outlives the one who asked for them.

`python -m ringcheck_chaos.supervisor FOLDER` leads a session of its own and adopts every orphan among its
descendants. It reads one JSON object a line on stdin and writes one a line on stdout:

    {"id": 1, "do": "start", "name": "n1", "argv": [...], "env": {...}, "cwd": null, "log": "/…/n1.log"}
        → {"id": 1, "pid": 4711}                     or {"id": 1, "error": "one sentence"}
    {"id": 2, "do": "signal", "names": ["n1"], "signal": 9}
        → {"id": 2, "pids": {"n1": 4711}}            to whole process groups, all in one go
    {"id": 3, "do": "empty", "target": "/…/n1"}      and "copy" or "move" with a "source" as well: folders below FOLDER
        → {"id": 3}                                  alone; the target is there and new, whatever it was before
    {"event": "exit", "name": "n1", "pid": 4711, "code": -9}      the process ended (negative: by that signal)
    {"event": "gone", "name": "n1", "pid": 4711}                  nothing is left of its process group

When stdin ends, or on SIGTERM, it kills all its descendants until none is left, those that made themselves daemons
included, removes FOLDER and exits. The standard library is all it needs, so that it starts quickly.
"""

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.005


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def descendants(ancestor: int) -> set[int]:
    """The process ids of all descendants of `ancestor` that exist now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it ended while we looked
            # The command's name stands in brackets and may hold anything: read on behind the last one.
            after_name = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [ancestor]
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def kill_descendants() -> None:
    """Kill and reap all descendants of this process until none is left."""
    while True:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(POLL_S)


class Guardian:
    """Carries out requests, reaps what ends, and reports it. Touches no file but below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._names: dict[int, str] = {}
        """Name of each group that is not gone yet, by the pid of its leader."""
        self._ended: set[int] = set()
        """Leaders that ended while others of their group may live."""

    def handle(self, request: dict[str, Any]) -> None:
        """Carry out one request and answer it."""
        deeds = {"start": self._start, "signal": self._signal}
        try:
            answer = deeds.get(request["do"], self._replace)(request)
        except shutil.Error as error:  # of copytree: what failed of each file
            answer = {"error": "; ".join(f"{why}" for _, _, why in error.args[0])}
        except OSError as error:
            answer = {"error": f"{error.strerror}: {error.filename or request.get('name')}"}
        report({"id": request["id"], **answer})

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        # Appended: what a node wrote before it was killed is what one wants to read after its restart.
        with Path(request["log"]).open("ab") as log:
            child = subprocess.Popen(
                request["argv"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=request["env"],
                cwd=request["cwd"],
                start_new_session=True,
            )
        child.returncode = 0  # `reap` collects everything; Popen must not believe that it still has to
        self._names[child.pid] = request["name"]
        return {"pid": child.pid}

    def _signal(self, request: dict[str, Any]) -> dict[str, Any]:
        leaders = {name: pid for pid, name in self._names.items() if name in request["names"]}
        for pid in leaders.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, request["signal"])
        return {"pids": leaders}

    def _replace(self, request: dict[str, Any]) -> dict[str, Any]:
        """A folder becomes an empty one, a copy of another, or another itself."""
        target, source = (Path(request.get(each, self._folder / "-")) for each in ("target", "source"))
        if outside := [each for each in (target, source) if self._folder not in each.resolve().parents]:
            return {"error": f"{outside[0]} does not lie below {self._folder}"}
        shutil.rmtree(target, ignore_errors=not target.exists())
        match request["do"]:
            case "copy":
                shutil.copytree(source, target, symlinks=True)
            case "move":
                source.rename(target)
            case _:
                target.mkdir()
        return {}

    def reap(self) -> None:
        """Collect what ended, and report the processes and the groups that are no more."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid in self._names:
                    code = os.waitstatus_to_exitcode(status)
                    report({"event": "exit", "name": self._names[pid], "pid": pid, "code": code})
                    self._ended.add(pid)
        for leader in list(self._ended):
            try:
                os.killpg(leader, 0)
            except ProcessLookupError:
                self._ended.remove(leader)
                report({"event": "gone", "name": self._names.pop(leader), "pid": leader})


def report(message: dict[str, Any]) -> None:
    """Write one line to the owner. One that is gone is told nothing: the end of stdin says the rest."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(message).encode() + b"\n")


def serve(folder: Path) -> None:
    """Carry out requests until stdin ends or SIGTERM arrives."""
    guardian = Guardian(folder)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        # A handler, not SIG_IGN: children inherit what is ignored, but not handlers.
        signal.signal(number, lambda *_: None)
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                data = os.read(key.fd, 65536)
                if key.fd == wake_read:
                    if signal.SIGTERM in data:
                        return
                    continue
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    guardian.handle(json.loads(line))
            guardian.reap()


def main() -> None:
    """Serve; then, whatever happened, leave nothing behind."""
    if len(sys.argv) != 2:
        sys.exit("ringcheck's supervisor is started by ringcheck: python -m ringcheck_chaos.supervisor FOLDER")
    adopt_orphans()
    try:
        serve(Path(sys.argv[1]))
    finally:
        kill_descendants()
        shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
