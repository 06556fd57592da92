"""Keeps the schedule of a seed from depending on which modules a process happens to have imported.

Hypothesis looks for constants in every imported module outside site-packages, and now and then draws one of them. So
a seed would have one schedule in a worker and another in a process that has imported more. There is no public switch.

It is done here and not where our own schedules are drawn, since any source that a user names may draw with Hypothesis.
"""

import sys
from collections.abc import Callable
from typing import Any

PROVIDERS = "hypothesis.internal.conjecture.providers"


def forget_local_constants() -> None:
    """From now on Hypothesis draws no constants from local modules; nothing happens where it is not in use."""
    providers: Any = sys.modules.get(PROVIDERS)
    found: Callable[[], object] | None = getattr(providers, "_get_local_constants", None)
    if found is not None and not getattr(found, "is_hermetic", False):
        providers._get_local_constants = _Nothing(providers.Constants())


class _Nothing:
    """Stands in for the function that collects constants."""

    is_hermetic = True

    def __init__(self, empty: object) -> None:
        self._empty = empty

    def __call__(self) -> object:
        return self._empty
