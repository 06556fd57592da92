"""`ringcheck cluster …` for a running cluster, in a folder of its own, against nodes that say what they are told to."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringcheck import cli

FakeNode = Any


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's address book lies here, and no variable says anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RINGCHECK_NODE", raising=False)


@pytest.fixture
def run(fakes: list[FakeNode], capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `ringcheck cluster …` with a book of all nodes: (exit code, standard output, error output)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        write_book(fakes)
        code = cli.code_of(["cluster", *arguments])
        said = capsys.readouterr()
        return code, "\n".join(line.rstrip() for line in said.out.splitlines()), said.err

    return run


def write_book(nodes: list[FakeNode], path: str = "ringcheck-cluster.json") -> None:
    """As a running cluster does."""
    Path(path).write_text(json.dumps({"nodes": {node.id: node.address for node in nodes}, "ringcheck_cluster": 1}))


@pytest.fixture
def spare(fakes: list[FakeNode]) -> FakeNode:
    """n4, which runs, knows the members and is none."""
    node = type(fakes[0])("n4", dict(fakes[0].members))
    node.start()
    fakes.append(node)
    return node


def document(run: Any, *arguments: str) -> Any:
    """What --json prints: one document, and nothing else."""
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)
