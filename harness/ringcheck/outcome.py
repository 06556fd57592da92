"""From the events of a run to its outcome: a pure fold, with no process and no clock."""

import re

import msgspec

from ringcheck.events import CaseEnded, Collected, Event, ScheduleEnded, TargetBroke, WorkerLost
from ringcheck.judging.verdict import Charge, Judgement, Verdict, combine, tally
from ringcheck.requirements import all_requirements

CONFORMS = 0
BREACH = 1
WRONG_USE = 2
INCONCLUSIVE = 3
BROKE = 4
INTERRUPTED = 130
"""By Ctrl-C or by SIGTERM alike."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole run says.

    verdicts   one for each requirement that was selected and has a test, in the order of the contract
    unjudged   requirements that were selected, for which there was no test
    others     breaches seen on the way, of requirements that were not selected
    events     how often each interesting thing happened
    problems   what broke that is no breach: the target, the environment, a worker; one sentence each
    """

    verdicts: tuple[Verdict, ...] = ()
    unjudged: tuple[str, ...] = ()
    others: tuple[Charge, ...] = ()
    events: dict[str, int] = {}
    problems: tuple[str, ...] = ()
    schedules: int = 0
    seconds: float = 0.0
    exit_code: int = INCONCLUSIVE


class Findings:
    """Gathers the events of a run; `outcome` may be asked at any time, also of a run that was cut short."""

    def __init__(self, only: tuple[str, ...] = ()) -> None:
        self._only = only
        self._judgements: list[tuple[str, Judgement]] = []
        self._judged: set[str] | None = None
        """What the tests judge, once they are known."""
        self._excuses: dict[str, list[str]] = {}
        self._problems: dict[str, int] = {}
        self._explained: set[str] = set()

    def add(self, event: Event) -> None:
        """Take one event into account."""
        match event:
            case Collected(requirements=requirements):
                self._judged = (self._judged or set()) | set(requirements)
            case ScheduleEnded(test=test, history=history, judgement=judgement):
                self._judgements.append((history, judgement))
                if judgement.broke or any(finding.breaches for finding in judgement.findings.values()):
                    self._explained.add(test)
            case CaseEnded(result="skipped", requirements=requirements, reason=reason):
                for name in requirements:
                    self._excuses.setdefault(name, []).append(reason)
            case CaseEnded(result="failed", test=test, reason=reason) if test not in self._explained:
                last = reason.splitlines()[-1] if reason else "no reason given"
                self.add_problem(f"The test {test} failed by itself, not by a breach: {last}", BROKE)
            case TargetBroke(reason=reason, exit_code=code):
                self.add_problem(reason, code)
            case WorkerLost(reason=reason):
                self.add_problem(reason, BROKE)

    def add_problem(self, reason: str, exit_code: int) -> None:
        """Something broke that is no breach; what several workers say alike counts once."""
        self._problems.setdefault(reason, exit_code)

    def outcome(self, *, seconds: float = 0.0, interrupted: bool = False) -> Outcome:
        """The verdicts and the exit code, as far as the events go."""
        wanted = [each for each in all_requirements().values() if not self._only or each.id in self._only]
        judged = {each.id for each in wanted} if self._judged is None else self._judged
        verdicts = tuple(self._verdict(each.id, each.profile) for each in wanted if each.id in judged)
        return Outcome(
            verdicts=verdicts,
            unjudged=tuple(each.id for each in wanted if each.id not in judged),
            others=self._others({each.id for each in wanted}),
            events=dict(tally(judgement for _, judgement in self._judgements)),
            problems=tuple(self._problems),
            schedules=len(self._judgements),
            seconds=seconds,
            exit_code=INTERRUPTED if interrupted else self._exit_code(verdicts),
        )

    def _verdict(self, requirement: str, profile: str) -> Verdict:
        verdict = combine(requirement, profile, self._judgements)
        heard_of = any(requirement in judgement.findings for _, judgement in self._judgements)
        if verdict.status == "inconclusive" and not heard_of and (excuses := self._excuses.get(requirement)):
            reasons = (_excuse(excuse, requirement) for excuse in excuses)
            return msgspec.structs.replace(verdict, reasons=tuple(dict.fromkeys(reasons)))
        return verdict

    def _others(self, wanted: set[str]) -> tuple[Charge, ...]:
        return tuple(
            Charge(breach=breach, history=history)
            for history, judgement in self._judgements
            if not judgement.invalid
            for name, finding in judgement.findings.items()
            if name not in wanted
            for breach in finding.breaches
        )

    def _exit_code(self, verdicts: tuple[Verdict, ...]) -> int:
        musts = [verdict.status for verdict in verdicts if all_requirements()[verdict.requirement].level == "MUST"]
        if "fail" in musts:
            return BREACH
        if self._problems:
            return max(self._problems.values())
        if "inconclusive" in musts or all(verdict.status != "pass" for verdict in verdicts):
            return INCONCLUSIVE
        return CONFORMS


def _excuse(reason: str, requirement: str) -> str:
    """Of a skipped test's reason, what it says of this requirement, if it tells them apart (see `doubts_of`)."""
    doubt = re.search(
        rf"(?:^|; ){requirement} inconclusive: (.*?)(?=; [A-Z]+-\d+ (?:inconclusive|skipped): |$)", reason
    )
    return doubt[1] if doubt else reason
