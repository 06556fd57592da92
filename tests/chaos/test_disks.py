"""Disks of real processes: copied in one moment, put back once, and lost."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ringcheck_chaos.disks import Disk
from ringcheck_chaos.processes import Process, ProcessError, Supervisor

DEADLINE_S = 30.0

PAIRS = """
import itertools, os, pathlib, subprocess, sys, threading
folder = pathlib.Path(sys.argv[1])

def write(name):
    for number in itertools.count():
        for half in "ab":
            (folder / f"{name}.{half}.new").write_text(str(number))
            os.replace(folder / f"{name}.{half}.new", folder / f"{name}.{half}")

if len(sys.argv) == 2:
    subprocess.Popen([sys.executable, *sys.orig_argv[1:], "child"])
threading.Thread(target=write, args=("thread" + "".join(sys.argv[2:]),), daemon=True).start()
write("main" + "".join(sys.argv[2:]))
"""
"""Threads of a process and of its child, each writing the same number into two files, one after the other."""

PAIRED = ("main", "thread", "mainchild", "threadchild")


def scene(tmp_path: Path, play: Callable[[Supervisor, Path], Awaitable[None]]) -> None:
    """Play a scene with a supervisor and a folder for data below the supervisor's own."""
    folder = tmp_path / "run"
    (folder / "n1").mkdir(parents=True)

    async def main() -> None:
        async with await Supervisor.start(folder) as supervisor:
            await play(supervisor, folder / "n1")

    asyncio.run(main())
    assert not folder.exists()


def idle(supervisor: Supervisor, data: Path) -> Process:
    """A process that is not started: its disk is one all the same."""
    return supervisor.process("n1", [sys.executable, "-c", ""], log_path=data.with_name("log"))


def contents(folder: Path) -> dict[str, str]:
    """What every file below a folder holds, which must be there."""
    assert folder.is_dir()
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_disk_is_copied_put_back_and_lost(tmp_path: Path) -> None:
    """A copy is of what was there, folders included; it comes back once, and is lost with the disk."""

    async def play(supervisor: Supervisor, data: Path) -> None:
        disk = Disk(idle(supervisor, data), data)
        (data / "deep").mkdir()
        (data / "deep" / "old").write_text("1")
        assert not disk.has_copy
        assert await disk.back_up() == 0.0
        (data / "deep" / "old").write_text("2")
        (data / "new").write_text("2")
        assert disk.has_copy
        assert 0.0 < disk.copy_age_s < DEADLINE_S
        await disk.roll_back()
        assert contents(data) == {"deep/old": "1"}
        assert not disk.has_copy
        await disk.back_up()
        (data / "new").write_text("3")
        await disk.back_up()
        await disk.wipe()
        assert contents(data) == {}
        assert not disk.has_copy

    scene(tmp_path, play)


def test_a_later_copy_replaces_an_earlier_one(tmp_path: Path) -> None:
    """The last one comes back, without what the first one held besides."""

    async def play(supervisor: Supervisor, data: Path) -> None:
        disk = Disk(idle(supervisor, data), data)
        (data / "first").write_text("1")
        await disk.back_up()
        (data / "first").unlink()
        (data / "second").write_text("2")
        await disk.back_up()
        (data / "third").write_text("3")
        await disk.roll_back()
        assert contents(data) == {"second": "2"}

    scene(tmp_path, play)


def test_a_copy_of_a_running_process_is_of_one_moment(tmp_path: Path) -> None:
    """No thread of it or its children writes meanwhile: of each pair, the first file is ahead by one at the most.

    And it goes on afterwards.
    """

    async def play(supervisor: Supervisor, data: Path) -> None:
        process = supervisor.process("n1", [sys.executable, "-c", PAIRS, str(data)], log_path=data.with_name("log"))
        disk = Disk(process, data)
        await process.start()
        await until(lambda: all((data / f"{name}.b").exists() for name in PAIRED))
        last = 0
        for _ in range(10):
            assert await disk.back_up() > 0.0
            seen = contents(data.with_name("n1.copy"))
            assert all(0 <= int(seen[f"{name}.a"]) - int(seen[f"{name}.b"]) <= 1 for name in PAIRED), seen
            assert process.running
            await until(lambda: int((data / "main.a").read_text()) > int(seen["main.a"]))  # noqa: B023
            assert int(seen["main.a"]) >= last
            last = int(seen["main.a"])
        await process.kill()

    scene(tmp_path, play)


def test_a_paused_process_stays_paused_when_its_disk_is_copied(tmp_path: Path) -> None:
    """Whoever has stopped it lets it go on."""

    async def play(supervisor: Supervisor, data: Path) -> None:
        process = supervisor.process("n1", [sys.executable, "-c", PAIRS, str(data)], log_path=data.with_name("log"))
        await process.start()
        await until(lambda: all((data / f"{name}.b").exists() for name in PAIRED))
        await process.pause()
        before = contents(data)
        assert await Disk(process, data).back_up() == 0.0
        assert contents(data.with_name("n1.copy")) == contents(data) == before
        assert process.paused
        await process.resume()
        await until(lambda: contents(data) != before)
        await process.kill()

    scene(tmp_path, play)


def test_nothing_beyond_the_folder_is_touched(tmp_path: Path) -> None:
    """The supervisor refuses what would be, by a sentence that names it, and what cannot be copied too."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dear").write_text("1")

    async def play(supervisor: Supervisor, data: Path) -> None:
        (data.parent / "link").symlink_to(elsewhere)
        for folder in (elsewhere, data.parent, data / ".." / ".." / "elsewhere", data.parent / "link" / "deeper"):
            with pytest.raises(ProcessError, match="does not lie below"):
                await Disk(idle(supervisor, data), folder).wipe()
        with pytest.raises(ProcessError, match="No such file or directory"):
            await Disk(idle(supervisor, data), data.with_name("n2")).back_up()

    scene(tmp_path, play)
    assert contents(elsewhere) == {"dear": "1"}


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        await asyncio.sleep(0.005)
