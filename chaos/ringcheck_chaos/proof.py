"""Evidence that a fault took effect, or ended: what a run without it may not claim.

A link is proved by what a probe sees through it (`ringcheck_chaos.probe`). A link to a node that does not run cannot
be seen through; the server's own word for its state has to do, and the proof says so.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Literal

import msgspec

from ringcheck_chaos.conditions import Condition
from ringcheck_chaos.faults import Direction
from ringcheck_chaos.probe import Answer, probe

SILENCE_S = 0.15
"""How long nothing must come for a link to count as silent: a hundred times what an answer takes."""

ANSWER_S = 2.0
"""How much longer than its latency an open link may take to answer."""

CLOCK_S = 0.001
"""Toxiproxy counts in whole milliseconds."""


class Proof(msgspec.Struct, frozen=True):
    """What was seen when a fault was injected or healed, or a process was killed.

    `bit` says whether what was seen is what was promised. `began` and `ended` are seconds of `time.monotonic()`: the
    start of the first call and the end of the last, between which the change set in.
    """

    bit: bool
    detail: str
    began: float
    ended: float


class Sight(msgspec.Struct, frozen=True):
    """A proxy to look at: who dials whom, where, what it should be like, and whether the target can answer."""

    link: Direction
    address: str
    condition: Condition
    running: bool


class Finding(msgspec.Struct, frozen=True):
    """What a probe says of one link: as it should be, not so, or nothing, since its target does not answer."""

    verdict: Literal["so", "not so", "unknown"]
    words: str


Agreeing = Callable[[], Awaitable[Collection[Direction]]]
"""Asks the server which links are, by its own word, in the condition that they should be in."""


async def prove(sights: Sequence[Sight], agreeing: Agreeing) -> tuple[bool, str]:
    """Look at all links at once; returns whether each is as it should be, and in plain words what was seen."""
    findings = list(zip(sights, await asyncio.gather(*(_look(sight) for sight in sights)), strict=True))
    wrong = [f"link {_arrow(sight.link)} {finding.words}" for sight, finding in findings if finding.verdict == "not so"]
    seen = Counter(finding.words for _, finding in findings if finding.verdict == "so")
    right = [f"{_links(count)} {what}" for what, count in seen.items()]
    if unknown := [sight.link for sight, finding in findings if finding.verdict == "unknown"]:
        agreed = set(await agreeing())
        wrong += [f"link {_arrow(link)} is not so by the server's word" for link in unknown if link not in agreed]
        by_word = [link for link in unknown if link in agreed]
        targets = ", ".join(sorted({target for _, target in by_word}))
        right += [f"{_links(len(by_word))} by the proxy server's word, since {targets} does not run"] if by_word else []
    return not wrong, "; ".join(wrong + right)


async def _look(sight: Sight) -> Finding:
    condition = sight.condition
    if not condition.enabled:
        return judge(condition, await probe(sight.address, ANSWER_S))
    if not sight.running:
        return Finding("unknown", "")
    deadline_s = SILENCE_S if condition.silent else condition.latency_ms / 1000 + ANSWER_S
    return judge(condition, await probe(sight.address, deadline_s))


def judge(condition: Condition, answer: Answer) -> Finding:
    """Compare what a probe saw with what `condition` promises."""
    least_s = condition.latency_ms / 1000
    after = f"{answer.after_s * 1000:.1f} ms"
    match answer.kind:
        case "refused":
            return Finding("not so" if condition.enabled else "so", "refused the connection")
        case _ if not condition.enabled:
            return Finding("not so", f"did not refuse the connection ({answer.kind})")
        case "closed":
            return Finding("unknown", "")
        case "silent":
            return Finding("so" if condition.silent else "not so", f"gave no answer in {answer.after_s:.2f} s")
        case _ if condition.silent:
            return Finding("not so", f"answered after {after}, though it is cut")
        case _ if answer.after_s < least_s - CLOCK_S:
            return Finding("not so", f"answered after {after}, though it adds {condition.latency_ms} ms")
    return Finding("so", f"answered no sooner than {condition.latency_ms} ms" if least_s else "answered")


def _arrow(link: Direction) -> str:
    return "→".join(link)


def _links(count: int) -> str:
    return "1 link" if count == 1 else f"{count} links"
