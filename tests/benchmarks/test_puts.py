"""What a Put costs, compared with what is asked."""

from tests.benchmarks.puts import Ratio, shortfall


def test_beside_each_ratio_stands_what_is_asked_and_whether_it_is_met() -> None:
    """The limit is what counts; the goal is told."""
    told = [str(Ratio("CPU time", found, 4.0, 2.5)) for found in (2.5, 4.0, 4.01)]
    assert told == [
        "asked 4, goal 2.5: met",
        "asked 4, goal 2.5: met, the goal is not",
        "asked 4, goal 2.5: not met",
    ]
    assert str(Ratio("p50", 4.0, 4.0)) == "asked 4: met"


def test_only_limits_that_are_not_met_are_named() -> None:
    """In one sentence, with what to do; nothing is said where all are met."""
    good, bad, worse = Ratio("one", 2.0, 4.0), Ratio("two", 4.125, 4.0, 2.5), Ratio("three", 9.0, 4.0)
    assert shortfall([good]) == ""
    assert shortfall([good, bad, worse]) == (
        "Not met: two 4.12 instead of 4, three 9.00 instead of 4; a machine with more to do can cause that, so repeat "
        "it when it is quiet before you believe it."
    )
