"""Somebody else's node: honest, lying, and broken in every way that a user meets on the first day."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Command, Program


SOON = {"RINGCHECK_START_DEADLINE_S": "3"}
ONE_EXAMPLE = ("run", "--only", "KV-01", "-n", "0")


def test_an_honest_node_conforms_with_its_skips_visible(program: "Program", foreign: "Command") -> None:
    """What a kv-only node does not declare is skipped, said, and no obstacle to exit 0."""
    done = program("run", "--only", "KV-01,KV-04,SIB-01,HND-01,AE-02,RNG-01", "--schedules", "1", *foreign())
    assert done.returncode == 0, done.stdout + done.stderr
    assert program.statuses() == {
        "KV-01": "pass",
        "KV-04": "pass",
        "SIB-01": "pass",
        "HND-01": "skipped",
        "AE-02": "skipped",
        "RNG-01": "skipped",
    }
    assert "skipped: the target does not declare inspect" in done.stdout
    assert "conforms: 3 pass, 3 skipped" in done.stdout


@pytest.mark.parametrize(
    ("lie", "requirement"), [("forgets", "DUR-01"), ("drops-siblings", "KV-04"), ("alone", "AVL-03")]
)
def test_a_lying_node_is_found_out(program: "Program", foreign: "Command", lie: str, requirement: str) -> None:
    """A lie costs exit 1 and is charged to the requirement that it breaks."""
    done = program("run", "--only", requirement, "--schedules", "0", "-n", "1", *foreign("--lie", lie))
    assert done.returncode == 1, done.stdout + done.stderr
    assert program.statuses()[requirement] == "fail"


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        (("--declare", "ring"), " declares ring but its service answers UNIMPLEMENTED"),
        (("--nonsense",), " describes itself wrongly: n is 0"),
        (("--exit-at-once",), " ended while it was starting"),
        (("--never-healthy",), " was not healthy within 3 s"),
    ],
)
def test_a_node_that_cannot_be_used_is_4(
    program: "Program", foreign: "Command", switches: tuple[str, ...], words: str
) -> None:
    """One clear sentence, and the run ends at once instead of trying every test."""
    done = program(*ONE_EXAMPLE, *foreign(*switches), env=SOON)
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stdout.count(words) == 1, done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_every_worker_meets_an_unusable_node_and_it_is_told_once(program: "Program", foreign: "Command") -> None:
    """With several workers as well, one sentence and exit 4."""
    done = program("run", "-n", "2", *foreign("--nonsense"))
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stdout.count("describes itself wrongly") == 1, done.stdout


def test_a_liar_among_peers_fails_peer_01(program: "Program", babbler: "Command") -> None:
    """Among its own kind it may keep its word: the story names the requirement that is broken, and the other kind."""
    done = program("run", "--only", "PEER-01", "--schedules", "0", *babbler())
    assert done.returncode == 1, done.stdout + done.stderr
    assert program.statuses() == {"PEER-01": "fail"}
    assert "holds on a mixed cluster too" in done.stdout
    assert "ringcheck-reference" in done.stdout


def test_who_is_no_peer_is_mixed_with_nobody(program: "Program", foreign: "Command") -> None:
    """Both requirements are skipped, and no cluster of two kinds is judged."""
    done = program("run", "--only", "KV-01,PEER-01,PEER-02", "--schedules", "4", "-n", "0", *foreign())
    assert done.returncode == 0, done.stdout + done.stderr
    assert program.statuses() == {"KV-01": "pass", "PEER-01": "skipped", "PEER-02": "skipped"}
