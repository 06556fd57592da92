"""From events to verdicts and exit codes: which outcome beats which."""

from ringcheck.events import CaseEnded, Collected, Event, ScheduleEnded, TargetBroke, WorkerLost
from ringcheck.judging.verdict import Breach, Finding, Judgement
from ringcheck.outcome import BREACH, BROKE, CONFORMS, INCONCLUSIVE, INTERRUPTED, Findings, Outcome

BREACH_OF_KV_04 = Breach(requirement="KV-04", expected="Both values.", actual="One of them.", key="a")
BREACH_OF_KV_10 = Breach(requirement="KV-10", expected="INVALID_ARGUMENT.", actual="OK.", key="a")
ALL_PROFILES = ("kv", "describe", "ring", "inspect", "peer")


def collected(*requirements: str) -> Collected:
    """A run with a test for each of these."""
    return Collected(time=0.0, worker="gw0", tests=len(requirements), requirements=requirements)


def judged(
    *findings: Finding, test: str = "t", history: str = "h.jsonl", invalid: str = "", broke: str = "",
    profiles: tuple[str, ...] = ALL_PROFILES,
) -> ScheduleEnded:  # fmt: skip
    """One schedule that says this."""
    judgement = Judgement(
        schedule="s",
        profiles=profiles,
        findings={finding.requirement: finding for finding in findings},
        events={"restarts": 2},
        invalid=invalid,
        broke=broke,
    )
    return ScheduleEnded(time=0.0, worker="gw0", test=test, history=history, seconds=1.0, judgement=judgement)


def ended(result: str, *requirements: str, test: str = "t", reason: str = "") -> CaseEnded:
    """One test that ended so."""
    return CaseEnded(
        time=0.0, worker="gw0", test=test, requirements=requirements, result=result, reason=reason  # type: ignore[arg-type]
    )  # fmt: skip


def outcome(*events: Event, only: tuple[str, ...] = (), interrupted: bool = False) -> Outcome:
    """What these events come to."""
    findings = Findings(only)
    for event in events:
        findings.add(event)
    return findings.outcome(interrupted=interrupted)


def held(requirement: str) -> Finding:
    """Seen to hold once."""
    return Finding(requirement=requirement, held=1)


def broken(breach: Breach) -> Finding:
    """Seen to be broken."""
    return Finding(requirement=breach.requirement, breaches=(breach,))


def statuses(result: Outcome) -> dict[str, str]:
    """The verdicts by requirement."""
    return {verdict.requirement: verdict.status for verdict in result.verdicts}


def test_all_held_conforms() -> None:
    """Every requirement that has a test was verified: exit 0."""
    result = outcome(collected("KV-01", "KV-04"), judged(held("KV-01")), judged(held("KV-04")))
    assert statuses(result) == {"KV-01": "pass", "KV-04": "pass"}
    assert result.exit_code == CONFORMS
    assert result.events == {"restarts": 4}
    assert result.schedules == 2


def test_a_broken_must_is_1_and_beats_what_broke() -> None:
    """A breach stays a breach when the target breaks as well, and when other things stay open."""
    result = outcome(
        collected("KV-01", "KV-04"),
        judged(broken(BREACH_OF_KV_04), history="kv.jsonl"),
        ended("failed", "KV-04", reason="the story"),
        TargetBroke(time=1.0, worker="gw0", reason="Node n1 died."),
    )
    assert statuses(result) == {"KV-01": "inconclusive", "KV-04": "fail"}
    assert result.exit_code == BREACH
    assert result.problems == ("Node n1 died.",)
    assert result.verdicts[1].charges[0].history == "kv.jsonl"


def test_a_broken_should_only_warns() -> None:
    """A SHOULD that is not kept is a failing verdict, but no failing run."""
    result = outcome(collected("KV-01", "KV-10"), judged(held("KV-01"), broken(BREACH_OF_KV_10)))
    assert statuses(result) == {"KV-01": "pass", "KV-10": "fail"}
    assert result.exit_code == CONFORMS


def test_what_broke_beats_what_stayed_open() -> None:
    """A target that broke is 4, not 3, and is told once however many workers saw it."""
    broke = TargetBroke(time=1.0, worker="gw0", reason="Node n1 never got healthy.")
    result = outcome(collected("KV-01"), broke, broke)
    assert result.exit_code == BROKE
    assert result.problems == ("Node n1 never got healthy.",)


def test_an_open_must_is_3() -> None:
    """One MUST whose event never happened makes the whole inconclusive."""
    result = outcome(collected("KV-01", "KV-04"), judged(held("KV-01")))
    assert statuses(result) == {"KV-01": "pass", "KV-04": "inconclusive"}
    assert result.exit_code == INCONCLUSIVE


def test_nothing_verified_is_3() -> None:
    """Nothing verified is never a pass: no tests, no verdicts, exit 3."""
    assert outcome().exit_code == INCONCLUSIVE
    assert outcome(collected("KV-01"), only=("DUR-03",)).unjudged == ("DUR-03",)
    assert outcome(collected("KV-01"), only=("DUR-03",)).exit_code == INCONCLUSIVE


def test_what_was_cut_short_before_any_test_was_known_is_open() -> None:
    """Nobody knows by then what has a test, and nothing is said not to have one."""
    result = outcome(only=("KV-01", "DUR-03"), interrupted=True)
    assert statuses(result) == {"KV-01": "inconclusive", "DUR-03": "inconclusive"}
    assert result.unjudged == ()
    assert result.exit_code == INTERRUPTED


def test_profiles_that_are_not_declared_are_skipped() -> None:
    """A kv-only node conforms when what it declares holds."""
    result = outcome(collected("KV-01", "AE-02"), judged(held("KV-01"), profiles=("kv", "describe")))
    assert statuses(result) == {"KV-01": "pass", "AE-02": "skipped"}
    assert result.exit_code == CONFORMS


def test_a_schedule_whose_faults_did_not_bite_proves_nothing() -> None:
    """Neither what held nor what broke counts in an invalid history."""
    result = outcome(
        collected("KV-01", "KV-04"),
        judged(held("KV-01"), broken(BREACH_OF_KV_04), invalid="The cut of n1 did not bite."),
    )
    assert statuses(result) == {"KV-01": "inconclusive", "KV-04": "inconclusive"}
    assert result.exit_code == INCONCLUSIVE


def test_breaches_of_what_was_not_selected_are_mentioned_only() -> None:
    """--only decides what counts; what was seen besides is kept apart."""
    result = outcome(collected("KV-01"), judged(held("KV-01"), broken(BREACH_OF_KV_04)), only=("KV-01",))
    assert statuses(result) == {"KV-01": "pass"}
    assert [charge.breach for charge in result.others] == [BREACH_OF_KV_04]
    assert result.exit_code == CONFORMS


def test_a_test_that_fails_without_a_breach_is_a_problem() -> None:
    """A failing test proves nothing of the target; that something is wrong must show."""
    result = outcome(
        collected("KV-01"), judged(held("KV-01")), ended("failed", "KV-01", reason="...\nE  KeyError: 'x'")
    )
    assert result.exit_code == BROKE
    assert "KeyError: 'x'" in result.problems[0]


def test_a_test_that_failed_by_a_breach_is_none() -> None:
    """The breach explains the failure, also one of a requirement that was not selected."""
    events = (collected("KV-01"), judged(held("KV-01"), broken(BREACH_OF_KV_04)), ended("failed", "KV-01"))
    assert outcome(*events, only=("KV-01",)).problems == ()


def test_a_lost_worker_is_4() -> None:
    """What a crashed worker had still to do was not done."""
    lost = WorkerLost(time=0.0, worker="gw1", reason="Worker gw1 ended unexpectedly: Not properly terminated.")
    assert outcome(collected("KV-01"), judged(held("KV-01")), lost).exit_code == BROKE


def test_the_reason_of_a_skipped_test_explains_an_open_verdict() -> None:
    """A requirement that nothing was said of tells why its test did not run."""
    result = outcome(collected("AVL-03"), ended("skipped", "AVL-03", reason="It needs 5 nodes."))
    assert result.verdicts[0].status == "inconclusive"
    assert result.verdicts[0].reasons == ("It needs 5 nodes.",)


def test_an_interrupted_run_is_130_whatever_it_found() -> None:
    """What was found until then is in the outcome all the same."""
    result = outcome(collected("KV-04"), judged(broken(BREACH_OF_KV_04)), interrupted=True)
    assert result.exit_code == INTERRUPTED
    assert statuses(result) == {"KV-04": "fail"}


def test_the_reason_of_a_test_that_doubts_several_requirements_says_of_each_its_own() -> None:
    """Without the words that stand before it anyway."""
    reason = "AVL-03 inconclusive: nobody was cut off; AVL-05 inconclusive: no Get; nor a Put"
    result = outcome(collected("AVL-03", "AVL-05"), ended("skipped", "AVL-03", "AVL-05", reason=reason))
    assert [verdict.reasons for verdict in result.verdicts] == [("nobody was cut off",), ("no Get; nor a Put",)]
