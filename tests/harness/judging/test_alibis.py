"""Alibis: what they prove is what the oracle finds, and an honest store's keys have one."""

from collections.abc import Callable, Iterable, Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringcheck.history import Ok
from ringcheck.judging.alibis import Alibi, alibis
from ringcheck.judging.handmade import Handmade
from ringcheck.judging.quiet import Quiet
from ringcheck.judging.reads import judge_reads
from ringcheck.judging.recency import judge_recency
from ringcheck.judging.run import Run
from ringcheck.judging.safety import KeyJudge
from ringcheck.judging.statements import Statement, gather
from ringcheck.judging.verdict import Finding
from ringcheck_chaos.faults import Isolate

KEYS = ("a", "b")
LIES = ("lacks", "adds", "repeats", "invents", "late", "stranger", "malformed", "copies", "deleted")


class Teller:
    """Tells of a store that does at once what it is asked, and lies now and then, in one of the ways of LIES."""

    def __init__(self, random: Random, *, lying: float = 0.0) -> None:
        self.tale = Handmade()
        self.random = random
        self.lying = lying
        self.live: dict[str, dict[str, None]] = {key: {} for key in KEYS}
        self.written: dict[str, list[str]] = {key: [] for key in KEYS}
        self.contexts: dict[str, list[tuple[int, tuple[str, ...]]]] = {key: [] for key in KEYS}
        self.deleted: list[int] = []

    def tell(self) -> Run:
        """A few dozen operations, faults, crashes and convergences."""
        for settle in range(self.random.randint(1, 4)):
            if self.random.random() < 0.3:
                self.tale.fault(settle, Isolate(how="drop", node="n3"))
            for _ in range(self.random.randint(1, 12)):
                self.operate(self.random.choice(KEYS))
            self.tale.kill(*self.tale.nodes[: self.random.randint(0, 3)])
            if self.random.random() < 0.3:
                self.operate(self.random.choice(KEYS))
            if self.random.random() < 0.5:
                self.tale.heal(settle)
            shown = {key: self.shown(key) for key in KEYS}
            self.tale.settle(shown, diverged=() if self.random.random() < 0.9 else ("unequal",))
        for key in KEYS:
            self.operate(key)
        return Run.of(self.tale.history())

    def lies(self, *ways: str) -> str:
        """A way in which to lie now; empty to tell the truth."""
        return self.random.choice(ways) if self.random.random() < self.lying else ""

    def operate(self, key: str) -> None:
        """A Get, or a write with what a Get or a Put gave before."""
        if self.random.random() < 0.4:
            values = self.shown(key)
            self.contexts[key].append((self.tale.get(*values, key=key), values))
        else:
            self.write(key)

    def write(self, key: str) -> None:
        """A Put, or a Delete."""
        number, seen = self.random.choice([(None, ()), *self.contexts[key][-3:]])
        lie = self.lies("late", "stranger", "malformed", "copies", "deleted")
        end = self.random.choice(["OK"] * 8 + ["UNAVAILABLE", "INVALID_ARGUMENT", None])
        effective = end == "OK" or (end != "INVALID_ARGUMENT" and self.random.random() < 0.5)
        if effective:
            for value in seen:
                self.live[key].pop(value, None)
        if lie == "late":
            number = 40
        elif lie == "stranger" and self.contexts["b"]:
            number, _ = self.random.choice(self.contexts["b"])
        elif lie == "deleted" and self.deleted:
            number = self.random.choice(self.deleted)
        if number is not None and self.random.random() < 0.2:
            self.deleted.append(self.tale.delete(number, key=key, end=end))
            return
        value = f"v{len(self.written[key])}"
        if lie == "copies" and self.written[key]:
            value = self.random.choice(self.written[key])
        malformed = lie == "malformed" and number is None
        written = self.tale.put(value, context=number, key=key, end=end, malformed=malformed)
        self.written[key].append(value)
        if effective:
            self.live[key][value] = None
        if end == "OK":
            self.contexts[key].append((written, (value,)))

    def shown(self, key: str) -> tuple[str, ...]:
        """What a Get of the key returns."""
        values = list(self.live[key])
        match self.lies("lacks", "adds", "repeats", "invents"):
            case "lacks":
                values = values[1:]
            case "adds":
                values += self.written[key][-3:-2]
            case "repeats":
                values += values[:1]
            case "invents":
                values.append("phantom")
        return tuple(values)


def alibis_of(run: Run) -> Mapping[str, Alibi]:
    """The keys of a run that have an alibi."""
    return alibis(run, Quiet(run))


def said(statements: Iterable[Statement]) -> dict[str, Finding]:
    """The findings of which there is something to say."""
    return {name: each for name, each in gather(statements).items() if each.held or each.breaches or each.unclear}


def check(run: Run) -> int:
    """Every alibi says what the oracle says. Returns how many there are."""
    found = alibis_of(run)
    for key, alibi in found.items():
        causality = run.keys[key]
        keeper = KeyJudge(run, key, causality)
        judged = said([*keeper.judge_states(), *judge_reads(run, causality, keeper.oracle)])
        assert not causality.ambiguous
        assert said([*alibi.held(run), *judge_reads(run, causality)]) == judged
    quiet = Quiet(run)
    assert said(judge_recency(run, quiet, found)) == said(judge_recency(run, quiet, {}))
    return len(found)


@pytest.mark.parametrize("lying", [0.0, 0.05, 0.3])
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_alibi_says_what_the_oracle_says(lying: float, random: Random) -> None:
    """However much the store lies: a key that has an alibi all the same is one of which the oracle says the same."""
    check(Teller(random, lying=lying).tell())


def test_alibi_says_what_the_oracle_says_of_many() -> None:
    """The same of many histories of one seed, in which most honest keys have an alibi, and many lies leave none."""
    random = Random(1)
    honest = sum(check(Teller(random).tell()) for _ in range(300))
    lying = sum(check(Teller(random, lying=0.3).tell()) for _ in range(300))
    assert honest > 400
    assert lying < 200


def crowd(random: Random, *, lying: float) -> Run:
    """Up to four operations at a time, each done at some moment while it is under way; Gets may be lied to."""
    tale = Handmade()
    tale.look("start")
    live: dict[str, None] = {}
    written: list[str] = []
    contexts: list[tuple[int | None, tuple[str, ...]]] = [(None, ())]
    under_way: dict[int, tuple[str, tuple[str, ...]]] = {}
    """Operation → the value of a Put, empty for a Delete, "?" for a Get; and what its context covers."""
    done: dict[int, tuple[str, ...]] = {}
    begun, operations = 0, random.randint(5, 30)
    while begun < operations or under_way:
        if begun < operations and len(under_way) < 4 and random.random() < 0.4:
            begun += 1
            context, seen = random.choice(contexts[-3:])
            if random.random() < 0.4:
                under_way[tale.get(end=None)] = "?", ()
            elif context is not None and random.random() < 0.2:
                under_way[tale.delete(context, end=None)] = "", seen
            else:
                written.append(f"v{len(written)}")
                under_way[tale.put(written[-1], context=context, end=None)] = written[-1], seen
        elif under_way and (number := random.choice(list(under_way))) not in done:
            value, seen = under_way[number]
            live = {each: None for each in live if each not in seen} | ({value: None} if value not in ("", "?") else {})
            done[number] = tuple(live) if value == "?" else (value,)
            if value == "?" and random.random() < lying:
                done[number] = tuple(random.sample(written, random.randint(0, min(2, len(written)))))
        elif under_way:
            value, _ = under_way.pop(number)
            tale.events.append(Ok(time=tale.tick(), operation=number, values=done[number] if value == "?" else ()))
            contexts += [(number, done[number])] if value else []
    tale.look()
    tale.settle({"k": tuple(live)})
    return Run.of(tale.history())


@pytest.mark.parametrize("lying", [0.0, 0.2])
@given(random=st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_alibi_says_what_the_oracle_says_of_a_crowd(lying: float, random: Random) -> None:
    """The same where operations overlap, so that what Gets return differs from what was asked for by then."""
    check(crowd(random, lying=lying))


def test_few_gets_of_a_crowd_are_odd() -> None:
    """Of most that an honest store returns while much is under way, the alibi itself shows that it is right."""
    random = Random(1)
    found = [alibi for _ in range(300) for alibi in alibis_of(crowd(random, lying=0.0)).values()]
    assert len(found) == 300
    assert sum(alibi.current for alibi in found) > 5 * sum(len(alibi.odd) for alibi in found)


@pytest.mark.parametrize(
    ("deletes", "ended", "returned", "odd", "breaches"),
    [
        (False, False, "a", False, False),
        (False, False, "b", False, False),
        (False, False, "ab", False, False),
        (False, False, "", True, True),
        (False, True, "a", True, True),
        (True, False, "a", False, False),
        (True, False, "", False, False),
        (True, True, "a", True, True),
    ],
)
def test_alibi_is_for_what_was_under_way(deletes: bool, ended: bool, returned: str, odd: bool, breaches: bool) -> None:
    """What a write supersedes may be returned while that is under way, and no longer; and never is it just lacking."""
    tale = Handmade()
    tale.look("start")
    first, end = tale.put("a"), "OK" if ended else None
    write = tale.delete(first, end=end) if deletes else tale.put("b", context=first, end=end)
    tale.get(*returned, node="n2")
    if not ended:
        tale.events.append(Ok(time=tale.tick(), operation=write))
    tale.look()
    tale.settle({"k": {node: [] if deletes else ["b"] for node in tale.nodes}})
    run = Run.of(tale.history())
    check(run)
    assert [get.values for get in alibis_of(run)["k"].odd] == [tuple(returned)] * odd
    found = said(judge_recency(run, Quiet(run), alibis_of(run))).get("KV-13")
    assert bool(found and found.breaches) == breaches


def test_no_alibi_for_what_was_superseded_by_more_than_is_under_way() -> None:
    """Of two writes that supersede a value one had ended, so that no Get may return it."""
    tale = Handmade()
    tale.look("start")
    first = tale.put("a")
    second = tale.put("b", context=first, end=None)
    tale.put("c", context=first)
    tale.get("a", "c", node="n2")
    tale.events.append(Ok(time=tale.tick(), operation=second))
    tale.look()
    tale.settle({"k": {node: ["b", "c"] for node in tale.nodes}})
    run = Run.of(tale.history())
    check(run)
    assert [get.values for get in alibis_of(run)["k"].odd] == [("a", "c")]


@pytest.mark.parametrize("lie", ["lacks", "adds", "repeats", "invents"])
def test_no_alibi_for_a_key_that_was_lied_about(lie: str) -> None:
    """One wrong answer, to a Get or at one node after a Settle, and the oracle is asked."""
    wrong = {"lacks": (), "adds": ("first", "second"), "repeats": ("second",) * 2, "invents": ("second", "third")}[lie]
    for place in range(3):
        tale = Handmade()
        tale.put("second", context=tale.put("first"))
        tale.settle({"k": {node: wrong if place == 0 and node == "n2" else ["second"] for node in tale.nodes}})
        tale.get(*(wrong if place == 1 else ("second",)))
        tale.settle({"k": wrong if place == 2 else ["second"]})
        harmless = place == 1 and lie == "lacks"  # a Get may be behind
        assert bool(alibis_of(Run.of(tale.history()))) == harmless


def context_of_a_failed_put(tale: Handmade) -> list[str]:
    """What it covers is superseded, though it may never have taken effect itself."""
    tale.put("a")
    failed = tale.put("b", context=tale.get("a"), end="UNAVAILABLE")
    tale.put("c", context=failed)
    return ["a", "c"]


def context_from_the_future(tale: Handmade) -> list[str]:
    """A Put is given the context of a Get that returned what was written later."""
    tale.put("a", context=3)
    tale.put("b")
    tale.get("b")
    return ["a", "b"]


def context_of_a_delete(tale: Handmade) -> list[str]:
    """What one Delete covers, the other one covers over it."""
    tale.put("a")
    tale.delete(tale.delete(tale.get("a")))
    return []


def value_before_its_put(tale: Handmade) -> list[str]:
    """A Get ended before what it returned was written."""
    tale.get("a")
    tale.put("a")
    return ["a"]


@pytest.mark.parametrize(
    "odd", [context_of_a_failed_put, context_from_the_future, context_of_a_delete, value_before_its_put]
)
def test_no_alibi_where_what_was_seen_is_not_what_took_effect_before(odd: Callable[[Handmade], list[str]]) -> None:
    """Where contexts do not follow the order of time, what is superseded at first hand is not all."""
    tale = Handmade()
    tale.settle({"k": odd(tale)})
    assert not alibis_of(Run.of(tale.history()))


def test_no_alibi_where_a_disk_was_destroyed_or_time_runs_backwards() -> None:
    """What such a history shows, only the oracle can tell."""
    tale = Handmade()
    tale.put("v")
    assert alibis_of(Run.of(tale.history()))
    tale.now -= 1
    tale.put("w")
    assert not alibis_of(Run.of(tale.history()))
    tale = Handmade()
    tale.put("v")
    tale.lose("n1")
    assert not alibis_of(Run.of(tale.history()))


def test_no_alibi_where_a_node_answered_no_final_read() -> None:
    """What that node holds is not known."""
    tale = Handmade()
    tale.put("v")
    tale.settle({"k": ["v"]})
    assert alibis_of(Run.of(tale.history()))
    tale.events.pop()
    assert not alibis_of(Run.of(tale.history()))
