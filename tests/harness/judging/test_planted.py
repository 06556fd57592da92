"""Every judge is seen to fail: one planted breach each, charged as the design says, and a clean twin that holds."""

import pytest
from tests.harness.judging.planted import keys, membership, repair
from tests.harness.judging.planting import Plant

from ringcheck.judging import explain, judge
from ringcheck.requirements import requirement

PLANTS = [*keys.PLANTS, *repair.PLANTS, *membership.PLANTS]


@pytest.fixture(params=PLANTS, ids=[plant.tell.__name__ for plant in PLANTS])
def plant(request: pytest.FixtureRequest) -> Plant:
    """One of all."""
    planted: Plant = request.param
    return planted


def test_planted_breach_is_charged(plant: Plant) -> None:
    """The breach is charged to its requirement, to those that it rightly breaks too, and to no other."""
    history = plant.tell(True).history()
    findings = judge(history).findings
    broken = {each for each, finding in findings.items() if finding.breaches}
    assert broken == {plant.requirement, *plant.broken_alike}
    for breach in findings[plant.requirement].breaches:
        story = explain(history, breach)
        assert requirement(plant.requirement).sentence in story
        assert breach.expected in story
        assert breach.actual in story


def test_clean_twin_holds(plant: Plant) -> None:
    """The same history without the breach breaks nothing, and counts for the requirement."""
    judgement = judge(plant.tell(False).history())
    assert [each for each, finding in judgement.findings.items() if finding.breaches] == []
    assert judgement.findings[plant.requirement].held > 0
    assert judgement.invalid == ""
