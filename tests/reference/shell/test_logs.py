"""Logs as JSON lines: what each holds, and that the default stays text."""

import json
import logging
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ringcheck_reference.shell.logs import JsonLines, event


def formatted(message: str, *arguments: Any, extra: dict[str, object] | None = None, failed: bool = False) -> Any:
    """The line for one record of n1."""
    formatter = JsonLines()
    formatter.node = "n1"
    try:
        if failed:
            raise ZeroDivisionError
        information = None
    except ZeroDivisionError:
        information = sys.exc_info()
    record = logging.getLogger("a").makeRecord("a", logging.INFO, "f", 1, message, arguments, information, extra=extra)
    line = formatter.format(record)
    assert "\n" not in line
    return json.loads(line)


def test_an_event_has_its_name_and_its_fields() -> None:
    """Beside what a reader would get."""
    line = formatted("%s is at %s", "n2", "x", extra=event("met", peer="n2", error=ValueError("odd"), digest=b"\xff"))
    assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert line == {
        "level": "info",
        "node": "n1",
        "event": "met",
        "fields": {"peer": "n2", "error": "odd", "digest": "b'\\xff'"},
        "text": "n2 is at x",
    }


def test_records_of_libraries_have_an_event_that_stays() -> None:
    """Their text without what varies."""
    first, second = (formatted("stream to %s: %s", peer, "lost") for peer in ("n2", "n3"))
    assert first["event"] == second["event"] == "stream to …: …"
    assert (first["fields"], first["text"]) == ({}, "stream to n2: lost")


def test_a_mistake_has_its_traceback_in_the_same_line() -> None:
    """However many lines it had."""
    assert "ZeroDivisionError" in formatted("failed", failed=True)["exception"]


def run_until_serving(node: Any, *options: str) -> list[str]:
    """The lines of one life of a node."""
    node.command = (*node.command, *options)
    node.start()
    node.wait_until_serving()
    assert node.end(signal.SIGTERM) == 0
    lines: list[str] = node.log_path.read_text().splitlines()
    return lines


def test_a_node_logs_json_when_it_is_told_to(make_nodes: Any) -> None:
    """Every line of its life; it says where it serves."""
    (node,) = make_nodes(1)
    lines = [json.loads(line) for line in run_until_serving(node, "--log-format", "json")]
    assert [line["event"] for line in lines] == ["serving", "stopped"]
    assert {line["node"] for line in lines} == {"n1"}
    assert lines[0]["fields"] == {"address": node.config["listenAddress"]}


def test_what_is_wrong_with_a_peer_is_an_event_with_fields(make_nodes: Any) -> None:
    """A program that reads the log learns who, where and what without reading the sentence."""
    node, _ = make_nodes(2)
    own = node.config["listenAddress"]
    node.config["addressBook"] = {"n1": own, "n2": own}
    lines = [json.loads(line) for line in run_until_serving(node, "--log-format", "json")]
    (first, *_) = [line for line in lines if line["event"] in {"no-hello", "wrong-address"}]
    assert (first["level"], first["fields"]["peer"], first["fields"]["address"]) == ("warning", "n2", own)


def test_a_node_logs_text_when_it_is_not(make_nodes: Any) -> None:
    """Readable, as ever."""
    (node,) = make_nodes(1)
    serving, stopped = run_until_serving(node)
    assert serving.endswith(f"INFO ringcheck_reference.shell.main: node n1 serves on {node.config['listenAddress']}")
    assert stopped.endswith("node n1 has stopped")


@pytest.mark.parametrize("as_json", [True, False])
def test_what_keeps_a_node_from_starting_is_said_in_the_same_form(tmp_path: Path, as_json: bool) -> None:
    """A sentence, or a line of JSON with its exit code."""
    option = ["--log-format", "json"] if as_json else []
    done = subprocess.run(
        [sys.executable, "-m", "ringcheck_reference", str(tmp_path / "absent"), *option],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    if as_json:
        line = json.loads(done.stderr)
        assert (line["level"], line["event"], line["fields"]) == ("error", "failed", {"exit_code": 2})
    assert "No such file" in done.stderr
