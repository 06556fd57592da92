"""Membership changes in the simulated world, on nodes that know everything at once and answer what a test wants."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ringcheck.history import (
    Change,
    ChangeDone,
    Converged,
    DiskLost,
    Diverged,
    History,
    Invoke,
    NodeDown,
    NodeUp,
    Note,
    Observation,
    Ok,
    Retired,
)
from ringcheck.history_file import read_history
from ringcheck.schedule import (
    Await,
    Configuration,
    CrashAfter,
    Elapse,
    Get,
    Join,
    Kill,
    Leave,
    Put,
    Remove,
    Restart,
    Retire,
    Schedule,
    Settle,
    Step,
    Wipe,
)
from ringcheck.simulation.loading import load
from ringcheck.worlds.simulated import SimulatedWorld

if TYPE_CHECKING:
    from tests.harness.worlds.toy import Board
else:
    Board = load(f"{Path(__file__).with_name('toy.py')}:Board")

CONFIGURATION = Configuration(nodes=3, n=2, r=1, w=2, partition_count=2, convergence_deadline_ms=2_000)
PUT = Put(id=1, node="n1", key="a", value="v")


def carried_out(board: Board, *steps: Step, path: Path | None = None) -> History:
    """The history of a schedule on nodes of this board."""
    schedule = Schedule(name="test", namespace="test", configuration=CONFIGURATION, steps=steps)
    kit: Any = board
    return SimulatedWorld(kit, name="toy").carry_out(schedule, path)


def of(history: History, kind: type) -> list[Any]:
    """The events of one kind."""
    return [event for event in history.events if isinstance(event, kind)]


def final_readers(history: History) -> list[str]:
    """Where the final reads were made."""
    return [event.node for event in of(history, Invoke) if event.final]


def standing(history: History) -> list[tuple[str, str]]:
    """What became of nodes and changes, in order: (what, who)."""
    words = {NodeUp: "up", NodeDown: "down", Change: "change", Retired: "retired"}
    return [
        (words[type(event)], event.node)
        for event in history.events
        if isinstance(event, NodeUp | NodeDown | Change | Retired)
    ]


def test_a_node_joins_and_is_a_member_from_then_on(tmp_path: Path) -> None:
    """It is started first, says what it is, and is asked for by one call; afterwards it is looked into and read at."""
    board = Board()
    join = Join(node="n4", weight=2, host="h")
    history = carried_out(board, PUT, join, Settle(), path=tmp_path / "h.jsonl")
    assert standing(history) == [("up", "n4"), ("change", "n4")]
    [up], [change], [done] = of(history, NodeUp), of(history, Change), of(history, ChangeDone)
    assert up.description.node_id == "n4"
    assert (change.number, change.kind, change.weight, change.host, change.through) == (1, "join", 2, "h", "n1")
    assert (done.number, done.code) == (1, "OK")
    assert up.time <= change.time < done.time
    assert set(history.header.nodes) == {"n1", "n2", "n3"}
    assert of(history, Converged)
    assert set(of(history, Observation)[-1].nodes) == {"n1", "n2", "n3", "n4"}
    assert sorted(final_readers(history)) == ["n1", "n2", "n3", "n4"]
    assert read_history(tmp_path / "h.jsonl") == history


def test_the_host_of_a_joiner_is_its_id_unless_given() -> None:
    """So a history needs no rule to be read."""
    [change] = of(carried_out(Board(), Join(node="n4")), Change)
    assert (change.weight, change.host) == (1, "n4")


def test_a_leaver_runs_on_until_it_is_retired() -> None:
    """A Settle restarts it and looks into it, but reads at members alone; retired, it is stopped for good."""
    history = carried_out(
        Board(),
        PUT,
        Leave(node="n3"),
        Kill(("n3",)),
        Settle(),
        Retire(("n3",)),
        Restart(("n3",)),
        Settle(),
    )
    assert standing(history) == [
        ("change", "n3"),
        ("down", "n3"),
        ("up", "n3"),
        ("down", "n3"),
        ("retired", "n3"),
    ]
    assert len(of(history, Converged)) == 2
    held = [seen for seen in of(history, Observation) if seen.why == "held"]
    assert [sorted(seen.nodes) for seen in held] == [["n1", "n2", "n3"], ["n1", "n2"]]
    assert sorted(final_readers(history)) == ["n1", "n1", "n2", "n2"]


@pytest.mark.parametrize("why", ["a member still", "draining", "somebody is down", "two views", "never joined"])
def test_a_leaver_that_is_not_drained_is_not_stopped(why: str) -> None:
    """The wait ends with the convergence deadline, and the history says so; all others have to know it.

    Of one that has not joined yet they show as little as of one that is drained.
    """
    board = Board()
    board.draining = {"n3"} if why == "draining" else set()
    board.lagging = {"n2": b"other"} if why == "two views" else {}
    steps: list[Step] = [Retire(("n3",))]
    if why != "a member still":
        steps.insert(0, Leave(node="n3"))
    if why == "somebody is down":
        steps.insert(1, Kill(("n2",)))
    if why == "never joined":
        board.answer = {"join": "", "leave": "NOT_FOUND"}.__getitem__
        steps = [Join(node="n4", wait=False), Leave(node="n4"), Retire(("n4",)), Retire(("n9",))]
        history = carried_out(board, *steps)
        assert not of(history, Retired)
        assert len(of(history, Note)) == 2
        return
    history = carried_out(board, *steps)
    assert "n3" not in [event.node for event in of(history, NodeDown)]
    assert not of(history, Retired)
    [note] = of(history, Note)
    assert note.text == "n3 was not retired: not every other node showed it as drained within 2 s."
    assert note.node == "n3"


def test_a_removed_node_is_not_started_again() -> None:
    """Neither by a Restart nor by a Settle, which stops it should it run; nobody waits for it."""
    for kill in ([Kill(("n3",))], []):
        history = carried_out(
            Board(), PUT, *kill, Remove(node="n3"), Restart(("n3",)), Settle(), Restart(("n3",)), Settle()
        )
        assert sorted(standing(history)) == [("change", "n3"), ("down", "n3")]
        assert len(of(history, Converged)) == 2
        assert sorted(set(final_readers(history))) == ["n1", "n2"]


@pytest.mark.parametrize("code", ["FAILED_PRECONDITION", "UNAVAILABLE", ""])
@pytest.mark.parametrize("kind", [Leave, Remove])
def test_a_change_that_did_not_take_effect_leaves_a_member(kind: type[Leave] | type[Remove], code: str) -> None:
    """Whether it was refused, or might have taken effect: what the members show decides, and it is up again."""
    board = Board()
    board.answer = lambda _kind: code
    history = carried_out(board, PUT, Kill(("n3",)), kind(node="n3"), Settle())
    assert standing(history) == [("down", "n3"), ("change", "n3"), ("up", "n3")]
    [done] = of(history, ChangeDone)
    assert done.code == (code or "DEADLINE_EXCEEDED")
    assert of(history, Converged)
    assert sorted(final_readers(history)) == ["n1", "n2", "n3"]


def test_a_removal_that_took_effect_without_an_answer_counts() -> None:
    """No member lists the node any more, so nobody starts it."""
    board = Board()
    board.answer, board.effective = lambda _kind: "UNAVAILABLE", ("UNAVAILABLE",)
    history = carried_out(board, PUT, Kill(("n3",)), Remove(node="n3"), Settle(), Settle())
    assert standing(history) == [("down", "n3"), ("change", "n3")]
    assert len(of(history, Converged)) == 2
    assert sorted(set(final_readers(history))) == ["n1", "n2"]


@pytest.mark.parametrize(
    ("code", "effective", "member"),
    [
        ("FAILED_PRECONDITION", False, False),
        ("UNAVAILABLE", False, False),
        ("UNAVAILABLE", True, True),
    ],
)
def test_who_did_not_join_is_not_waited_for(code: str, effective: bool, member: bool) -> None:
    """It runs, is down, or has another view: only once members list it does it count."""
    board = Board()
    board.answer, board.effective = lambda _kind: code, (code,) if effective else ()
    steps = (PUT, Join(node="n4"), Settle(), Kill(("n4",)), Settle())
    if not member:
        board.lagging = {"n4": b"other"}
    history = carried_out(board, *steps)
    assert len(of(history, Converged)) == 2
    assert ("n4" in final_readers(history)) == member


def test_changes_wait_for_nothing_where_a_step_says_so() -> None:
    """The next step begins while the answer is on its way; an Await waits for it."""
    history = carried_out(
        Board(), Join(node="n4", wait=False), Get(id=1, node="n1", key="a"), Await(), Leave(node="n4", through="n2")
    )
    kinds = [type(event) for event in history.events if isinstance(event, Change | ChangeDone | Invoke | Ok)]
    assert kinds == [Change, Invoke, ChangeDone, Ok, Change, ChangeDone]
    assert [event.number for event in of(history, ChangeDone)] == [1, 2]
    board = Board()
    board.answer = lambda _kind: ""
    history = carried_out(board, Leave(node="n3", wait=False), Elapse(seconds=0.1), Await(), Elapse(seconds=1.0))
    [change], [done] = of(history, Change), of(history, ChangeDone)
    assert done.code == "DEADLINE_EXCEEDED"
    assert done.time - change.time == pytest.approx(3.0)


def test_who_is_asked() -> None:
    """The one that is named; else the first member that runs and is not the one concerned."""
    board = Board()
    history = carried_out(
        board,
        Leave(node="n1"),
        Kill(("n2",)),
        Join(node="n4"),
        Leave(node="n3"),
        Remove(node="n2", through="n1"),
        Kill(("n1", "n3", "n4")),
        Join(node="n5"),
        Join(node="n6", through="n4"),
    )
    assert [(event.node, event.through) for event in of(history, Change)] == [
        ("n1", "n2"),
        ("n4", "n3"),
        ("n3", "n4"),
        ("n2", "n1"),
        ("n6", "n4"),
    ]
    assert [whom for whom, _, _ in board.asked] == ["n2", "n3", "n4", "n1"]
    [note] = of(history, Note)
    assert note.text == "The change of n5 was not asked for, since no member runs."
    last = of(history, ChangeDone)[-1]
    assert (last.number, last.code) == (5, "UNAVAILABLE")


def test_who_was_refused_to_leave_is_asked_like_any_member() -> None:
    """A definite error says that he is one still; any other leaves it open, so another one is asked."""
    for code, asked in (("FAILED_PRECONDITION", "n1"), ("UNAVAILABLE", "n2")):
        board = Board()
        board.answer = {"leave": code, "join": "OK"}.__getitem__
        history = carried_out(board, Leave(node="n1"), Join(node="n4"))
        assert [event.through for event in of(history, Change)] == ["n2", asked]


def test_a_node_that_dies_under_a_change_answers_nothing() -> None:
    """The operator hears that it cannot be reached, and what becomes of the change is open."""
    history = carried_out(Board(), CrashAfter(node="n1", effects=0), Leave(node="n3", through="n1"))
    [done] = of(history, ChangeDone)
    assert done.code == "UNAVAILABLE"
    assert [event.node for event in of(history, NodeDown)] == ["n1"]


def test_an_id_that_is_gone_is_asked_for_but_not_started() -> None:
    """Whether it may come back is the nodes' to say."""
    board = Board()
    history = carried_out(
        board, Kill(("n3",)), Remove(node="n3"), Join(node="n3"), Leave(node="n2"), Retire(("n2",)), Join(node="n2")
    )
    assert not of(history, NodeUp)
    assert [node for _, kind, node in board.asked if kind == "join"] == ["n3", "n2"]


def test_what_was_never_started_is_left_alone() -> None:
    """A node that is to join later can be named before: nothing comes of it."""
    history = carried_out(
        Board(), Kill(("n4",)), Wipe(("n4",)), Restart(("n4",)), Get(id=1, node="n4", key="a"), Join(node="n4")
    )
    assert standing(history) == [("up", "n4"), ("change", "n4")]
    assert not of(history, DiskLost)
    assert [type(event).__name__ for event in history.events if getattr(event, "operation", 0) == 1] == [
        "Invoke",
        "Info",
    ]


@pytest.mark.parametrize("what", ["unconfirmed", "draining", "stray", "lagging"])
def test_what_is_still_moving_keeps_a_settle_from_converging(what: str) -> None:
    """A partition that nobody has confirmed, a leaver that drains, a copy at nobody's, or two views."""
    board = Board()
    values: dict[str, Any] = {
        "unconfirmed": {"n2": (1,)},
        "draining": {"n3"},
        "stray": {"n3": b"test/a"},
        "lagging": {"n3": b"other"},
    }
    setattr(board, what, values[what])
    history = carried_out(board, PUT, Leave(node="n3"), Settle())
    [diverged] = of(history, Diverged)
    expected = {
        "unconfirmed": "n2 has not confirmed partition 1.",
        "draining": "n1 sees node n3 leaving and not drained.",
        "stray": "n3 still holds something of partition 0, which it does not own.",
        "lagging": "The nodes have different views of the ring: ",
    }
    assert any(reason.startswith(expected[what]) for reason in diverged.reasons)
    if what in ("unconfirmed", "draining"):
        seen = of(history, Observation)[-1].nodes["n2"]
        assert (seen.unconfirmed_partitions, seen.draining) == (((1,), ()) if what == "unconfirmed" else ((), ("n3",)))


def test_nodes_without_the_profile_are_not_asked() -> None:
    """Nobody joins, leaves or is stopped; the history says why, and all else goes on."""
    board = Board("KV", "DESCRIBE", "RING", "INSPECT")
    history = carried_out(board, PUT, Join(node="n4"), Leave(node="n3"), Remove(node="n2"), Retire(("n3",)), Settle())
    assert standing(history) == []
    assert board.asked == []
    assert [note.text.split(",")[0].split(":")[0] for note in of(history, Note)] == [
        *["The nodes do not declare the profile membership"] * 3,
        "Nobody was retired",
    ]
    assert of(history, Converged)


def test_without_a_look_inside_answers_decide() -> None:
    """Who has left is not read at, and who was removed is not started; nobody can be seen to be drained."""
    board = Board("KV", "DESCRIBE", "MEMBERSHIP")
    history = carried_out(
        board, PUT, Join(node="n4"), Leave(node="n1"), Kill(("n2",)), Remove(node="n2"), Retire(("n1",)), Settle()
    )
    [converged] = of(history, Converged)
    assert converged.by == "reads"
    assert sorted(set(final_readers(history))) == ["n3", "n4"]
    assert [event.node for event in of(history, NodeDown)] == ["n2"]


def test_a_joiner_gossips_first_with_those_that_are_members_when_it_is_started() -> None:
    """Those of the configuration may all be gone; the configuration of the others stays what it was."""
    board = Board()
    carried_out(board, Leave(node="n1"), Leave(node="n3"), Retire(("n1", "n3")), Join(node="n4"), Settle())
    assert board.seeds == {"n1": ("n1", "n2"), "n2": ("n1", "n2"), "n3": ("n1", "n2"), "n4": ("n2",)}
