"""The causal oracle against brute force: every way in which the writes in doubt may or may not have taken effect.

Two tellers make histories up. One destroys no disk and knows what is effective; the other gives each node a disk of its
own, so that what is lost with it is really lost, and what it tells is right however many disks are destroyed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck.history import History
from ringcheck.judging.disks import How
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.run import Run
from ringcheck.judging.safety import judge_safety
from ringcheck.judging.verdict import Breach
from ringcheck.schedule import Configuration

SAFETY = {"DUR-01", "DUR-02", "DUR-03", "DUR-04", "SIB-01", "SIB-02", "SIB-03", "SIB-04", "KV-14"}
Ids = frozenset[int]


@dataclass
class Write:
    """A write of one key. `epoch`: how many convergences came before it. `covers`: what it supersedes."""

    id: int
    epoch: int
    moment: int
    value: str | None
    end: str
    w: int
    covers: Ids


@dataclass
class Look:
    """A value that a Get returned: the id of its Put, None for one that nobody wrote."""

    epoch: int
    moment: int
    put: int | None


@dataclass
class Loss:
    """A disk that was destroyed."""

    epoch: int
    moment: int
    node: str
    how: How


@dataclass
class Case:
    """A history of one key and, kept apart, what brute force needs to know of it.

    copies   on how many disks each converged state lies
    states   what each convergence showed: ids of Puts, None for a value that nobody wrote
    """

    history: History
    copies: int
    writes: dict[int, Write] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    states: list[frozenset[int | None]] = field(default_factory=list)

    def destroyed(self, epoch: int, since: int = 0) -> set[str]:
        """The nodes whose disk was destroyed in an epoch, since a moment."""
        return {loss.node for loss in self.losses if loss.epoch == epoch and loss.moment >= since}

    def overwhelmed(self, epoch: int) -> bool:
        """Whether so many disks were destroyed that nothing older is certain to be left."""
        return len(self.destroyed(epoch)) >= self.copies

    def rolled_back(self, epoch: int) -> bool:
        """Whether a disk was put back to an older copy."""
        return any(loss.epoch == epoch and loss.how == "rolled back" for loss in self.losses)

    def older(self, put: int, epoch: int) -> bool:
        """Whether a Put is older than the last convergence before an epoch, and was absent from it."""
        return self.writes[put].epoch < epoch and put not in self.states[epoch - 1]


def is_explained(case: Case) -> bool:
    """Whether some choice of the writes that were effective at each convergence explains all that was seen."""
    if not all(may_be_returned(case, look) for look in case.looks):
        return False
    possible: set[Ids] = {frozenset()}
    for epoch, state in enumerate(case.states):
        if any(put is None or (case.older(put, epoch) and not case.rolled_back(epoch)) for put in state):
            return False
        possible = {
            effective
            for before in possible
            for effective in choices(case, epoch, before)
            if visible(case, effective) == state
        }
    return bool(possible)


def may_be_returned(case: Case, look: Look) -> bool:
    """Whether a Get may return a value: what a convergence lacked comes back only with another disk."""
    if look.put is None or case.writes[look.put].end == "INVALID_ARGUMENT":
        return False
    disturbed = any(loss.epoch == look.epoch and loss.moment < look.moment for loss in case.losses)
    return disturbed or not case.older(look.put, look.epoch)


def choices(case: Case, epoch: int, before: Ids) -> Iterator[Ids]:
    """What may be effective at a convergence when `before` was at the last."""
    certain = {write.id for write in case.writes.values() if is_certain(case, write, epoch)}
    certain |= {look.put for look in case.looks if look.put is not None and is_witnessed(case, look, epoch)}
    kept = frozenset() if case.overwhelmed(epoch) else before
    possible = {write.id for write in case.writes.values() if may_enter(case, write, epoch)}
    doubtful = sorted((possible | before) - certain - kept)
    subsets = chain.from_iterable(combinations(doubtful, size) for size in range(len(doubtful) + 1))
    return (kept | certain | frozenset(subset) for subset in subsets)


def is_certain(case: Case, write: Write, epoch: int) -> bool:
    """Whether a write was acknowledged in this epoch by more nodes than had their disks destroyed."""
    return write.epoch == epoch and write.end == "OK" and len(case.destroyed(epoch, write.moment)) < write.w


def is_witnessed(case: Case, look: Look, epoch: int) -> bool:
    """Whether a value was read in this epoch, and no disk destroyed since its Put."""
    if look.epoch != epoch or look.put is None:
        return False
    since = case.writes[look.put].moment
    return not any(since <= loss.moment and loss.epoch <= epoch for loss in case.losses)


def may_enter(case: Case, write: Write, epoch: int) -> bool:
    """Whether a write may become effective in this epoch: a new one, a Delete in doubt, or one from an old disk."""
    if write.end == "INVALID_ARGUMENT" or write.epoch > epoch:
        return False
    overwhelmed = any(case.overwhelmed(later) for later in range(write.epoch + 1, epoch + 1))
    doubtful = not is_certain(case, write, write.epoch) or overwhelmed
    mislaid = bool(case.destroyed(write.epoch, write.moment)) or overwhelmed
    return write.epoch == epoch or (write.value is None and doubtful) or (case.rolled_back(epoch) and mislaid)


def visible(case: Case, effective: Ids) -> Ids:
    """The Puts that are effective and not superseded."""
    superseded = Ids().union(*(case.writes[each].covers for each in effective))
    return frozenset(each for each in effective if case.writes[each].value is not None) - superseded


class Teller:
    """Makes up a case; often what it shows follows from a choice of its own."""

    nodes = 1

    def __init__(self, random: Random) -> None:
        self.random = random
        self.tale = Handmade(configuration=Configuration(nodes=self.nodes, n=self.nodes, r=1, w=1))
        self.case = Case(self.tale.history(), self.nodes)
        self.effective: set[int] = set()
        self.covered: dict[int, Ids] = {}
        self.honest = random.random() < 0.2

    def tell(self) -> Case:
        """Up to a dozen operations and three convergences."""
        for _ in range(self.random.choice([1, 1, 2, 3])):
            for _ in range(self.random.randint(0, 4)):
                self.happen()
            self.converge()
        self.case.history = self.tale.history()
        return self.case

    @property
    def epoch(self) -> int:
        """How many convergences there were."""
        return len(self.case.states)

    def happen(self) -> None:
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
        w = self.random.randint(1, self.nodes)
        moment = len(self.tale.events)
        if value is None:
            number = self.tale.delete(context, end=end, w=w)
        else:
            number = self.tale.put(value, context=context, end=end, w=w)
        covers = Ids() if context is None else self.covered[context]
        self.case.writes[number] = Write(number, self.epoch, moment, value, end, w, covers)
        if end != "INVALID_ARGUMENT":
            self.store(number, 0 if end == "UNAVAILABLE" else w)
        if end == "OK" and value is not None:
            self.covered[number] = covers | {number}

    def get(self) -> None:
        """A Get of some of what there is."""
        returned = self.spoilt(self.found())
        number = self.tale.get(*self.values(returned), r=1)
        self.case.looks += [Look(self.epoch, len(self.tale.events), put) for put in returned]
        known = frozenset(put for put in returned if put is not None)
        self.covered[number] = known.union(*(self.case.writes[put].covers for put in known))

    def converge(self) -> None:
        """A Settle that converges."""
        state = self.spoilt(self.converged())
        self.case.states.append(state)
        self.tale.settle({"k": self.values(state)})

    def store(self, number: int, copies: int) -> None:
        """A write takes effect, at so many nodes or more; at none, where that is enough, it may also take none."""
        if copies or self.random.random() < 0.5:
            self.effective.add(number)

    def found(self) -> Ids:
        """What an honest Get returns."""
        everything = visible(self.case, frozenset(self.effective))
        return frozenset(put for put in everything if self.random.random() < 0.8)

    def converged(self) -> Ids:
        """What an honest cluster converges to."""
        return visible(self.case, frozenset(self.effective))

    def spoilt(self, puts: Ids) -> frozenset[int | None]:
        """What is shown in place of `puts`."""
        everything = [write.id for write in self.case.writes.values() if write.value is not None]
        if self.honest or self.random.random() < 0.6 or not everything:
            return puts
        return puts ^ {self.random.choice([*everything * 4, None])}

    def values(self, puts: frozenset[int | None]) -> Sequence[str]:
        """Their values."""
        return sorted("phantom" if put is None else self.case.writes[put].value or "" for put in puts)


class DiskTeller(Teller):
    """Gives each of three nodes a disk, which may be copied, wiped and put back to its last copy."""

    nodes = 3

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.disks = {node: Ids() for node in self.tale.nodes}
        self.backups = dict(self.disks)

    def happen(self) -> None:
        """Something that a client asks, or that befalls a disk."""
        if self.random.random() < 0.65:
            super().happen()
            return
        node = self.random.choice(self.tale.nodes)
        if self.random.random() < 0.3:
            self.backups[node] = self.disks[node]
            return
        how: How = self.random.choice(["wiped", "rolled back"])
        self.disks[node] = Ids() if how == "wiped" else self.backups[node]
        self.case.losses.append(Loss(self.epoch, len(self.tale.events), node, how))
        self.tale.lose(node, how=how)

    def store(self, number: int, copies: int) -> None:
        """On random disks."""
        for node in self.some_nodes(copies):
            self.disks[node] |= {number}

    def found(self) -> Ids:
        """Some of the disks, merged."""
        return visible(self.case, self.merged(self.some_nodes(1)))

    def converged(self) -> Ids:
        """All disks become equal."""
        everything = self.merged(self.disks)
        self.disks = dict.fromkeys(self.disks, everything)
        return visible(self.case, everything)

    def some_nodes(self, least: int) -> Sequence[str]:
        """At least so many nodes."""
        return self.random.sample(self.tale.nodes, self.random.randint(least, self.nodes))

    def merged(self, nodes: Iterable[str]) -> Ids:
        """What some disks hold together."""
        return Ids().union(*(self.disks[node] for node in nodes))


TELLERS = [Teller, DiskTeller]


def breaches(history: History) -> list[Breach]:
    """What the judges of safety say."""
    statements = judge_safety(Run.of(history), {})
    return [each for each in statements if isinstance(each, Breach) and each.requirement in SAFETY]


@pytest.mark.parametrize("teller", TELLERS)
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_oracle_agrees_with_brute_force(teller: type[Teller], random: Random) -> None:
    """A history is right exactly when some choice of the writes in doubt explains it."""
    case = teller(random).tell()
    assert (not breaches(case.history)) == is_explained(case)


@pytest.mark.parametrize("teller", TELLERS)
@pytest.mark.parametrize("seed", range(4))
def test_oracle_agrees_with_brute_force_on_many(teller: type[Teller], seed: int) -> None:
    """The same on many cases of one seed, among which right and wrong ones are both common."""
    random = Random(seed)
    right = 0
    for number in range(250):
        case = teller(random).tell()
        explained = is_explained(case)
        right += explained
        assert (not breaches(case.history)) == explained, f"case {number} of seed {seed}"
    assert 50 < right < 200


@pytest.mark.parametrize("teller", TELLERS)
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_oracle_accuses_nobody_who_is_honest(teller: type[Teller], random: Random) -> None:
    """What follows from a choice of writes in doubt, or from what disks held, is never called wrong."""
    honest = teller(random)
    honest.honest = True
    assert breaches(honest.tell().history) == []
