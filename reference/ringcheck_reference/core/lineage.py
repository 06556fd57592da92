"""The views that were in force here lately: what a peer lacks whose view is one of them.

Views only grow, so a node whose view is an old one of this node's lacks what has come since, and nothing else. That is
told by what each view has added to the one before, so that no view need be kept.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from .events import Event
from .view import Growth, View, in_order

MOST: Final = 64
"""So many views are remembered. A peer that is further behind is told everything."""


class Lineage:
    """From the view that was in force first, or `MOST` views ago, to the one that is in force now."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._added: OrderedDict[bytes, frozenset[Event]] = OrderedDict({view.digest: frozenset()})
        """By the digest of each view in turn, what came into force after it, before the next."""

    def go_on(self, view: View, growth: Growth) -> None:
        """`view` is in force, which differs by `growth` from the one that was."""
        self._added[self._view.digest] = growth.added
        self._view = view
        self._added[view.digest] = frozenset()
        if len(self._added) > MOST:
            self._added.popitem(last=False)

    def __contains__(self, digest: object) -> bool:
        return digest in self._added

    def since(self, digest: bytes, besides: Iterable[Event] = ()) -> tuple[Event, ...]:
        """What the view in force holds, in order, and the one of this digest and `besides` do not.

        Raises KeyError for a view that is not among those remembered.
        """
        lacking: set[Event] = set()
        if digest not in self._added:
            raise KeyError(digest.hex())
        for each, added in reversed(self._added.items()):
            lacking |= added
            if each == digest:
                break
        return in_order(lacking.intersection(self._view.events).difference(besides))
