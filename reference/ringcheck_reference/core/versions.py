"""Dots, contexts and states: the causal algebra of one key.

A state is the dotted causal container of Almeida, Shoker and Baquero (2018): live versions, each named by its
dot, and a context of all dots ever seen. A vector alone cannot say "(a,5) but not (a,4)", which is what an
answered Put must say; a vector and a set of loose dots can. Everything is canonical, so that equal sets are
equal values: loose dots that continue the vector are compacted into it, both parts are sorted, and there are
no zeroes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, Self

MAX_COUNTER: Final = 2**63 - 1
"""No actor counts further; a counter beyond it is nonsense and would leave no room for the next one."""


class MalformedState(ValueError):  # noqa: N818 - what was found, in plain words
    """A state breaks a rule of the contract, such as a version whose dot its context lacks."""


class Dot(NamedTuple):
    """The identity of a version: the `counter`-th event (from 1) of `actor`."""

    actor: bytes
    counter: int


@dataclass(frozen=True, slots=True)
class Version:
    """One live sibling."""

    dot: Dot
    value: bytes


@dataclass(frozen=True, slots=True)
class Context:
    """A set of dots: all up to each dot of `vector`, and the `loose` ones. Make one with `of`."""

    vector: tuple[Dot, ...] = ()
    loose: tuple[Dot, ...] = ()

    EMPTY: ClassVar["Context"]

    @classmethod
    def of(cls, vector: Iterable[Dot] = (), loose: Iterable[Dot] = ()) -> Self:
        """The canonical context of these dots, in any order, with repetitions, zeroes and gaps."""
        tops: dict[bytes, int] = {}
        for actor, counter in vector:
            if counter > tops.get(actor, 0):
                tops[actor] = counter
        # Ascending, so that a run of loose dots is taken into the vector one after another.
        apart = []
        for dot in sorted(set(loose)):
            top = tops.get(dot.actor, 0)
            if dot.counter == top + 1:
                tops[dot.actor] = dot.counter
            elif dot.counter > top:
                apart.append(dot)
        return cls(tuple(sorted(Dot(*item) for item in tops.items())), tuple(apart))

    def covers(self, dot: Dot) -> bool:
        """Whether `dot` is in the set."""
        return any(top.actor == dot.actor and dot.counter <= top.counter for top in self.vector) or (dot in self.loose)

    def join(self, other: Self) -> Self:
        """The union of both sets."""
        if self == other:
            return self
        return self.of(self.vector + other.vector, self.loose + other.loose)

    def with_dot(self, dot: Dot) -> Self:
        """This set and `dot`."""
        return self.of(self.vector, (*self.loose, dot))

    def highest(self, actor: bytes) -> int:
        """The highest counter of `actor` in the set; 0 if it has none."""
        return max((dot.counter for dot in self.vector + self.loose if dot.actor == actor), default=0)

    def __bool__(self) -> bool:
        return bool(self.vector or self.loose)


Context.EMPTY = Context()


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of one key. Without versions it is a tombstone; `State.EMPTY` is a key never written.

    Versions are sorted by dot, and the context covers them all. Make one with `of`.
    """

    versions: tuple[Version, ...] = ()
    context: Context = Context.EMPTY

    EMPTY: ClassVar["State"]

    @classmethod
    def of(cls, versions: Iterable[Version], context: Context) -> Self:
        """The state of these parts.

        Raises MalformedState where the context lacks a dot, a dot stands twice, or a counter is absurd.
        """
        ordered = tuple(sorted(versions, key=lambda version: version.dot))
        for version in ordered:
            if not context.covers(version.dot):
                raise MalformedState(f"version {version.dot} is not in its state's context")
        if len({version.dot for version in ordered}) < len(ordered):
            raise MalformedState("two versions of one state share a dot")
        if any(dot.counter > MAX_COUNTER for dot in context.vector + context.loose):
            raise MalformedState(f"a counter of the context is beyond {MAX_COUNTER}")
        return cls(ordered, context)

    def merge(self, other: Self) -> Self:
        """What both sides together know: commutative, associative and idempotent.

        A version stays when both hold it, or when the side that lacks it has not seen it.
        """
        if self == other or not other.context:
            return self
        if not self.context:
            return other
        ours = {version.dot: version for version in self.versions}
        theirs = {version.dot: version for version in other.versions}
        kept = [
            ours.get(dot) or theirs[dot]
            for dot in sorted(ours.keys() | theirs.keys())
            if (dot in ours and dot in theirs)
            or (dot in ours and not other.context.covers(dot))
            or (dot in theirs and not self.context.covers(dot))
        ]
        return type(self)(tuple(kept), self.context.join(other.context))

    @property
    def values(self) -> tuple[bytes, ...]:
        """The values of the live siblings, in the order of their dots."""
        return tuple(version.value for version in self.versions)

    def __bool__(self) -> bool:
        return bool(self.context)


State.EMPTY = State()
