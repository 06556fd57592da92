"""The planted bugs, by what they are about.

A function of these modules changes decisions of the core in this process. Reaching into private names is the point:
a mutant is a change of the source, made from outside. When the reference changes, a mutant whose place is gone fails
where it is planted.

    versions       which versions there are, and what they supersede
    identity       dots that come twice
    quorums        who counts
    forwarding     a write on its way to its coordinator
    deletion       tombstones
    hints          what stand-ins keep
    repair         stale replicas
    trees          Merkle trees, in memory and on the disk
    placement      who is a home
    membership     members that come and go
    acknowledging  what is promised before it is so
    subtle         what needs a story of its own to be seen
    promises       what no bug of the catalogue is about
"""

from . import (
    acknowledging,
    deletion,
    forwarding,
    hints,
    identity,
    membership,
    placement,
    promises,
    quorums,
    repair,
    subtle,
    trees,
    versions,
)
from .bug import BUGS, Bug

__all__ = ["BUGS", "Bug"]

_MODULES = (
    versions,
    identity,
    quorums,
    forwarding,
    deletion,
    hints,
    repair,
    trees,
    placement,
    membership,
    acknowledging,
    subtle,
    promises,
)
"""Importing them has filled BUGS."""
