import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ringcheck.commands.node import command
from ringcheck.errors import MachineError, UsageError
from ringcheck_chaos.ports import lease


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that took our place, had they."""
    calls: list[tuple[str, ...]] = []

    def note(program: str, argv: tuple[str, ...]) -> None:
        calls.append(argv)

    monkeypatch.setattr(os, "execv", note)
    return calls


def invoke(*arguments: str) -> Any:
    """Call the command; a RingcheckError comes through."""
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_options_make_a_ring_of_one_node(tmp_path: Path, executed: list[tuple[str, ...]]) -> None:
    """Without a configuration file one is made, and the reference is started with it."""
    with lease(1) as ports:
        address = f"127.0.0.1:{ports.ports[0]}"
        invoke("--listen", address, "--data", str(tmp_path / "node"))
    config = json.loads((tmp_path / "node" / "node.json").read_text())
    assert executed[0][-1] == str(tmp_path / "node" / "node.json")
    assert (config["listen_address"], config["address_book"]) == (address, {"n1": address})
    assert (config["n"], config["r"], config["w"]) == (1, 1, 1)
    assert Path(config["data_directory"]).is_dir()


def test_metrics_and_logs_are_handed_on(tmp_path: Path, executed: list[tuple[str, ...]]) -> None:
    """The one in the configuration, the other on the command line."""
    with lease(2) as ports:
        address, metrics = (f"127.0.0.1:{port}" for port in ports.ports)
        options = ("--listen", address, "--data", str(tmp_path), "--metrics", metrics)
        said = invoke(*options, "--log-format", "text").stderr
        assert executed.pop()[-2:] == ("--log-format", "text")
        assert invoke(*options, "--log-format", "json").stderr == ""  # where every line is for programs
    assert json.loads((tmp_path / "node.json").read_text())["metrics_address"] == metrics
    assert executed[0][-3:] == (str(tmp_path / "node.json"), "--log-format", "json")
    assert f"http://{metrics}/metrics" in said
    with pytest.raises(UsageError, match="--metrics says; give one of the two"):
        invoke(str(tmp_path / "node.json"), "--metrics", metrics)


def test_address_that_is_taken_is_told_before_the_node_starts(tmp_path: Path, executed: list[tuple[str, ...]]) -> None:
    """Somebody listens there already: one sentence, and exit code 4."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(
            MachineError, match=rf"{address} cannot be listened on \(Address already in use\)"
        ) as caught:
            invoke("--listen", address, "--data", str(tmp_path))
    assert caught.value.exit_code == 4
    assert executed == []


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:port", "127.0.0.1:99999"])
def test_what_is_no_address_is_wrong_use(address: str, tmp_path: Path, executed: list[tuple[str, ...]]) -> None:
    """An address is a host and a port."""
    with pytest.raises(UsageError, match="give host and port"):
        invoke("--listen", address, "--data", str(tmp_path))
    assert executed == []


def test_file_without_a_node_config_is_wrong_use(tmp_path: Path, executed: list[tuple[str, ...]]) -> None:
    """What CONFIG holds is read before anything starts."""
    (tmp_path / "config").write_text("{]")
    (tmp_path / "colour").write_text('{"colour": "red"}')
    for name, sentence in (
        ("config", "holds no NodeConfig"),
        ("colour", r'no field named "colour".{0,40}; give a file'),
        ("missing", r"^Cannot read .*missing: No such file or directory; name a file"),
    ):
        with pytest.raises(UsageError, match=sentence):
            invoke(str(tmp_path / name))
    assert executed == []


def test_configuration_and_options_are_not_mixed(tmp_path: Path, executed: list[tuple[str, ...]]) -> None:
    """CONFIG says where the node listens; saying it twice is wrong use."""
    with pytest.raises(UsageError, match="--listen says; give one of the two"):
        invoke(str(tmp_path / "config"), "--listen", "127.0.0.1:1")
    assert executed == []


def test_node_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """The command becomes the node: SIGTERM ends it gracefully, with 0."""
    with lease(1) as ports:
        address = f"127.0.0.1:{ports.ports[0]}"
        command = [sys.executable, "-m", "ringcheck", "node", "--listen", address, "--data", str(tmp_path / "node")]
        said = ""
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as node:
            assert node.stderr is not None
            for line in node.stderr:
                said += line
                if f"serves on {address}" in line:
                    node.terminate()
    assert node.returncode == 0
    assert said.startswith(f"Starting a reference node on {address}; Ctrl-C ends it.")


def test_a_folder_belongs_to_one_node(tmp_path: Path) -> None:
    """A second one is refused, and the configuration of the first stays what it is; once that has ended, it may."""
    with lease(2) as ports:
        first, second = (f"127.0.0.1:{port}" for port in ports.ports)
        command = [sys.executable, "-m", "ringcheck", "node", "--data", str(tmp_path), "--listen"]
        with subprocess.Popen([*command, first], stderr=subprocess.PIPE, text=True) as node:
            assert node.stderr is not None
            assert any(f"serves on {first}" in line for line in node.stderr)
            before = (tmp_path / "node.json").read_text()
            refused = subprocess.run([*command, second], capture_output=True, text=True, timeout=30, check=False)
            node.terminate()
        assert refused.returncode == 2
        assert f"A node runs in the folder {tmp_path}; stop it, or name another one" in refused.stderr
        assert (tmp_path / "node.json").read_text() == before
        with subprocess.Popen([*command, second], stderr=subprocess.PIPE, text=True) as node:
            assert node.stderr is not None
            assert any(f"serves on {second}" in line for line in node.stderr)
            node.terminate()


def test_a_stop_before_the_node_starts_is_its_end_too(
    tmp_path: Path, executed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started then."""

    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ringcheck.commands.node.check_free", interrupted)
    assert invoke("--data", str(tmp_path)).exit_code == 0
    assert executed == []


def test_a_stop_that_comes_while_the_node_takes_our_place_is_a_graceful_one(tmp_path: Path) -> None:
    """It waits until the node can take it."""
    with lease(1) as ports:
        arguments = ("node", "--listen", f"127.0.0.1:{ports.ports[0]}", "--data", str(tmp_path / "node"))
        for name in ("SIGINT", "SIGTERM"):
            code = f"""
import os, signal, sys
from ringcheck import cli
become = os.execv
def terminated_and_become(*arguments):
    os.kill(os.getpid(), signal.{name})
    become(*arguments)
os.execv = terminated_and_become
cli.main(sys.argv[1:])
"""
            command = [sys.executable, "-c", code, *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 0, done.stderr
            assert done.stderr.startswith("Starting a reference node")
            assert done.stderr.count("\n") == 1
