"""What the fixture `conform` tells pytest: failed, xfailed, skipped or nothing; and when it gives up."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringcheck import history as happened
from ringcheck.conform import PATIENCE, Conform, Settings, doubts_of, worth_telling
from ringcheck.errors import TargetError
from ringcheck.events import Event, EventLog, Follower, ScheduleEnded, TargetBroke
from ringcheck.history import Header, History
from ringcheck.judging.verdict import Breach, Finding, Judgement
from ringcheck.plugin import GIVEN_UP
from ringcheck.schedule import Configuration, Join, Schedule
from ringcheck.worlds import World
from ringcheck_chaos.faults import Isolate

SCHEDULE = Schedule(name="KV-04 of old", namespace="a1b2c3", requirements=("KV-04",), steps=())
RANDOM = Schedule(name="random-1", namespace="d4e5f6", steps=())
PROFILES = ("kv", "describe", "ring", "inspect", "peer")


class FakeWorld:
    """Answers every schedule with an empty history, or by failing."""

    def __init__(self, error: TargetError | None = None) -> None:
        self.error = error
        self.closed = False

    def carry_out(self, schedule: Schedule, path: Path) -> History:
        """Do nothing of it."""
        if self.error:
            raise self.error
        header = Header(
            ringcheck="0", started="", command=(), nodes={}, network="", versions={}, seed=0, schedule=schedule
        )
        return History(header=header, events=(), footer=None)

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def judgement(requirement: str = "KV-04", *, held: int = 0, broken: bool = False, **rest: Any) -> Judgement:
    """What a judge says of one requirement."""
    breaches = (Breach(requirement=requirement, expected="Both.", actual="One."),) if broken else ()
    finding = Finding(requirement=requirement, held=held, breaches=breaches)
    return Judgement(**{"schedule": "s", "profiles": PROFILES, "findings": {requirement: finding}, **rest})


Rig = Callable[..., Conform]


@pytest.fixture
def rig(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Makes a Conform whose judge always says the same, with its events under `events`."""

    def make(
        says: Judgement, world: World | None = None, *, only: tuple[str, ...] = (), worker: str = "gw0"
    ) -> Conform:
        monkeypatch.setattr("ringcheck.conform.judge", lambda _: says)
        monkeypatch.setattr("ringcheck.conform.explain", lambda _, breach: f"story of {breach.requirement}")
        log = EventLog(tmp_path / "events", worker)
        request.addfinalizer(log.close)
        conform = Conform(Settings(out=tmp_path, only=only), worker, log, lambda *_: world or FakeWorld())
        conform.begin_test(request.node)
        return conform

    return make


def events(folder: Path) -> list[Event]:
    """What was logged."""
    return list(Follower(folder / "events").news())


def test_what_holds_passes_and_is_recorded(rig: Rig, tmp_path: Path) -> None:
    """The judgement is returned, and logged with the path of the history."""
    says = judgement(held=2)
    assert rig(says)(SCHEDULE) == says
    (ended,) = [event for event in events(tmp_path) if isinstance(event, ScheduleEnded)]
    assert ended.judgement == says
    assert ended.history == str(tmp_path / "histories" / "KV-04-of-old-a1b2c3.jsonl")


def test_a_broken_must_fails_the_test_with_its_story(rig: Rig) -> None:
    """The failure is the story, with no traceback of ours."""
    with pytest.raises(
        pytest.fail.Exception, match=r"story of KV-04\n\n.*ringcheck check .*/KV-04-of-old-a1b2c3\.jsonl"
    ) as failed:
        rig(judgement(broken=True))(SCHEDULE)
    assert failed.value.pytrace is False


def test_a_broken_should_xfails_the_test(rig: Rig) -> None:
    """It is visible, and fails nobody's build."""
    with pytest.raises(pytest.xfail.Exception, match="story of KV-10"):
        rig(judgement("KV-10", broken=True))(RANDOM)


def test_a_breach_of_what_was_not_selected_does_not_fail(rig: Rig) -> None:
    """--only decides what counts."""
    assert rig(judgement("DUR-01", broken=True), only=("KV-04",))(RANDOM).findings["DUR-01"].breaches


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (judgement(), "KV-04 inconclusive: its event never happened"),
        (judgement("KV-01", held=1), "KV-04 inconclusive"),
        (judgement(held=1, profiles=("describe",)), "KV-04 skipped: the target does not declare kv"),
        (judgement(held=1, broken=True, invalid="The cut of n1 did not bite."), "inconclusive: The cut of n1"),
    ],
)
def test_what_could_not_be_verified_skips(rig: Rig, says: Judgement, reason: str) -> None:
    """Nothing verified is never a pass: the test is skipped with the reason."""
    with pytest.raises(pytest.skip.Exception, match=reason):
        rig(says)(SCHEDULE)


def test_a_random_schedule_owes_no_requirement(rig: Rig) -> None:
    """It is written for none, so none can be missing."""
    assert doubts_of((), judgement()) == []
    rig(judgement())(RANDOM)


def test_a_target_that_never_starts_is_given_up_at_once(
    rig: Rig, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The first schedule's failure is fatal: the rest is skipped, and trying again does not start it again."""
    conform = rig(judgement(), FakeWorld(TargetError("Node n1 never got healthy.")))
    for _ in range(2):
        with pytest.raises(pytest.fail.Exception, match="never got healthy"):
            conform(SCHEDULE)
    (broke,) = [event for event in events(tmp_path) if isinstance(event, TargetBroke)]
    assert broke.fatal
    assert broke.exit_code == 4
    # The stash is this very run's: leave no trace in it, or pytest would skip the tests that follow.
    given_up = request.config.stash[GIVEN_UP]
    del request.config.stash[GIVEN_UP]
    assert given_up == "Node n1 never got healthy."


def test_a_target_that_breaks_now_and_then_is_not(rig: Rig, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """After a success, so many failures in a row are borne; one more is not."""
    world = FakeWorld()
    conform = rig(judgement(held=1), world)
    conform(SCHEDULE)
    world.error = TargetError("Node n2 did not come back.")
    for _ in range(PATIENCE):
        with pytest.raises(pytest.fail.Exception):
            conform(SCHEDULE)
    del request.config.stash[GIVEN_UP]
    assert [event.fatal for event in events(tmp_path) if isinstance(event, TargetBroke)] == [False, False, True]


def test_a_run_of_its_own_ends_with_the_targets_code(rig: Rig, request: pytest.FixtureRequest) -> None:
    """Without xdist, pytest itself is ended, with exit code 4."""
    conform = rig(judgement(), FakeWorld(TargetError("No such command.")), worker="main")
    with pytest.raises(pytest.exit.Exception) as ended:
        conform(SCHEDULE)
    del request.config.stash[GIVEN_UP]
    assert ended.value.returncode == 4


def test_a_history_that_broke_fails_unless_it_shows_a_breach(rig: Rig) -> None:
    """What was found before the target broke stands."""
    with pytest.raises(pytest.fail.Exception, match="Node n3 died"):
        rig(judgement(held=1, broke="Node n3 died."))(SCHEDULE)
    with pytest.raises(pytest.fail.Exception, match="story of KV-04"):
        rig(judgement(broken=True, broke="Node n3 died."))(SCHEDULE)


def test_the_world_is_closed_once_it_was_opened(rig: Rig) -> None:
    """Leaving the context closes the world."""
    world = FakeWorld()
    with rig(judgement(held=1), world) as conform:
        conform(SCHEDULE)
        assert not world.closed
    assert world.closed


def test_only_what_a_watcher_wants_is_told() -> None:
    """Faults are; single operations are too many."""
    fault = happened.FaultBegan(
        time=1.0, began=0.9, fault_id=1, fault=Isolate(how="drop", node="n1"), bit=True, proof=""
    )
    assert worth_telling(fault) == "n1 isolated (links dropping everything)"
    assert worth_telling(happened.Ok(time=1.0, operation=1)) == ""


def test_a_target_that_is_no_peer_is_not_mixed(rig: Rig) -> None:
    """Once that is known, no mixed cluster is started to find it out again."""
    conform = rig(judgement(held=1, profiles=("kv", "describe")))
    conform(SCHEDULE)
    mixed = msgspec.structs.replace(RANDOM, configuration=Configuration(mixed=True))
    with pytest.raises(pytest.skip.Exception, match="PEER-01 skipped: the target does not declare peer"):
        conform(mixed)


def test_members_come_and_go_on_mixed_clusters_only_of_nodes_that_know_how(rig: Rig) -> None:
    """Whether that is known before, or comes out when nothing was done; the rest of PEER-01 is judged."""
    joining = msgspec.structs.replace(
        RANDOM, requirements=("PEER-01",), configuration=Configuration(mixed=True), steps=(Join(node="n6"),)
    )
    conform = rig(judgement("PEER-01", held=1, profiles=("kv", "describe", "peer")))
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match="PEER-01 skipped: the target does not declare membership"):
            conform(joining)
    conform(msgspec.structs.replace(joining, steps=()))


def test_what_is_not_declared_is_not_carried_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once that is known; a schedule for something else besides is, and so is one for nothing in particular."""
    world = FakeWorld()
    conform = rig(judgement("DUR-01", held=1, profiles=("kv", "describe")), world)
    conform(RANDOM)
    carried_out: list[str] = []
    carry_out = world.carry_out

    def noting(schedule: Schedule, path: Path) -> History:
        carried_out.append(schedule.name)
        return carry_out(schedule, path)

    monkeypatch.setattr(world, "carry_out", noting)
    joining = msgspec.structs.replace(SCHEDULE, name="join", requirements=("MEM-01", "HND-04"))
    with pytest.raises(
        pytest.skip.Exception,
        match="MEM-01 skipped: the target does not declare membership; HND-04 skipped: the target does not declare ins",
    ):
        conform(joining)
    both = msgspec.structs.replace(SCHEDULE, name="both", requirements=("DUR-01", "MEM-01"))
    with pytest.raises(pytest.skip.Exception, match="MEM-01 skipped"):
        conform(both)
    conform(msgspec.structs.replace(RANDOM, name="any"))
    assert carried_out == ["both", "any"]


def test_disks_and_members_are_worth_telling() -> None:
    """Whoever watches sees who comes and goes; that a change was acknowledged goes without saying."""
    change = happened.Change(time=1.0, number=1, kind="leave", node="n1", through="n2")
    numbers: dict[str, Any] = dict.fromkeys(happened.Description.__struct_fields__, 1)
    described = happened.Description(**numbers | {"node_id": "n4", "implementation": "", "version": "", "profiles": ()})
    told: dict[happened.Event, str] = {
        happened.NodeUp(time=1.0, began=0.0, node="n4"): "n4 is back",
        happened.NodeUp(time=1.0, began=0.0, node="n4", description=described): "n4 starts",
        happened.DiskLost(time=1.0, node="n1", how="rolled back"): "disk of n1 rolled back",
        change: "leave of n1 through n2",
        happened.ChangeDone(time=1.0, number=1, code="OK"): "",
        happened.ChangeDone(time=1.0, number=1, code="UNAVAILABLE"): "the change ended with UNAVAILABLE",
        happened.Retired(time=1.0, node="n1"): "n1 retired",
    }
    assert {event: worth_telling(event) for event in told} == told


@pytest.mark.parametrize("leave", [lambda: sys.exit(7), lambda: os._exit(7)], ids=["sys.exit", "os._exit"])
def test_a_core_that_ends_its_process_is_a_target_that_breaks(
    leave: Callable[[], None], rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4, as when `ringcheck explore` meets it; nobody has used anything wrongly."""
    world = FakeWorld()
    conform = rig(judgement(held=1), world)
    conform(SCHEDULE)
    conform.settings = msgspec.structs.replace(conform.settings, core="some.core")
    monkeypatch.setattr(world, "carry_out", lambda *_: leave())
    with pytest.raises(pytest.fail.Exception, match="The core wants its process to end"):
        conform(SCHEDULE)
