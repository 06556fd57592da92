"""JUnit XML: one testcase a requirement, so that a CI shows requirements rather than our tests.

pass → nothing · fail of a MUST → failure · inconclusive → error, since a run that could not tell must not look green ·
skipped → skipped · a SHOULD that fails or stays open → skipped with the reason, since it must not turn a build red.
What broke otherwise is an error of the testcase "run".
"""

from pathlib import Path
from xml.etree import ElementTree as ET

from ringcheck.engine import Run
from ringcheck.errors import UsageError
from ringcheck.events import Event
from ringcheck.judging.verdict import Verdict
from ringcheck.outcome import INTERRUPTED, Outcome
from ringcheck.reports.printable import printable
from ringcheck.reports.stories import story
from ringcheck.requirements import all_requirements


class JUnitReport:
    """Listens to a run and writes the file at its end. Raises UsageError at once if it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seed = 0
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
        """Nothing to do until the end."""

    def ended(self, outcome: Outcome) -> None:
        """Write the file."""
        tree = ET.ElementTree(to_xml(outcome, self._seed))
        ET.indent(tree)
        tree.write(self._path, encoding="utf-8", xml_declaration=True)


def to_xml(outcome: Outcome, seed: int) -> ET.Element:
    """The whole document, a `testsuites` with one `testsuite`."""
    cases = [_case(verdict) for verdict in outcome.verdicts]
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
    return suites


def _troubles(outcome: Outcome) -> tuple[str, ...]:
    if outcome.exit_code == INTERRUPTED:
        return ("The run was interrupted; this is what was found until then.", *outcome.problems)
    return outcome.problems


def _case(verdict: Verdict) -> ET.Element:
    requirement = all_requirements()[verdict.requirement]
    name = f"{requirement.id} {requirement.sentence}"
    case = ET.Element("testcase", classname=f"ringcheck.{requirement.profile}", name=printable(name))
    reasons = "; ".join(verdict.reasons)
    match verdict.status, requirement.level:
        case "fail", "MUST":
            first = verdict.charges[0].breach
            _add(case, "failure", first.actual, "\n\n".join(story(charge) for charge in verdict.charges[:3]))
        case "fail", _:
            _add(case, "skipped", f"A SHOULD is not kept: {verdict.charges[0].breach.actual}")
        case "inconclusive", "MUST":
            _add(case, "error", f"inconclusive: {reasons}")
        case "inconclusive", _:
            _add(case, "skipped", f"inconclusive: {reasons}")
        case "skipped", _:
            _add(case, "skipped", reasons)
    return case


def _add(case: ET.Element, tag: str, message: str, text: str = "") -> None:
    ET.SubElement(case, tag, message=printable(message)).text = printable(text)
