"""Scripted examples by requirement, and the requirements that this version does not judge."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from ringcheck.requirements import all_requirements, select
from ringcheck.schedule import Schedule
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import SHAPES, Shape, mixed, usual

FAMILIES = (
    "keyvalue",
    "durability",
    "kv679",
    "siblings",
    "availability",
    "handoff",
    "antientropy",
    "repair",
    "ring",
    "membership",
    "peering",
)
"""The modules of `ringcheck_properties.examples`, in the order of the contract."""

NOT_JUDGED = ()
"""The requirements that this version does not judge."""

MIXED = "PEER-01"
"""It has no example of its own: those of others are told on mixed clusters."""

AMPLE = 5
"""So many nodes are enough for every example."""

Telling = Callable[[Story], None]


@dataclass(frozen=True, slots=True)
class Example:
    """A scripted schedule that makes the event of each of its requirements certain on a conforming target."""

    name: str
    requirements: tuple[str, ...]
    shape: Shape
    tell: Telling

    @property
    def changes_membership(self) -> bool:
        """Whether nodes join or leave in it."""
        return self.schedule(AMPLE, 0).changes_membership

    @property
    def talks_as_peer(self) -> bool:
        """Whether the harness takes the place of a member in it."""
        return self.schedule(AMPLE, 0).talks_as_peer

    def schedule(self, nodes: int, seed: int) -> Schedule:
        """The schedule for a target of `nodes` nodes; the same for the same arguments.

        Raises TooFewNodesError where its event cannot happen with so few.
        """
        return self._told(self.name, self.shape, self.requirements, nodes, seed)

    def mixed(self, nodes: int, seed: int) -> Schedule:
        """The schedule on a cluster of which the reference is a part, for PEER-01 alone; raises as above."""
        return self._told(f"{MIXED}-{self.name}", mixed(self.shape), (MIXED,), nodes, seed)

    def _told(self, name: str, shape: Shape, requirements: tuple[str, ...], nodes: int, seed: int) -> Schedule:
        story = Story(name, shape(nodes), requirements=requirements, seed=seed)
        self.tell(story)
        return story.schedule()


_EXAMPLES: dict[str, Example] = {}


def example(*requirements: str, shape: Shape = usual, name: str = "") -> Callable[[Telling], Telling]:
    """Make a function that tells a story an example for these requirements; the first one names it, unless `name`."""

    def register(tell: Telling) -> Telling:
        known_as = name or f"{requirements[0]}-{tell.__name__.replace('_', '-')}"
        _EXAMPLES[known_as] = Example(known_as, tuple(each.id for each in select(requirements)), shape, tell)
        return tell

    return register


def all_examples() -> tuple[Example, ...]:
    """Every example: those of one shape together, since a cluster is started anew for another; then as the contract."""
    for family in FAMILIES:
        import_module(f"ringcheck_properties.examples.{family}")
    order = list(all_requirements())
    return tuple(
        sorted(_EXAMPLES.values(), key=lambda each: (SHAPES.index(each.shape), order.index(each.requirements[0])))
    )


def examples_of(requirement: str) -> tuple[Example, ...]:
    """The examples for one requirement."""
    return tuple(each for each in all_examples() if requirement in each.requirements)
