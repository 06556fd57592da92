"""JUnit XML as a CI reads it: counts, states, and text that XML can hold."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from ringcheck.engine import Run
from ringcheck.errors import UsageError
from ringcheck.events import CaseBegan, CaseEnded
from ringcheck.outcome import INTERRUPTED, Outcome
from ringcheck.reports.junit import JUnitReport, to_xml


@pytest.fixture
def document(outcome: Outcome, run: Run) -> ET.Element:
    """The document, written to a file and read from there."""
    path = Path("reports") / "junit.xml"
    report = JUnitReport(path)
    report.began(run)
    for test, began, ended, requirements in (
        ("one", 5.0, 8.0, ("KV-01",)),
        ("both", 6.0, 7.5, ("KV-01", "KV-04")),
        ("random", 9.0, 9.5, ()),
    ):
        report.heard(CaseBegan(time=began, worker="gw0", test=test, requirements=requirements))
        report.heard(CaseEnded(time=ended, worker="gw0", test=test, requirements=requirements, result="passed"))
    report.ended(outcome)
    return ET.parse(path).getroot()


def state(case: ET.Element) -> str:
    """What a CI shows of a case: the tag of its one child, or passed."""
    (tag,) = [child.tag for child in case] or ["passed"]
    return tag


def test_each_requirement_is_a_case_with_its_state(document: ET.Element) -> None:
    """A broken MUST fails, what stays open is an error, a broken SHOULD turns nothing red."""
    states = {case.attrib["name"].split()[0]: state(case) for case in document.iter("testcase")}
    assert states == {
        "KV-01": "passed",
        "KV-04": "failure",
        "KV-10": "skipped",
        "SIB-02": "error",
        "AE-02": "skipped",
        "run": "error",
    }


def test_counts_agree_with_cases(document: ET.Element) -> None:
    """Both levels count the same, as CIs expect."""
    (suite,) = document.findall("testsuite")
    wanted = {"tests": "6", "failures": "1", "errors": "2", "skipped": "2", "time": "12.340"}
    for element in (document, suite):
        assert {name: element.attrib[name] for name in wanted} == wanted


def test_a_failure_tells_its_story(document: ET.Element) -> None:
    """The message is what was expected and what came; the text holds the story and how to see it again."""
    failure = next(document.iter("failure"))
    assert failure.attrib["message"] == "Expected: Both values of k. Actual: Only b is left of k."
    assert "A blind Put supersedes nothing." in (failure.text or "")
    assert "ringcheck check histories/KV-04-a1b2c3.jsonl" in (failure.text or "")


def test_a_case_takes_the_time_of_its_tests(document: ET.Element) -> None:
    """All that were written for it."""
    times = {case.attrib["name"].split()[0]: case.attrib.get("time") for case in document.iter("testcase")}
    assert times == {
        "KV-01": "4.500",
        "KV-04": "1.500",
        "KV-10": "0.000",
        "SIB-02": "0.000",
        "AE-02": "0.000",
        "run": None,
    }


def test_what_was_seen_on_the_way_is_told(document: ET.Element) -> None:
    """Breaches of what was not selected turn nothing red, and are not kept silent either."""
    (out,) = document.iter("system-out")
    assert "though not selected:" in (out.text or "")
    assert "It is gone." in (out.text or "")


def test_the_seed_is_a_property(document: ET.Element) -> None:
    """A run can be repeated from its report."""
    assert [element.attrib for element in document.iter("property")] == [{"name": "seed", "value": "42"}]


def test_what_xml_cannot_hold_is_replaced(document: ET.Element) -> None:
    """Escape characters of a node's log do not make the file unreadable."""
    (error,) = [case[0] for case in document.iter("testcase") if case.attrib["name"] == "run"]
    assert "�[31mNot properly terminated" in error.attrib["message"]


def test_an_interrupted_run_says_so(outcome: Outcome) -> None:
    """What was found until then must not look like everything."""
    xml = ET.tostring(to_xml(msgspec.structs.replace(outcome, exit_code=INTERRUPTED), 1, {}), "unicode")
    assert "The run was interrupted" in xml


def test_a_file_that_cannot_be_written_is_wrong_use() -> None:
    """It is found before the run, not after it."""
    Path("taken").touch()
    with pytest.raises(UsageError, match=r"The JUnit file taken/junit\.xml cannot be written"):
        JUnitReport(Path("taken/junit.xml"))
