"""Which requirement a wrong converged state is charged to."""

from math import nextafter

from ringcheck.judging.causality import Causality
from ringcheck.judging.oracle import Defect, Wrong
from ringcheck.judging.run import Run

PHANTOM = "SIB-04"
"""A value never written, or not to that key, or not yet."""
TWICE = "SIB-02"
"""A value twice in one Get: its write was coordinated twice."""
REFUSED = "KV-14"
"""A definitely failed write took effect."""
RESURRECTED = "SIB-03"
"""A version that a converged state lacked is back."""
FALSE_SIBLING = "SIB-02"
"""A superseded version is returned, and no converged state had lacked it."""
MOVED = "MEM-02"
"""A write is lost during or after a membership change."""


def charge(defect: Defect, run: Run, causality: Causality) -> str:
    """The requirement that a defect of a converged state breaks."""
    match defect.wrong:
        case Wrong.RESURRECTED:
            return RESURRECTED
        case Wrong.FALSE_SIBLING:
            return FALSE_SIBLING
        case Wrong.LOST:
            return _loss(defect, run, causality)


def disagreement(run: Run) -> str:
    """The requirement that nodes break which return different values in a converged state."""
    return "AE-01" if "inspect" in run.profiles else "DUR-01"


def _loss(defect: Defect, run: Run, causality: Causality) -> str:
    put = defect.put
    until = defect.state.time
    since, sound = _lost_since(defect, run)
    if run.timeline.blacked_out(since, until):
        return "DUR-02"
    # Unless it was seen since, not since the write alone: what a lost disk held may come into being again, and hide a
    # later write.
    if not sound:
        since = run.converged_before(since)
    if run.disks.destroyed(since, until, "wiped"):
        return "DUR-03"
    if run.disks.destroyed(since, until, "rolled back"):
        return "DUR-04"
    if run.views.unsettled(run.converged_before(nextafter(until, 0.0)), until):
        return MOVED
    others = (other for other in defect.remaining if other.ok)
    if put.ok and any(not causality.supersedes(put, other) for other in others):
        return "SIB-01"
    return "DUR-01"


def _lost_since(defect: Defect, run: Run) -> tuple[float, bool]:
    """When the Put was begun, and False; or when it was last there in a converged state, and True.

    What happened before every node returned it has not lost it.
    """
    put = defect.put
    sound = [
        settlement.ended
        for settlement in run.settlements
        if put.start < settlement.ended < defect.state.time
        and run.at_rest(settlement)
        and (answers := settlement.finals.get(put.key))
        and all(put.value in read.values for read in answers.values())
    ]
    return (sound[-1], True) if sound else (put.start, False)
