"""What decides which schedule a seed is: other versions of these draw other schedules."""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from ringcheck.version import __version__

UNKNOWN = "unknown"


def current() -> dict[str, str]:
    """Name → version, of all that has a part in drawing."""
    return {
        "ringcheck": __version__,
        "Hypothesis": _installed("hypothesis"),
        # Its random numbers stay the same within a minor version.
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def difference(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, str]:
    """What was another version then, and what it is now, in words; both empty where all is the same."""
    others = [name for name in now if then.get(name) != now[name]]
    told = (" and ".join(f"{name} {each.get(name, UNKNOWN)}" for name in others) for each in (then, now))
    return next(told), next(told)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN
