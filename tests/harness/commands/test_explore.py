"""`ringcheck explore` as a program: its errors, its exit codes, and how it ends when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.exploring import parts

WITHIN_S = 60.0
MARK = "RINGCHECK_TEST_MARK"


def arguments(core: str, *more: str) -> list[str]:
    """The program on a core of `parts`, in the folder where it is called."""
    name = core if core.endswith(".py") else parts.name(core)
    program = [sys.executable, "-m", "ringcheck", "explore", "--core", name, "--source", parts.name("source")]
    return [*program, *more]


def explore(core: str, *more: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(arguments(core, *more), cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--core", "no.such.core"), "no.such.core cannot be imported"),
        (("--core", "json"), "json is no core that can be simulated: it lacks describe"),
        (("--core", "nothing.py"), "no file"),
        (("--source", "json"), "json is no source of schedules"),
        (("--seeds", "0"), "--seeds"),
        (("--time", "0"), "--time"),
        (("-n", "100000"), "100000 is not in the range 0<=x<="),
        (("--first", "-1"), "--first"),
        (("--audit", "2"), "--audit"),
        (("--only", "KV-99"), "KV-99"),
        (("--only", "MEM-01,PEER-01"), "MEM-01 is about the profile membership, which the core does not declare; PEER"),
        (("--resume",), "to resume"),
        (("--resume", "--first", "3"), "without --first"),
        (("--seed", "3", "--seeds", "4"), "without --first and --seeds"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(more: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """Nothing is tried or written."""
    done = explore(parts.TINY, *more, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("ringcheck: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("versions", {"Hypothesis": "5.0"}, "was made by Hypothesis 5.0, whose seeds are other schedules"),
        ("position", {"following": -5}, "it went from seed 0 to -5"),
        ("tally", {"held": {"ODD-01": 3}}, "there is no requirement 'ODD-01'"),
    ],
)
def test_what_cannot_be_resumed_is_one_sentence_and_2(
    part: str, changes: dict[str, object], words: str, tmp_path: Path
) -> None:
    """Seeds that were other schedules, and what no exploration leaves."""
    assert explore(parts.TINY, "--first", "0", "--seeds", "2", "-n", "0", cwd=tmp_path).returncode == 0
    (path,) = tmp_path.glob("ringcheck-results/*-explore/state.json")
    state = json.loads(path.read_bytes())
    path.write_text(json.dumps({**state, part: {**state[part], **changes}}))
    done = explore(parts.TINY, "--resume", "-n", "0", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("ringcheck: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr


def test_a_results_folder_that_cannot_be_written_is_2(tmp_path: Path) -> None:
    """A results folder below a file is wrong use."""
    (tmp_path / "file").touch()
    done = explore(parts.TINY, "--out", "file/results", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "file/results" in done.stderr


def test_an_honest_core_is_0_and_plain_text(tmp_path: Path) -> None:
    """Outside a terminal there are no escape codes; only the results folder is made."""
    done = explore(parts.TINY, "--first", "0", "--seeds", "20", "-n", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing found: 20 seeds" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["ringcheck-results"]


def test_a_planted_bug_is_1_and_its_commands_work(tmp_path: Path) -> None:
    """The history that is named can be judged again, and the seed tried again."""
    done = explore("forgets", "--first", "0", "-n", "2", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "FAIL DUR-01" in done.stdout
    (check,) = [line.split()[-1] for line in done.stdout.splitlines() if "ringcheck check " in line]
    again = subprocess.run(
        [sys.executable, "-m", "ringcheck", "check", check], capture_output=True, text=True, timeout=60, check=False
    )
    assert again.returncode == 1
    seed = explore("forgets", "--seed", "7", cwd=tmp_path)
    assert seed.returncode == 1
    assert "What seed 7 does" in seed.stdout


@pytest.mark.parametrize(("core", "words"), [("raises", "ValueError: cannot store"), ("dice", "NOT DETERMINISTIC")])
def test_a_core_that_fails_is_4(core: str, words: str, tmp_path: Path) -> None:
    """Also one that is not deterministic."""
    done = explore(core, "--first", "0", "--seeds", "20", "-n", "1", "--audit", "1", cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert words in done.stdout


@pytest.mark.parametrize("more", [("--seed", "8"), ("--first", "8", "--seeds", "1", "-n", "0")])
def test_what_a_core_prints_is_not_in_the_report(more: tuple[str, ...], tmp_path: Path) -> None:
    """However it does; it goes to standard error where there is no worker to log it."""
    done = explore("prints", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing found: 1 seed" in done.stdout
    assert "storing" not in done.stdout
    assert "storing b's/a' to the file" in done.stderr
    assert "storing b's/a' to the descriptor" in done.stderr


@pytest.mark.parametrize("more", [("--seed", "7"), ("-n", "0")])
def test_a_core_that_exits_is_told_and_4(more: tuple[str, ...], tmp_path: Path) -> None:
    """It would end the program in silence, with 0."""
    done = explore("exits", *more, *(() if "--seed" in more else ("--first", "0")), cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "it called os._exit(0), and no core may end its process" in done.stdout


class Running:
    """An exploration that goes on for hours unless somebody ends it."""

    def __init__(self, folder: Path, *more: str) -> None:
        self._mark = f"{MARK}={folder}".encode()
        self.folder = folder
        self.child = subprocess.Popen(
            arguments(parts.TINY, "--first", "0", "--time", "10000", "-n", "2", *more),
            cwd=folder,
            env={**os.environ, MARK: str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self) -> list[int]:
        """All processes of it that run."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self._mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def wait_for_seeds(self) -> None:
        """Until its state, which is written whole, says that some have been tried."""
        deadline = time.monotonic() + WITHIN_S
        while not any(b'"tally":{"seeds":0' not in path.read_bytes() for path in self.states()):
            assert self.child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def states(self) -> Iterator[Path]:
        """Its state, when it has one."""
        return self.folder.glob("ringcheck-results/*-explore/state.json")

    def wait_until_gone(self) -> None:
        """Until no process of it is left."""
        deadline = time.monotonic() + WITHIN_S
        while self.processes():
            assert time.monotonic() < deadline, self.processes()
            time.sleep(0.02)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """An exploration that has tried some seeds."""
    exploration = Running(tmp_path)
    try:
        exploration.wait_for_seeds()
        yield exploration
    finally:
        exploration.child.kill()
        exploration.child.wait()
        assert exploration.child.stdout
        exploration.child.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_exploration_says_what_it_found(running: Running, number: int) -> None:
    """Exit 130, a summary, no process left, and it can be resumed."""
    running.child.send_signal(number)
    printed, _ = running.child.communicate(timeout=WITHIN_S)
    assert running.child.returncode == 130, printed
    assert running.processes() == []
    assert "interrupted; this is what was found until then" in printed
    assert "What happened" in printed
    assert "Traceback" not in printed
    resumed = explore(parts.TINY, "--resume", "--seeds", "3", "-n", "0", cwd=running.folder)
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed  after" in resumed.stdout


def test_whoever_insists_gets_the_same_exit_code(running: Running) -> None:
    """SIGTERM again and again until it is gone, from the summary to the last moment of the process."""
    while running.child.poll() is None:
        running.child.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    assert running.child.stdout
    printed = running.child.stdout.read()
    assert running.child.returncode == 130, printed
    assert "Traceback" not in printed
    running.wait_until_gone()


def test_a_killed_exploration_leaves_no_process_and_can_be_resumed(running: Running) -> None:
    """SIGKILL: the workers die with it, and the state is whole."""
    assert len(running.processes()) == 3
    running.child.kill()
    running.child.wait()
    running.wait_until_gone()
    resumed = explore(parts.TINY, "--resume", "--seeds", "3", "-n", "0", cwd=running.folder)
    assert resumed.returncode == 0, resumed.stderr


def test_the_reference_is_explored_by_default(tmp_path: Path) -> None:
    """A few seeds of it, as a user without a core of his own would have them."""
    done = subprocess.run(
        [sys.executable, "-m", "ringcheck", "explore", "--first", "0", "--seeds", "4", "-n", "1", "--only", "SIB-04"],
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "core     ringcheck_reference.simulated" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["ringcheck-results"]
