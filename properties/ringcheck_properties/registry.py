"""Scripted examples by requirement, and the requirements that this version does not judge."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from ringcheck.requirements import all_requirements, select
from ringcheck.schedule import Schedule
from ringcheck_properties.builder import Story
from ringcheck_properties.clusters import SHAPES, Shape, usual

FAMILIES = ("keyvalue", "durability", "siblings", "availability", "handoff", "antientropy", "repair", "ring")
"""The modules of `ringcheck_properties.examples`, in the order of the contract."""

NOT_JUDGED = (
    "DUR-03",
    "DUR-04",
    "AVL-04",
    "HND-04",
    "AE-04",
    "RNG-03",
    "RNG-04",
    "MEM-01",
    "MEM-02",
    "MEM-03",
    "MEM-04",
    "MEM-05",
    "PEER-01",
    "PEER-02",
)
"""The requirements for which this version has no example: they need lost disks, slow nodes, or membership changes."""

Telling = Callable[[Story], None]


@dataclass(frozen=True, slots=True)
class Example:
    """A scripted schedule that makes the event of each of its requirements certain on a conforming target."""

    name: str
    requirements: tuple[str, ...]
    shape: Shape
    tell: Telling

    def schedule(self, nodes: int, seed: int) -> Schedule:
        """The schedule for a target of `nodes` nodes; the same for the same arguments.

        Raises TooFewNodesError where its event cannot happen with so few.
        """
        story = Story(self.name, self.shape(nodes), requirements=self.requirements, seed=seed)
        self.tell(story)
        return story.schedule()


_EXAMPLES: dict[str, Example] = {}


def example(*requirements: str, shape: Shape = usual) -> Callable[[Telling], Telling]:
    """Make a function that tells a story an example for these requirements; the first one names it."""

    def register(tell: Telling) -> Telling:
        name = f"{requirements[0]}-{tell.__name__.replace('_', '-')}"
        _EXAMPLES[name] = Example(name, tuple(each.id for each in select(requirements)), shape, tell)
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
