"""JUnit XML: one testcase a requirement, so that a CI shows requirements rather than our tests.

pass → nothing · fail of a MUST → failure · inconclusive → error, since a run that could not tell must not look green ·
skipped → skipped · a SHOULD that fails or stays open → skipped with the reason, since it must not turn a build red.
What broke otherwise is an error of the testcase "run". A case's time is that of the tests written for its requirement.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from ringcheck.engine import Run
from ringcheck.errors import UsageError
from ringcheck.events import CaseBegan, CaseEnded, Event
from ringcheck.judging.verdict import Breach, Verdict
from ringcheck.outcome import INTERRUPTED, Outcome
from ringcheck.reports.printable import printable
from ringcheck.reports.stories import story
from ringcheck.requirements import all_requirements

STORIES = 3
"""So many breaches are told at length."""


class JUnitReport:
    """Listens to a run and writes the file at its end. Raises UsageError at once if it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seed = 0
        self._begun: dict[tuple[str, str], float] = {}
        self._seconds: Counter[str] = Counter()
        """How long the tests took that were written for each requirement; one may be for several."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise UsageError(
                f"The JUnit file {path} cannot be written ({error.strerror}); name another one with --junit FILE."
            ) from None

    def began(self, run: Run) -> None:
        """Remember the seed."""
        self._seed = run.seed

    def heard(self, event: Event) -> None:
        """Take the time of tests."""
        match event:
            case CaseBegan(time=time, worker=worker, test=test):
                self._begun[worker, test] = time
            case CaseEnded(time=time, worker=worker, test=test, requirements=requirements):
                took = time - self._begun.pop((worker, test), time)
                self._seconds.update(dict.fromkeys(requirements, took))

    def ended(self, outcome: Outcome) -> None:
        """Write the file."""
        tree = ET.ElementTree(to_xml(outcome, self._seed, self._seconds))
        ET.indent(tree)
        tree.write(self._path, encoding="utf-8", xml_declaration=True)


def to_xml(outcome: Outcome, seed: int, seconds: Mapping[str, float]) -> ET.Element:
    """The whole document, a `testsuites` with one `testsuite`; `seconds` were spent for each requirement."""
    cases = [_case(verdict, seconds.get(verdict.requirement, 0.0)) for verdict in outcome.verdicts]
    if reasons := _troubles(outcome):
        run = ET.Element("testcase", classname="ringcheck", name="run")
        _add(run, "error", reasons[0], "\n".join(reasons))
        cases.append(run)
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    totals = {**{name: str(count) for name, count in counts.items()}, "time": f"{outcome.seconds:.3f}"}
    suites = ET.Element("testsuites", {"name": "ringcheck", **totals})
    suite = ET.SubElement(suites, "testsuite", {"name": "dynamo_node.v1", **totals})
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="seed", value=str(seed))
    suite.extend(cases)
    if outcome.others:
        ET.SubElement(suite, "system-out").text = printable(
            "\n\n".join(["Seen on the way, though not selected:", *map(story, outcome.others[:STORIES])])
        )
    return suites


def _troubles(outcome: Outcome) -> tuple[str, ...]:
    if outcome.exit_code == INTERRUPTED:
        return ("The run was interrupted; this is what was found until then.", *outcome.problems)
    return outcome.problems


def _case(verdict: Verdict, seconds: float) -> ET.Element:
    requirement = all_requirements()[verdict.requirement]
    name = f"{requirement.id} {requirement.sentence}"
    case = ET.Element(
        "testcase", classname=f"ringcheck.{requirement.profile}", name=printable(name), time=f"{seconds:.3f}"
    )
    reasons = "; ".join(verdict.reasons)
    match verdict.status, requirement.level:
        case "fail", "MUST":
            stories = "\n\n".join(story(charge) for charge in verdict.charges[:STORIES])
            _add(case, "failure", _both(verdict.charges[0].breach), stories)
        case "fail", _:
            _add(case, "skipped", f"A SHOULD is not kept. {_both(verdict.charges[0].breach)}")
        case "inconclusive", "MUST":
            _add(case, "error", f"inconclusive: {reasons}")
        case "inconclusive", _:
            _add(case, "skipped", f"inconclusive: {reasons}")
        case "skipped", _:
            _add(case, "skipped", reasons)
    return case


def _both(breach: Breach) -> str:
    """What was expected and what came, for lists that show no more of a failure than its message."""
    return f"Expected: {breach.expected} Actual: {breach.actual}"


def _add(case: ET.Element, tag: str, message: str, text: str = "") -> None:
    ET.SubElement(case, tag, message=printable(message)).text = printable(text)
