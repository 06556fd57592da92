"""Who has to answer while members change: nobody can say which view a node has, but who counts in any of them.

Each of a partition's N homes is served by an old owner or, once that has released it, by the new one that takes its
place; whichever view the node asked has, it hears of the other. So a node that is out of reach leaves one of N without
an answer at the most, be it an old owner or a new one, as long as all others exchange messages. One that was down
before the first change, and is removed, leaves none: nobody can have released anything to it, and its place is taken.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ringcheck.judging.timeline import Timeline
from ringcheck.judging.views import Views


@dataclass(frozen=True, slots=True)
class Passage:
    """From one moment to another between which members change, as far as nobody can be accused wrongly.

    possible  who may have been a member, or leaving, in anybody's view
    certain   who was a member in everybody's
    there     of `possible`, those that had been started when they were asked to join
    gone      of `possible`, those to be removed that were down for certain since before the first change
    """

    possible: frozenset[str]
    certain: frozenset[str]
    there: frozenset[str]
    gone: frozenset[str]

    @classmethod
    def of(cls, views: Views, timeline: Timeline, begin: float, stop: float) -> "Passage | None":
        """What is certain from `begin` to `stop`; None where no change was under way."""
        changes = views.unsettled(begin, stop)
        if not changes:
            return None
        possible = views.possible(begin, stop)
        first = min(change.start for change in changes)
        joining = [change for change in changes if change.kind == "join"]
        removed = possible.intersection(change.node for change in changes if change.kind == "remove")
        return cls(
            possible=possible,
            certain=views.certain(begin, stop),
            there=possible - {change.node for change in joining if timeline.begin(change.node) > change.start},
            gone=frozenset(node for node in removed if timeline.surely_down(node, first, stop)),
        )

    def suffices(
        self, group: frozenset[str], node: str, quorum: int, n: int, hosts: Callable[[Iterable[str]], frozenset[str]]
    ) -> bool:
        """Whether `node` must find so many of `n` homes, while `group` are together and `hosts` tells machines."""
        missing = self.possible - group - self.gone
        # Old and new owners of a partition may be on one machine, and then nobody can say how many copies count.
        apart = len(hosts(self.possible)) == len(self.possible)
        return (
            node in self.certain
            and n <= len(hosts(self.certain))
            and quorum <= len(hosts(group & self.certain))
            and (quorum <= n - len(missing) if apart else not missing)
        )
