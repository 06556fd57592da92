"""The embedded server as a program."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from tests.chaos.conftest import Upstream

COMMAND = [sys.executable, "-m", "ringcheck_chaos.embedded"]


def first_line(process: subprocess.Popen[str]) -> str:
    """What a process writes first."""
    assert process.stdout
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_says_when_it_is_ready_and_ends_in_order(number: int) -> None:
    """It prints one line with its URL when it serves, and ends with 0 and no other word, even with clients there."""
    argv = [*COMMAND, "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        url = first_line(server).split()[-1]
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(f"{url}/version", timeout=10).ok
            server.send_signal(number)
            assert server.communicate(timeout=10) == ("", "")
    assert server.returncode == 0


def test_taken_port_is_one_sentence(upstream: "Upstream") -> None:
    """A port that is taken ends it with 2 and one sentence that names the address."""
    port = upstream.address.rpartition(":")[2]
    ended = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2
    assert ended.stderr == (
        f"Cannot serve Toxiproxy's API on 127.0.0.1:{port}: address already in use; choose another.\n"
    )


def test_configuration_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """A missing or broken list of proxies ends it with 2 and one sentence that names the file."""
    broken = tmp_path / "broken.json"
    broken.write_text("[")
    for path in (tmp_path / "missing.json", broken):
        ended = subprocess.run([*COMMAND, "--config", str(path)], capture_output=True, text=True, timeout=20)
        assert ended.returncode == 2
        assert str(path) in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_configuration_is_created(tmp_path: Path) -> None:
    """The proxies of a configuration are there when it says that it is ready."""
    config = tmp_path / "proxies.json"
    config.write_text(json.dumps([{"name": "one", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}]))
    argv = [*COMMAND, "--port", "0", "--config", str(config)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = first_line(server).split()[-1]
            with requests.Session() as session:
                session.trust_env = False
                assert session.get(f"{url}/proxies/one", timeout=10).json()["enabled"] is True
        finally:
            server.terminate()


def test_version_is_told() -> None:
    """It tells the Toxiproxy whose API it has."""
    ended = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stdout) == (0, "ringcheck's embedded Toxiproxy 2.12.0\n")
