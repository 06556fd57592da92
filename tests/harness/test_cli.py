"""The command line as a program: its help, its errors, its exit codes."""

import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ringcheck import __version__, cli
from ringcheck.errors import HistoryError, TargetError, UsageError


def ringcheck(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return subprocess.run(
        [sys.executable, "-m", "ringcheck", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def assert_one_sentence(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """It ended with this code, and said why in one sentence that holds these words."""
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("ringcheck: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_version() -> None:
    """--version prints the one version of the package."""
    assert ringcheck("--version").stdout == f"ringcheck, version {__version__}\n"


def test_help_lists_every_command_and_imports_none() -> None:
    """--help is quick: it loads neither gRPC nor pytest."""
    code = "import sys; from ringcheck import cli; cli.code_of(['--help']); sys.exit('grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    for name in cli.COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str) -> None:
    """Each listed command exists and explains itself."""
    done = ringcheck(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: ringcheck {name}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rnu",), ("rnu",)),
        (("run", "--nodes", "none"), ("--nodes", "none")),
        (("run", "--nodes", "0"), ("--nodes", "0")),
        (("run", "-n", "100000"), ("--workers", "100000 is not in the range 0<=x<=")),
        (("run", "--only", "KV-99"), ("KV-99", "KV-01")),
        (("run", "--only", ""), ("no requirement ''", "DUR-01")),
        (("run", "--seed", "9" * 40), ("--seed", "18446744073709551615")),
        (("run", "--toxiproxy", "http://127.0.0.1:99999"), ("http://127.0.0.1:99999", "http://127.0.0.1:8474")),
        (("run", "--toxiproxy", "http://[::1"), ("'http://[::1' is not the URL of a Toxiproxy",)),
        (("run", "--core", "no_such_core"), ("no_such_core", "cannot be imported")),
        (("cluster", "status", "--node", f"127.0.0.1:{'9' * 5000}"), ("'127.0.0.1:9", "…' is no address; give host")),
        (("run", "--core", "json", "--", "mynode", "{config}"), ("simulated world", "choose")),
        (("run", "--", "mynode", "--verbose"), ("{config}", "0 times")),
        (("run", "--toxiproxy", "/no/such/server"), ("/no/such/server",)),
    ],
)
def test_wrong_use_is_one_sentence_and_2(arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    """What the user mistyped is said in one sentence, and nothing is started or written."""
    assert_one_sentence(ringcheck(*arguments, cwd=tmp_path), 2, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("run", "-n", "0"), ("explore", "--seeds", "1", "-n", "0")])
def test_a_core_that_ends_its_process_when_it_is_loaded_is_told(command: tuple[str, ...], tmp_path: Path) -> None:
    """The process is ours, and would have ended without a word."""
    (tmp_path / "core.py").write_text("import os\nos._exit(5)\n")
    done = ringcheck(*command, "--core", "core.py", cwd=tmp_path)
    assert_one_sentence(done, 2, "core.py cannot be imported", "it called os._exit(5)")


def test_without_a_command_it_is_its_help() -> None:
    """As it is, on stderr, since that is wrong use."""
    done = ringcheck()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ringcheck("--help").stdout


def test_a_core_is_named_by_a_path_from_here(tmp_path: Path) -> None:
    """Though its schedules are carried out by processes that run elsewhere."""
    shutil.copy(Path(__file__).parents[2] / "docs" / "tiny.py", tmp_path)
    options = ("--only", "KV-04", "--schedules", "0", "-n", "0")
    done = ringcheck("run", "--core", "./tiny.py", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"core     {tmp_path / 'tiny.py'} (simulated)\n" in done.stdout


def test_a_command_that_does_not_exist_is_4(tmp_path: Path) -> None:
    """A target that cannot be found is the target's failure, found before anything is started."""
    assert_one_sentence(ringcheck("run", "--", "no-such-node", "{config}", cwd=tmp_path), 4, "no-such-node")
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_cannot_be_written_is_2(tmp_path: Path) -> None:
    """A results folder below a file is wrong use."""
    (tmp_path / "file").touch()
    assert_one_sentence(ringcheck("run", "--out", "file/results", cwd=tmp_path), 2, "file/results", "--out")


@pytest.mark.parametrize("error", [UsageError, TargetError, HistoryError])
def test_errors_carry_their_exit_codes(
    error: type[UsageError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever command raises one of our errors, its sentence and its code reach the user."""
    monkeypatch.setattr(cli.cli, "main", _raiser(error("What was seen; what to do.")))
    assert cli.code_of(["run"]) == error.exit_code
    assert capsys.readouterr().err == "ringcheck: What was seen; what to do.\n"


def test_a_bug_of_ours_says_so_and_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An unexpected exception is one sentence, exit 4, and a file with the traceback."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(cli.cli, "main", _raiser(KeyError("n1")))
    assert cli.code_of(["run"]) == 4
    (file,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert "bug in ringcheck" in said
    assert str(file) in said
    assert "KeyError" in file.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full to write to")
def test_output_that_cannot_be_written_is_told() -> None:
    """A full disk behind standard output is one sentence and 4, not a bug of ours."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ringcheck", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr == "ringcheck: Nothing more can be written: No space left on device; make room, and try again.\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        (("cluster", "trees"), 2),
        (("explore", "--seed", "1", "--core", "tiny.py", "--only", "SIB-04"), 0),
        (("run", "--core", "tiny.py", "--only", "KV-04", "--schedules", "0", "-n", "0"), 0),
    ],
)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(arguments: tuple[str, ...], code: int, closed: str, tmp_path: Path) -> None:
    """What would be written there goes nowhere, and the exit code says what it comes to."""
    shutil.copy(Path(__file__).parents[2] / "docs" / "tiny.py", tmp_path)
    command = shlex.join([sys.executable, "-m", "ringcheck", *arguments])
    done = subprocess.run(
        ["sh", "-c", f"{command} {closed}"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "bug" not in done.stderr


def test_an_argument_that_is_no_text_is_wrong_use(tmp_path: Path) -> None:
    """A folder, say, whose name nothing that we write could hold."""
    shutil.copy(Path(__file__).parents[2] / "docs" / "tiny.py", tmp_path)
    run = ("run", "--schedules", "0", "-n", "0", "--only", "KV-04")
    for command in (run, ("explore", "--seeds", "1", "-n", "0")):
        done = ringcheck(*command, "--core", "tiny.py", "--out", "of \udcff", cwd=tmp_path)
        assert_one_sentence(done, 2, "no text in UTF-8", "of \\udcff")


def test_sigterm_is_as_ctrl_c(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A command without handlers of its own cleans up and ends with 130; the handler from before is put back."""
    before = signal.getsignal(signal.SIGTERM)

    def terminated(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(cli.cli, "main", terminated)
    assert cli.code_of(["check"]) == 130
    assert "Interrupted." in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted command says so and ends with 130."""
    monkeypatch.setattr(cli.cli, "main", _raiser(KeyboardInterrupt()))
    assert cli.code_of(["check"]) == 130
    assert capsys.readouterr().err == "ringcheck: Interrupted.\n"


def _raiser(error: BaseException) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
