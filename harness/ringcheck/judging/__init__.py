"""From a history to verdicts: pure functions over data, with no cluster.

`judge` says what a history means, `explain` tells the story of one of its breaches.
"""

from ringcheck.judging.explain import explain
from ringcheck.judging.judge import judge

__all__ = ["explain", "judge"]
