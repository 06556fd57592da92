"""Dots, contexts and states: the causal algebra of one key.

A state is the dotted causal container of Almeida, Shoker and Baquero (2018): live versions, each named by its
dot, and a context of all dots ever seen. A vector alone cannot say "(a,5) but not (a,4)", which is what an
answered Put must say; a vector and a set of loose dots can. Everything is canonical, so that equal sets are
equal values: loose dots that continue the vector are compacted into it, both parts are sorted, and there are
no zeroes.

Where one side of a join or merge knows all that the other does, the result is that side itself, not a copy: most
states that meet are equal, or one continues the other, and whoever compares them next has less to look at.
"""

from collections.abc import Iterable
from dataclasses import field
from typing import ClassVar, Final, NamedTuple, Self

from .values import value

MAX_COUNTER: Final = 2**63 - 1
"""No actor counts further; a counter beyond it is nonsense and would leave no room for the next one."""

MAX_ACTOR_BYTES: Final = 2**16 - 1
"""No actor's name is longer: the bytes of a dot have no room for more."""


class MalformedState(ValueError):  # noqa: N818 - what was found, in plain words
    """A state breaks a rule of the contract, such as a version whose dot its context lacks."""


class Dot(NamedTuple):
    """The identity of a version: the `counter`-th event (from 1) of `actor`."""

    actor: bytes
    counter: int


@value
class Version:
    """One live sibling."""

    dot: Dot
    value: bytes


@value
class Context:
    """A set of dots: all up to each dot of `vector`, and the `loose` ones. Make one with `of`."""

    vector: tuple[Dot, ...] = ()
    loose: tuple[Dot, ...] = ()
    encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)
    """Its bytes, kept by `encoding` once it has made them."""

    EMPTY: ClassVar["Context"]

    @classmethod
    def of(cls, vector: Iterable[Dot] = (), loose: Iterable[Dot] = ()) -> Self:
        """The canonical context of these dots, in any order, with repetitions, zeroes and gaps."""
        vector, loose = tuple(vector), tuple(loose)
        if not loose and _is_canonical(vector):
            return cls(vector)
        tops: dict[bytes, Dot] = {}
        for dot in vector:
            actor, counter = dot
            if counter > (tops[actor].counter if actor in tops else 0):
                tops[actor] = dot
        # Ascending, so that a run of loose dots is taken into the vector one after another.
        apart = []
        for dot in sorted(set(loose)):
            actor, counter = dot
            top = tops[actor].counter if actor in tops else 0
            if counter == top + 1:
                tops[actor] = dot
            elif counter > top:
                apart.append(dot)
        return cls(tuple(sorted(tops.values())), tuple(apart))

    def covers(self, dot: Dot) -> bool:
        """Whether `dot` is in the set."""
        actor, counter = dot
        for other, top in self.vector:
            if other == actor and counter <= top:
                return True
        return dot in self.loose

    def includes(self, other: Self) -> bool:
        """Whether every dot of `other` is in this set too."""
        if self.vector != other.vector:
            tops = dict(self.vector)
            for actor, top in other.vector:
                if tops.get(actor, 0) < top:
                    return False
        return not other.loose or all(map(self.covers, other.loose))

    def join(self, other: Self) -> Self:
        """The union of both sets."""
        if self is other or self.includes(other):
            return self
        if other.includes(self):
            return other
        return self.of(self.vector + other.vector, self.loose + other.loose)

    def with_dot(self, dot: Dot) -> Self:
        """This set and `dot`."""
        if not self.loose:
            for place, (actor, top) in enumerate(self.vector):
                if actor == dot.actor and top + 1 == dot.counter:  # it continues the vector, as nearly always
                    return type(self)((*self.vector[:place], dot, *self.vector[place + 1 :]))
        return self.of(self.vector, (*self.loose, dot))

    def highest(self, actor: bytes) -> int:
        """The highest counter of `actor` in the set; 0 if it has none."""
        highest = 0
        for other, counter in self.vector + self.loose:
            if other == actor and counter > highest:
                highest = counter
        return highest

    def __bool__(self) -> bool:
        return bool(self.vector or self.loose)


Context.EMPTY = Context()


@value
class State:
    """All that is known of one key. Without versions it is a tombstone; `State.EMPTY` is a key never written.

    Versions are sorted by dot, and the context covers them all. Make one with `of`.
    """

    versions: tuple[Version, ...] = ()
    context: Context = Context.EMPTY
    encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)
    """Its canonical bytes, kept by `encoding` once it has made them."""

    EMPTY: ClassVar["State"]

    @classmethod
    def of(cls, versions: Iterable[Version], context: Context) -> Self:
        """The state of these parts.

        Raises MalformedState where the context lacks a dot, a dot stands twice, an actor has no name or one that is too
        long, or a counter is absurd.
        """
        ordered = tuple(sorted(versions, key=_dot))
        for version in ordered:
            if not context.covers(version.dot):
                raise MalformedState(f"version {version.dot} is not in its state's context")
        if len(ordered) > 1 and len({version.dot for version in ordered}) < len(ordered):
            raise MalformedState("two versions of one state share a dot")
        for actor, counter in context.vector + context.loose:
            if counter > MAX_COUNTER:
                raise MalformedState(f"a counter of the context is beyond {MAX_COUNTER}")
            if not actor:
                raise MalformedState("an actor of the context has no name")
            if len(actor) > MAX_ACTOR_BYTES:
                raise MalformedState(f"an actor of the context has a name of more than {MAX_ACTOR_BYTES} bytes")
        return cls(ordered, context)

    def merge(self, other: Self) -> Self:
        """What both sides together know: commutative, associative and idempotent.

        A version stays when both hold it, or when the side that lacks it has not seen it.
        """
        ours, theirs = self.context, other.context
        if self is other or not (theirs.vector or theirs.loose):
            return self
        if not (ours.vector or ours.loose):
            return other
        if theirs.includes(ours):
            for version in other.versions:
                if ours.covers(version.dot):
                    break
            else:
                return other  # They know all that we do, and all that they hold is news: the usual case, a later write.
        versions = self._kept_beside(other)
        context = ours.join(theirs)
        if context is ours and versions == self.versions:
            return self
        if context is theirs and versions == other.versions:
            return other
        return type(self)(versions, context)

    def _kept_beside(self, other: Self) -> tuple[Version, ...]:
        if self.versions == other.versions:
            return self.versions
        theirs = {version.dot for version in other.versions}
        kept = [each for each in self.versions if each.dot in theirs or not other.context.covers(each.dot)]
        news = [each for each in other.versions if not self.context.covers(each.dot)]
        return tuple(sorted(kept + news, key=_dot) if kept and news else kept or news)

    @property
    def values(self) -> tuple[bytes, ...]:
        """The values of the live siblings, in the order of their dots."""
        return tuple([version.value for version in self.versions])

    def __bool__(self) -> bool:
        return bool(self.context)


State.EMPTY = State()


def _is_canonical(vector: tuple[Dot, ...]) -> bool:
    """Whether these dots are the vector of a context without loose ones as they stand, as nearly always."""
    before = b""
    for actor, counter in vector:
        if actor <= before or counter < 1:
            return False
        before = actor
    return True


def _dot(version: Version) -> Dot:
    return version.dot
