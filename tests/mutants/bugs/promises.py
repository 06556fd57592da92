"""Bugs that break what no bug of the catalogue breaks, those called R: one for each such requirement."""

from collections.abc import Iterator, Sequence

from ringcheck_reference.core import ring as rings
from ringcheck_reference.core.antientropy import Exchange
from ringcheck_reference.core.config import Member
from ringcheck_reference.core.dropping import Copy, DroppingRound
from ringcheck_reference.core.effects import Failure
from ringcheck_reference.core.merkle import ZERO
from ringcheck_reference.core.messages import Code, NodeId
from ringcheck_reference.core.placement import Placement
from ringcheck_reference.core.reading import Reading
from ringcheck_reference.core.ring import Ring
from ringcheck_reference.core.writing import Writing

from .bug import bug, replace


@bug("R1", "a write waits for all its homes, whatever its W", "AVL-04")
def every_home_waited_for() -> None:
    """W copies are counted, but only once every home has answered, or is late."""

    def proceed(writing: Writing) -> None:
        if not writing._missing() or writing._desk.now >= writing._hedge_at:
            honest(writing)

    honest = replace(Writing, "_proceed", proceed)


@bug("R2", "whoever the hash likes best gets a partition, whatever its share", "RNG-03")
def shares_unbounded() -> None:
    """Every member has room for all."""

    def shares(members: Sequence[Member], total: int) -> dict[NodeId, int]:
        return {member.id: total for member in members}

    rings._shares = shares


@bug("R3", "a change of members deals all partitions anew", "RNG-04")
def dealt_from_the_other_end() -> None:
    """The hash that says who likes a partition best says who likes it least as soon as there is one member more."""

    def ranked(ring: Ring, partition: int) -> list[tuple[float, NodeId]]:
        ranking: list[tuple[float, NodeId]] = honest(ring, partition)
        return ranking if len(ring.members) % 2 else sorted((-score, node) for score, node in ranking)

    honest = replace(Ring, "_ranked", ranked)


@bug("R4", "a Get is refused while its partition moves", "MEM-03")
def no_reads_while_moving() -> None:
    """Until all new owners have confirmed, nobody is asked."""

    def start(reading: Reading) -> None:
        if reading._desk.placement(reading._key).is_settled:
            honest(reading)
        else:
            reading._desk.reply(reading._call, Failure(Code.UNAVAILABLE, "the partition of the key moves"))
            reading.close()

    honest = replace(Reading, "start", start)


@bug("R5", "what a node does not own any more stays where it is", "MEM-05")
def replicas_never_dropped() -> None:
    """Only hints are."""

    def copies(drops: DroppingRound, placed: Placement) -> Iterator[Copy | None]:
        return (copy for copy in honest(drops, placed) if copy is not None and copy.target is not None)

    honest = replace(DroppingRound, "_copies", copies)


@bug("R6", "an empty replica is taken for one that has nothing to compare", "AE-04")
def empty_replicas_left_alone() -> None:
    """Anti-entropy passes over a partition of which one of the two holds nothing."""

    def compare_roots(exchange: Exchange, theirs: Sequence[bytes]) -> None:
        replica = exchange._desk.replica
        ours = [replica.root(partition) for partition in exchange._partitions]
        either = zip(ours, theirs, strict=True)
        honest(exchange, [our if ZERO in (our, their) else their for our, their in either])

    honest = replace(Exchange, "_compare_roots", compare_roots)
