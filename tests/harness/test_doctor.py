"""Each check of the doctor can fail, and then says what to do."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ringcheck import doctor
from ringcheck.commands.doctor import command
from ringcheck.target import Target


def assert_wrong(check: doctor.Check, word: str) -> None:
    """The check failed, shows what it saw, and advises."""
    assert not check.ok
    assert word in check.detail
    assert check.advice


def test_an_old_python_is_wrong() -> None:
    """Python 3.10 is too old, 3.11 is not."""
    assert_wrong(doctor.check_python((3, 10, 4), "linux"), "3.10.4")
    assert doctor.check_python((3, 11, 0), "linux").ok


def test_another_system_is_wrong() -> None:
    """What ties processes together is Linux's alone."""
    assert_wrong(doctor.check_python((3, 12, 0), "darwin"), "darwin")


def test_a_missing_package_is_named() -> None:
    """A package that cannot be imported is named."""
    assert_wrong(doctor.check_packages(("json", "no_such_package")), "no_such_package")
    assert doctor.check_packages().ok


def test_a_toxiproxy_that_is_not_there_is_wrong() -> None:
    """A path that leads nowhere is shown; the embedded one always is there."""
    assert_wrong(doctor.check_toxiproxy("/no/such/toxiproxy"), "/no/such/toxiproxy")
    assert doctor.check_toxiproxy("embedded").detail == "embedded"


def test_ports_that_are_taken_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range without a free port is seen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("ringcheck_chaos.ports.FIRST", port)
        monkeypatch.setattr("ringcheck_chaos.ports.LAST", port)
        assert_wrong(doctor.check_ports(), str(port))
    monkeypatch.undo()
    assert doctor.check_ports().ok


def test_a_temporary_folder_that_cannot_be_written_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A TMPDIR that leads nowhere is seen; one that can be written is left empty."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert_wrong(doctor.check_temporary_folder(), "nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert doctor.check_temporary_folder().ok
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_that_does_not_start_is_wrong() -> None:
    """A node that exits at once is reported with what it said."""
    target = Target.from_command((sys.executable, "-c", "exit('out of luck')", "{config}"))
    assert_wrong(doctor.check_cluster(target), "out of luck")


def test_whoever_asks_twice_to_end_it_disturbs_no_clean_up(tmp_path: Path) -> None:
    """All that was started is gone, and nothing is said but that it was interrupted."""
    code = """
import asyncio, os, signal
from ringcheck import cli, cluster, doctor

def terminate():
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)

async def start_server(*_):
    terminate()
    try:
        await asyncio.Event().wait()
    finally:
        terminate()  # while its supervisor is being ended

cluster.start_server = start_server
doctor.CHECKS = (doctor.check_cluster,)
cli.main(["doctor"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nringcheck: Interrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_the_command_tells_good_from_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line a check, advice below what is wrong, and 4 if anything is."""
    good, bad = (
        doctor.Check("luck", ok=True, detail="plenty"),
        doctor.Check("luck", ok=False, detail="none", advice="Wait."),
    )
    monkeypatch.setattr(doctor, "CHECKS", (lambda: good,))
    assert CliRunner().invoke(command, standalone_mode=False).return_value == 0
    monkeypatch.setattr(doctor, "CHECKS", (lambda: good, lambda: bad))
    done = CliRunner().invoke(command, standalone_mode=False)
    assert done.return_value == 4
    assert done.output.splitlines() == [
        "ok     luck: plenty",
        "WRONG  luck: none",
        "       → Wait.",
        "1 of 2 checks failed.",
    ]
