"""One outcome with something of everything, and the history that its breach comes from."""

from pathlib import Path

import pytest

from ringcheck.engine import Options, Run
from ringcheck.history import Header, Invoke, Ok
from ringcheck.history_file import HistoryWriter
from ringcheck.judging.verdict import Breach, Charge, Verdict
from ringcheck.outcome import BREACH, Outcome
from ringcheck.schedule import Schedule
from ringcheck.target import Target

HISTORY = "histories/KV-04-a1b2c3.jsonl"


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories are found by paths that look alike on every machine."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def charge() -> Charge:
    """A lost sibling, with its history."""
    Path(HISTORY).parent.mkdir()
    schedule = Schedule(name="KV-04", namespace="a1b2c3", steps=())
    header = Header(ringcheck="0", started="", command=(), nodes={}, network="", versions={}, seed=7, schedule=schedule)
    with HistoryWriter(Path(HISTORY), header) as writer:
        for number, value in ((1, "a"), (2, "b")):
            begun = float(number)
            writer.write(
                Invoke(time=begun, operation=number, kind="put", client=0, node="n1", key="k", value=value, quorum=2)
            )
            writer.write(Ok(time=begun + 0.01, operation=number))
        writer.write(Invoke(time=3.0, operation=3, kind="get", client=0, node="n2", key="k", quorum=2))
        writer.write(Ok(time=3.01, operation=3, values=("b",)))
        writer.close(4.0)
    breach = Breach(
        requirement="KV-04",
        expected="Both values of k.",
        actual="Only b is left of k.",
        key="k",
        operations=(1, 2, 3),
        nodes=("n2",),
        time=3.01,
    )
    return Charge(breach=breach, history=HISTORY)


@pytest.fixture
def outcome(charge: Charge) -> Outcome:
    """Passed, failed, warned, open, skipped; seen besides; broken."""
    unasked = Breach(requirement="DUR-01", expected="It stays.", actual="It is gone.")
    warning = Breach(requirement="KV-10", expected="INVALID_ARGUMENT.", actual="The node took it.")
    return Outcome(
        verdicts=(
            Verdict(requirement="KV-01", status="pass", held=52),
            Verdict(requirement="KV-04", status="fail", held=1, charges=(charge, charge)),
            Verdict(requirement="KV-10", status="fail", charges=(Charge(breach=warning, history="gone.jsonl"),)),
            Verdict(requirement="SIB-02", status="inconclusive", reasons=("nothing was superseded",)),
            Verdict(requirement="AE-02", status="skipped", reasons=("the target does not declare inspect",)),
        ),
        unjudged=("DUR-03", "MEM-01"),
        others=(Charge(breach=unasked, history="gone.jsonl"),),
        events={"siblings seen": 3, "hints delivered": 0},
        problems=("Worker gw1 ended unexpectedly: \x1b[31mNot properly terminated\x1b[0m.",),
        schedules=5,
        seconds=12.34,
        exit_code=BREACH,
    )


@pytest.fixture
def run() -> Run:
    """A run with fixed paths."""
    target = Target(("mynode", "--config", "{config}"), Path("/home"))
    return Run(options=Options(workers=2), seed=42, target=target, only=(), folder=Path("/results/today"))
