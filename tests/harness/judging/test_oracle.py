"""The causal oracle against brute force: every way in which the indefinite writes may or may not have taken effect."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck.history import History
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.run import Run
from ringcheck.judging.safety import judge_safety
from ringcheck.judging.verdict import Breach
from ringcheck.schedule import Configuration

SAFETY = {"DUR-01", "DUR-02", "SIB-01", "SIB-02", "SIB-03", "SIB-04", "KV-14"}
NEVER = 99


@dataclass
class Write:
    """A write of one key. `epoch`: how many convergences came before it. `covers`: what it supersedes."""

    id: int
    epoch: int
    value: str | None
    end: str
    covers: frozenset[int]


@dataclass
class Case:
    """A history of one key and, kept apart, what brute force needs to know of it.

    seen     (epoch, id of the Put whose value a Get returned; None for one that nobody wrote)
    states   what each convergence showed: ids of Puts, None for a value that nobody wrote
    """

    history: History
    writes: dict[int, Write] = field(default_factory=dict)
    seen: list[tuple[int, int | None]] = field(default_factory=list)
    states: list[frozenset[int | None]] = field(default_factory=list)


def is_explained(case: Case) -> bool:
    """Whether some choice of the indefinite writes that took effect, and when, explains all that was seen."""
    returned = [*case.seen, *((epoch, put) for epoch, state in enumerate(case.states) for put in state)]
    for epoch, put in returned:
        if put is None or case.writes[put].end == "INVALID_ARGUMENT":
            return False
        if any(put not in state for state in case.states[case.writes[put].epoch : epoch]):
            return False
    doubtful = [write for write in case.writes.values() if write.end == "UNAVAILABLE"]
    return any(
        explains(case, dict(zip((write.id for write in doubtful), choice, strict=True)))
        for choice in product(*(moments(write, len(case.states)) for write in doubtful))
    )


def moments(write: Write, convergences: int) -> Iterator[int]:
    """The convergences by which an indefinite write may have taken effect first: a Put by the next, or never."""
    yield NEVER
    last = convergences if write.value is None else min(write.epoch + 1, convergences)
    yield from range(write.epoch, last)


def explains(case: Case, choice: Mapping[int, int]) -> bool:
    """Whether what each convergence and each Get showed follows from this choice."""
    for epoch, put in case.seen:
        if put is not None and choice.get(put, epoch) > epoch:
            return False
    for epoch, state in enumerate(case.states):
        effective = [
            write
            for write in case.writes.values()
            if write.epoch <= epoch and (write.end == "OK" or choice.get(write.id, NEVER) <= epoch)
        ]
        superseded = frozenset[int]().union(*(write.covers for write in effective))
        if state != {write.id for write in effective if write.value is not None} - superseded:
            return False
    return True


class Teller:
    """Makes up a case; often what it shows follows from a choice of its own."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.tale = Handmade(configuration=Configuration(nodes=1, n=1, r=1, w=1))
        self.case = Case(self.tale.history())
        self.effective: list[Write] = []
        self.covered: dict[int, frozenset[int]] = {}
        self.honest = random.random() < 0.2

    def tell(self) -> Case:
        """Up to nine operations and three convergences."""
        for _ in range(self.random.choice([1, 1, 2, 3])):
            for _ in range(self.random.randint(0, 4)):
                self.operation()
            self.converge()
        self.case.history = self.tale.history()
        return self.case

    def operation(self) -> None:
        """Something that a client asks."""
        context = self.random.choice([None, *self.covered])
        kind = self.random.choice(["put", "put", "get", "delete"])
        if kind == "get":
            self.get()
        elif kind == "put":
            self.write(f"v{len(self.case.writes)}", context)
        elif context is not None:
            self.write(None, context)

    def write(self, value: str | None, context: int | None) -> None:
        """A Put, or a Delete when there is no value."""
        end = self.random.choice(["OK", "OK", "UNAVAILABLE", "UNAVAILABLE", "INVALID_ARGUMENT"])
        if value is None:
            number = self.tale.delete(context, end=end, w=1)
        else:
            number = self.tale.put(value, context=context, end=end, w=1)
        covers = frozenset() if context is None else self.covered[context]
        write = Write(number, len(self.case.states), value, end, covers)
        self.case.writes[number] = write
        if end == "OK" or (end == "UNAVAILABLE" and self.random.random() < 0.5):
            self.effective.append(write)
        if end == "OK" and value is not None:
            self.covered[number] = covers | {number}

    def get(self) -> None:
        """A Get of some of what there is."""
        returned = self.spoilt(frozenset(put for put in self.visible() if self.random.random() < 0.8))
        self.case.seen += [(len(self.case.states), put) for put in returned]
        number = self.tale.get(*self.values(returned), r=1)
        known = frozenset(put for put in returned if put is not None)
        self.covered[number] = known.union(*(self.case.writes[put].covers for put in known))

    def converge(self) -> None:
        """A Settle that converges."""
        state = self.spoilt(self.visible())
        self.case.states.append(state)
        self.tale.settle({"k": self.values(state)})

    def spoilt(self, puts: frozenset[int]) -> frozenset[int | None]:
        """What is shown in place of `puts`."""
        everything = [write.id for write in self.case.writes.values() if write.value is not None]
        if self.honest or self.random.random() < 0.6 or not everything:
            return puts
        return puts ^ {self.random.choice([*everything * 4, None])}

    def visible(self) -> frozenset[int]:
        """What follows from the choice made so far."""
        covered = frozenset[int]().union(*(write.covers for write in self.effective))
        return frozenset(write.id for write in self.effective if write.value is not None) - covered

    def values(self, puts: frozenset[int | None]) -> Sequence[str]:
        """Their values."""
        return sorted("phantom" if put is None else self.case.writes[put].value or "" for put in puts)


def breaches(history: History) -> list[Breach]:
    """What the judges of safety say."""
    statements = judge_safety(Run.of(history))
    return [each for each in statements if isinstance(each, Breach) and each.requirement in SAFETY]


@given(st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_oracle_agrees_with_brute_force(random: Random) -> None:
    """A history is right exactly when some choice of the indefinite writes explains it."""
    case = Teller(random).tell()
    assert (not breaches(case.history)) == is_explained(case)


@pytest.mark.parametrize("seed", range(4))
def test_oracle_agrees_with_brute_force_on_many(seed: int) -> None:
    """The same on many cases of one seed, among which right and wrong ones are both common."""
    random = Random(seed)
    right = 0
    for number in range(250):
        case = Teller(random).tell()
        explained = is_explained(case)
        right += explained
        assert (not breaches(case.history)) == explained, f"case {number} of seed {seed}"
    assert 50 < right < 200


@given(st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_oracle_accuses_nobody_who_is_honest(random: Random) -> None:
    """What follows from a choice of indefinite writes is never called wrong."""
    teller = Teller(random)
    teller.honest = True
    assert breaches(teller.tell().history) == []
