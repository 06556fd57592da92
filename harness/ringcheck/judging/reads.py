"""Every Get by itself: phantoms, failures that took effect, values twice, what was gone and is back."""

from collections import Counter
from collections.abc import Iterator

from ringcheck.judging import charging, words
from ringcheck.judging.causality import Causality
from ringcheck.judging.operations import Operation
from ringcheck.judging.oracle import Oracle
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach


def judge_reads(run: Run, causality: Causality, oracle: Oracle) -> Iterator[Statement]:
    """All Gets of one key, of which `oracle` has judged the converged states."""
    told: set[tuple[str, str]] = set()
    reads = [each for each in causality.operations.values() if not each.is_write]
    for read in reads:
        breaches = [*_values(causality, read), *_returned_again(causality, read, oracle)]
        for value, breach in breaches:
            if (breach.requirement, value) not in told:
                told.add((breach.requirement, value))
                yield breach
        if read.values and not breaches:
            yield Held("SIB-04")
    yield from _untouched(run, causality, reads)
    yield from _served(run, reads)


def _values(causality: Causality, read: Operation) -> Iterator[tuple[str, Breach]]:
    for value, times in Counter(read.values).items():
        put = causality.puts.get(value)
        if put is None:
            expected = f"A Get of {words.value(read.key)} returns only what a Put wrote to that key."
            actual = f"{_returned(read, value)}, which no Put wrote to that key."
            yield value, _breach(charging.PHANTOM, read, expected, actual)
        elif put.start > read.stop:
            expected = f"{words.named(put)} began at {words.at(put.start)}, so no Get that ended before returns it."
            yield value, _breach(charging.PHANTOM, read, expected, f"{_returned(read, value)}.", put)
        elif put.refused:
            expected = f"{words.named(put)} failed with {put.code}, which is definite, so it never takes effect."
            yield value, _breach(charging.REFUSED, read, expected, f"{_returned(read, value)}.", put)
        elif times > 1 and not causality.ambiguous:
            expected = f"{words.named(put)} is one write, and makes one version."
            yield value, _breach(charging.TWICE, read, expected, f"{_returned(read, value)} {times} times.", put)


def _returned_again(causality: Causality, read: Operation, oracle: Oracle) -> Iterator[tuple[str, Breach]]:
    if read.asked.final:
        # The final reads of a converged state are the oracle's, which knows which state they belong to.
        return
    for value in dict.fromkeys(read.values):
        put = causality.puts.get(value)
        if put is None or (since := oracle.lacked(put, read.start, read.stop)) is None:
            continue
        expected = f"{words.named(put)} was absent from the converged state of {words.at(since)}, so it never returns."
        yield value, _breach(charging.RESURRECTED, read, expected, f"{_returned(read, value)}.", put)


def _untouched(run: Run, causality: Causality, reads: list[Operation]) -> Iterator[Statement]:
    """KV-01: a key that was never written."""
    writes = (each.start for each in causality.operations.values() if each.is_write)
    first_write = min(writes, default=float("inf"))
    for read in reads:
        if read.stop >= first_write or not run.is_valid(read) or read.in_doubt:
            continue
        if read.ok and not read.values:
            yield Held("KV-01")
        else:
            how = f"returned {words.values(read.values)}" if read.ok else f"failed with {read.code}"
            expected = f"Nothing was ever written to {words.value(read.key)}, so a Get of it is OK with no values."
            yield _breach("KV-01", read, expected, f"{words.named(read)} through {read.node} {how}.")


def _served(run: Run, reads: list[Operation]) -> Iterator[Statement]:
    """KV-02: whether every node has answered for this key, and none refused it."""
    refused = [read for read in reads if read.refused and run.is_valid(read)]
    for read in refused:
        actual = f"{words.named(read)} through {read.node} failed with {read.code}."
        yield _breach("KV-02", read, f"{read.node} serves every key, {words.value(read.key)} too.", actual)
    if not refused and {read.node for read in reads if read.ok} >= set(run.nodes):
        yield Held("KV-02")


def _returned(read: Operation, value: str) -> str:
    return f"{words.named(read)} through {read.node} returned {words.value(value)} at {words.at(read.stop)}"


def _breach(requirement: str, read: Operation, expected: str, actual: str, *others: Operation) -> Breach:
    story = sorted([read, *others], key=lambda each: (each.start, each.id))
    return Breach(
        requirement=requirement,
        expected=expected,
        actual=actual,
        key=read.key,
        operations=tuple(each.id for each in story),
        nodes=(read.node,),
        time=read.stop,
    )
