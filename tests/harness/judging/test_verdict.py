"""From the judgements of a run to one verdict a requirement."""

import pytest

from ringcheck.judging.statements import Held, Statement, Unclear, gather
from ringcheck.judging.verdict import Breach, Finding, Judgement, combine, tally

BREACH = Breach(requirement="DUR-01", expected="It stays.", actual="It went.")


def judgement(
    *,
    held: int = 0,
    breaches: tuple[Breach, ...] = (),
    unclear: tuple[str, ...] = (),
    invalid: str = "",
    broke: str = "",
) -> Judgement:
    """One history's word on DUR-01 alone."""
    finding = Finding(requirement="DUR-01", held=held, breaches=breaches, unclear=unclear)
    return Judgement(
        schedule="x",
        profiles=("kv",),
        findings={"DUR-01": finding} if held or breaches or unclear else {},
        events={"operations": 2},
        invalid=invalid,
        broke=broke,
    )


@pytest.mark.parametrize(
    ("judgements", "status"),
    [
        ([], "inconclusive"),
        ([judgement()], "inconclusive"),
        ([judgement(unclear=("never converged",))], "inconclusive"),
        ([judgement(held=1), judgement(unclear=("never converged",))], "pass"),
        ([judgement(held=1), judgement(breaches=(BREACH,))], "fail"),
        ([judgement(held=1, invalid="no proof")], "inconclusive"),
        ([judgement(breaches=(BREACH,), invalid="no proof")], "inconclusive"),
        ([judgement(breaches=(BREACH,), broke="n1 died")], "fail"),
        ([judgement(broke="n1 died")], "inconclusive"),
    ],
)
def test_verdict(judgements: list[Judgement], status: str) -> None:
    """A breach beats what held, and that beats nothing; nothing verified is never a pass."""
    verdict = combine("DUR-01", "kv", [(f"h{number}", each) for number, each in enumerate(judgements)])
    assert verdict.status == status
    assert bool(verdict.reasons) == (status == "inconclusive")
    assert bool(verdict.charges) == (status == "fail")


def test_profile_that_is_not_declared_is_skipped() -> None:
    """What a target does not declare is neither passed nor failed."""
    verdict = combine("AE-01", "inspect", [("h", judgement(held=1))])
    assert verdict.status == "skipped"
    assert verdict.reasons == ("the target does not declare inspect",)


def test_charges_name_their_histories() -> None:
    """Each breach is charged with the file that shows it, and what held is added up."""
    first, second = ("a", judgement(held=2)), ("b", judgement(held=3, breaches=(BREACH,)))
    verdict = combine("DUR-01", "kv", [first, second])
    assert verdict.held == 5
    assert [(charge.history, charge.breach) for charge in verdict.charges] == [("b", BREACH)]


def test_events_are_added_up() -> None:
    """The tally of a run is the sum over its histories."""
    assert tally([judgement(), judgement()]) == {"operations": 4}


def test_gathering_counts_and_removes_repetitions() -> None:
    """What held adds up; equal breaches and equal reasons count once; what held no time is not mentioned."""
    statements: list[Statement] = [
        Held("A"),
        Held("A", 2),
        Held("B", 0),
        BREACH,
        BREACH,
        Unclear("C", "why"),
        Unclear("C", "why"),
    ]
    findings = gather(statements)
    assert set(findings) == {"A", "C", "DUR-01"}
    assert findings["A"].held == 3
    assert findings["C"].unclear == ("why",)
    assert findings["DUR-01"].breaches == (BREACH,)
