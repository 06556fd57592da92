"""ringcheck says whether a Dynamo-style store keeps its promises.

A run is schedule → world → history → judge → verdicts → reports, and each arrow is a piece that can be used alone:
`schedule` is what to do, `worlds` carry it out, `history` is what happened, `judging` says what it means, and
`reports` tell it.
"""

from ringcheck.version import __version__

__all__ = ["__version__"]
