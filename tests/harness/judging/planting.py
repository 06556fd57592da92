"""Planted histories: each breaks a requirement when it is asked to, and has a clean twin."""

from collections.abc import Callable, Collection
from typing import TypeAlias

from ringcheck.judging import explain, judge
from ringcheck.judging.handmade import Handmade
from ringcheck.requirements import requirement

Plant: TypeAlias = Callable[[bool], Handmade]
"""Tells a history: the broken one when it is given True."""


class Plants(list[tuple[str, Plant]]):
    """The planted histories of one file, each with the requirement that it breaks."""

    def plant(self, name: str) -> Callable[[Plant], Plant]:
        """Register a history that breaks the requirement `name` when it is asked to, and holds it otherwise."""

        def register(tell: Plant) -> Plant:
            self.append((name, tell))
            return tell

        return register

    @property
    def names(self) -> list[str]:
        """What each history tells, for the names of tests."""
        return [tell.__name__ for _, tell in self]


def assert_charged(name: str, tell: Plant, broken_alike: Collection[str]) -> None:
    """The breach is charged to its requirement, and to no other but those that it rightly breaks too."""
    history = tell(True).history()
    findings = judge(history).findings
    broken = {each for each, finding in findings.items() if finding.breaches}
    assert name in broken
    assert broken - {name} <= set(broken_alike)
    for breach in findings[name].breaches:
        story = explain(history, breach)
        assert requirement(name).sentence in story
        assert breach.expected in story
        assert breach.actual in story


def assert_clean(name: str, tell: Plant) -> None:
    """The same history without the breach breaks nothing, and counts for the requirement."""
    judgement = judge(tell(False).history())
    assert [each for each, finding in judgement.findings.items() if finding.breaches] == []
    assert judgement.findings[name].held > 0
    assert judgement.invalid == ""
