"""Every Get by itself: phantoms, failures that took effect, values twice, what was gone and is back."""

from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from math import inf

from ringcheck.judging import charging, words
from ringcheck.judging.causality import Causality
from ringcheck.judging.operations import Operation
from ringcheck.judging.oracle import Oracle
from ringcheck.judging.run import Run
from ringcheck.judging.statements import Held, Statement
from ringcheck.judging.verdict import Breach


def judge_reads(run: Run, causality: Causality, oracle: Oracle | None = None) -> Iterator[Statement]:
    """All Gets of one key, of which `oracle` has judged the converged states; without one, the key has an alibi."""
    right = len(causality.reads) - len(causality.fruitless)
    if oracle is not None:
        told: set[tuple[str, str]] = set()
        for read in _suspects(causality, oracle):
            breaches = [*_values(causality, read), *_returned_again(causality, read, oracle)]
            for value, breach in breaches:
                if (breach.requirement, value) not in told:
                    told.add((breach.requirement, value))
                    yield breach
            right -= bool(breaches)
    yield Held("SIB-04", right)
    yield from _untouched(run, causality)
    yield from _served(run, causality)


def _suspects(causality: Causality, oracle: Oracle) -> Iterator[Operation]:
    """The Gets with which something may be wrong, at first glance: few are such."""
    if oracle.ever_brought_back:
        yield from causality.reads
        return
    put_of, gone_since = causality.puts.get, oracle.gone.get
    for read in causality.reads:
        values, start, stop = read.values, read.start, read.stop
        if len(values) > 1 and len(set(values)) < len(values):
            yield read
            continue
        for value in values:
            put = put_of(value)
            if put is None or put.start > stop or gone_since(put.id, inf) < start or (not put.ok and put.refused):
                yield read
                break


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


def _untouched(run: Run, causality: Causality) -> Iterator[Statement]:
    """KV-01: a key that was never written."""
    first_write = causality.writes[0].start if causality.writes else inf
    for read in takewhile(lambda read: read.start < first_write, causality.reads):
        if read.stop >= first_write or not run.is_valid(read) or read.in_doubt:
            continue
        if read.ok and not read.values:
            yield Held("KV-01")
        else:
            how = f"returned {words.values(read.values)}" if read.ok else f"failed with {read.code}"
            expected = f"Nothing was ever written to {words.value(read.key)}, so a Get of it is OK with no values."
            yield _breach("KV-01", read, expected, f"{words.named(read)} through {read.node} {how}.")


def _served(run: Run, causality: Causality) -> Iterator[Statement]:
    """KV-02: whether every node has answered for this key, and none refused it."""
    refused = [read for read in causality.fruitless if read.refused and run.is_valid(read)]
    for read in refused:
        actual = f"{words.named(read)} through {read.node} failed with {read.code}."
        yield _breach("KV-02", read, f"{read.node} serves every key, {words.value(read.key)} too.", actual)
    if not refused and not _silent(run, causality):
        yield Held("KV-02")


def _silent(run: Run, causality: Causality) -> set[str]:
    """The nodes that answered no Get; looked for no longer than there are any."""
    silent = set(run.nodes)
    for read in causality.reads:
        if read.ok:
            silent.discard(read.node)
            if not silent:
                break
    return silent


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
