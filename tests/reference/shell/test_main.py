"""The command: its exit codes, and the one sentence when something is wrong."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dynamo_node.v1 import key_value_pb2
from ringcheck_reference.core.effects import PutFact, PutReplica
from ringcheck_reference.core.encoding import encode_state
from ringcheck_reference.core.versions import Context, Dot, State, Version
from ringcheck_reference.shell.schema import DATABASE_NAME
from ringcheck_reference.shell.store import Store


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m ringcheck_reference` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ringcheck_reference", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        **options,
    )


def only_sentence(result: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr; nothing else was printed."""
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("ringcheck_reference: ")
    assert line.endswith(".")
    return line


def test_a_wrong_config_is_2(tmp_path: Path) -> None:
    """A configuration that cannot be used ends the command with 2."""
    path = tmp_path / "config.json"
    path.write_text('{"nodeId": "n1"}')
    result = command(str(path))
    assert result.returncode == 2
    assert "members is empty" in only_sentence(result)


def test_a_missing_config_is_2(tmp_path: Path) -> None:
    """So does a file that is not there, and a command line without one."""
    result = command(str(tmp_path / "absent.json"))
    assert result.returncode == 2
    assert "No such file" in only_sentence(result)
    assert command().returncode == 2


def test_an_address_that_is_taken_is_3(make_nodes: Any) -> None:
    """A second node on an address ends with 3 and names the address; the first is left alone."""
    (node,) = make_nodes(1)
    host, _, port = node.config["listenAddress"].rpartition(":")
    node.config_path.write_text(json.dumps(node.config))
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        squatter.bind((host, int(port)))
        squatter.listen()
        result = command(str(node.config_path))
    assert result.returncode == 3
    assert f"Cannot listen on {host}:{port}: Address already in use" in only_sentence(result)


def test_a_data_directory_in_use_is_3(start_nodes: Any, make_nodes: Any) -> None:
    """Two nodes never share a directory."""
    (node,) = start_nodes(1)
    (other,) = make_nodes(1)
    path = other.config_path
    path.write_text(json.dumps(other.config | {"dataDirectory": node.config["dataDirectory"]}))
    result = command(str(path))
    assert result.returncode == 3
    assert "is in use by another node" in only_sentence(result)
    assert node.end(signal.SIGTERM) == 0


def test_a_damaged_database_is_3(make_nodes: Any) -> None:
    """A database that cannot be read through is said to be damaged, and nothing is served from it."""
    (node,) = make_nodes(1)
    directory = Path(node.config["dataDirectory"])
    store = Store(directory, lambda *_: None)
    store.persist([PutReplica(b"%d" % number, b"state" * 100) for number in range(200)], lambda _: None)
    store.close()
    with (directory / DATABASE_NAME).open("r+b") as database:
        database.seek(4096)
        database.write(b"\xff" * 40_000)
    node.config_path.write_text(json.dumps(node.config))
    result = command(str(node.config_path))
    assert result.returncode == 3
    assert f"The database in {directory} is damaged" in only_sentence(result)


def test_a_page_that_is_found_damaged_later_ends_the_node_with_3(make_nodes: Any) -> None:
    """The first rows are read before it serves and the others after that: the same sentence, and the same code."""
    (node,) = make_nodes(1)
    directory = Path(node.config["dataDirectory"])
    dot = Dot(b"a", 1)
    state = encode_state(State.of([Version(dot, b"v" * 100)], Context.of([dot])))
    store = Store(directory, lambda *_: None)
    store.persist([PutReplica(b"key%06d" % number, state) for number in range(20_000)], lambda _: None)
    store.close()
    size = (directory / DATABASE_NAME).stat().st_size
    with (directory / DATABASE_NAME).open("r+b") as database:
        database.seek(size // 4096 * 3 // 4 * 4096)
        database.write(b"\xff" * 4096)
    node.start()
    assert node.process is not None
    assert node.process.wait(30) == 3
    said = node.log_path.read_text()
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith(f"ringcheck_reference: The database in {directory} is damaged")


def test_a_torn_row_and_a_torn_event_are_told_of_and_a_lost_mark_is_3(make_nodes: Any) -> None:
    """A node does without what the others know, and does not run without what only it knew."""
    (node,) = make_nodes(1)
    directory = Path(node.config["dataDirectory"])
    store = Store(directory, lambda *_: None)
    store.persist([PutReplica(b"torn", b"\0"), PutFact(b"event " + b"x" * 32, b"\1\0")], lambda _: None)
    store.close()
    node.start()
    node.wait_until_serving()
    for _ in range(3):
        assert not node.key_value.Get(key_value_pb2.GetRequest(key=b"torn"), timeout=10).values
    assert node.end(signal.SIGTERM) == 0
    said = node.log_path.read_text()
    assert said.count("the key b'torn' cannot be read") == 1
    assert said.count("a membership event cannot be read") == 1
    assert "Traceback" not in said
    store = Store(directory, lambda *_: None)
    store.persist([PutFact(b"releas", b"d" * 32)], lambda _: None)
    store.close()
    result = command(str(node.config_path))
    assert result.returncode == 3
    assert f"The database in {directory} is damaged" in only_sentence(result)


@pytest.mark.parametrize("level", ["loud", "5"])
def test_a_wrong_log_level_is_2(tmp_path: Path, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in RINGCHECK_LOG is said like any other."""
    monkeypatch.setenv("RINGCHECK_LOG", level)
    result = command(str(tmp_path / "absent.json"))
    assert result.returncode == 2
    assert f"RINGCHECK_LOG is '{level}'" in only_sentence(result)


def test_help_and_version() -> None:
    """Both answer on stdout with 0."""
    for option, expected in (("--help", "RINGCHECK_LOG"), ("--version", "ringcheck-reference 0.")):
        result = command(option)
        assert result.returncode == 0
        assert expected in result.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_it_is_imported_is_a_graceful_one(tmp_path: Path, number: signal.Signals) -> None:
    """Whichever signal it is, and without a word."""
    code = f"""
import runpy, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "ringcheck_reference.shell.main":
            signal.raise_signal({int(number)})
sys.meta_path.insert(0, Finder())
runpy.run_module("ringcheck_reference", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "absent.json")],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_asks_again_changes_nothing(make_nodes: Any, number: signal.Signals) -> None:
    """Not even just before it ends: it has stopped gracefully, and says 0."""
    (node,) = make_nodes(1)
    node.config_path.write_text(json.dumps(node.config))
    with subprocess.Popen([*node.command, str(node.config_path)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "serves on" in line:
                process.send_signal(number)
            if "has stopped" in line:
                break
        else:
            pytest.fail("it never stopped")
        while process.poll() is None:
            process.send_signal(number)
        assert process.stderr.read() == ""
    assert process.returncode == 0
