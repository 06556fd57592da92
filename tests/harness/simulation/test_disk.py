"""Disks: what is reported durable stays, whatever crashes, and what was on its way is decided by chance."""

from hypothesis import given
from hypothesis import strategies as st

from ringcheck.simulation.chance import Chance
from ringcheck.simulation.clock import Scheduler
from ringcheck.simulation.core import Write
from ringcheck.simulation.disk import Batch, Disk

seeds = st.integers(0, 2**32)
BATCHES = [Batch(number, (Write(f"row{number}", b"some value"), Write("last", b"%d" % number))) for number in range(6)]


def disk(seed: int = 0, promise: str = "transactions") -> tuple[Scheduler, Disk]:
    """A disk and its time."""
    scheduler = Scheduler()
    return scheduler, Disk(scheduler, Chance(seed), promise)  # type: ignore[arg-type]


def write(disk: Disk, scheduler: Scheduler, batch: Batch) -> None:
    """Persist, with the commit that the node carries out."""
    scheduler.at(disk.persist(batch), disk.commit, batch)


@given(seeds, st.integers(0, 6))
def test_a_crash_keeps_what_was_committed_and_the_first_of_what_waited(seed: int, done: int) -> None:
    """Transactions are kept wholly, in their order, and none without those before it."""
    scheduler, made = disk(seed)
    for batch in BATCHES[:done]:
        write(made, scheduler, batch)
    scheduler.run_for(1.0)
    for batch in BATCHES[done:]:
        made.persist(batch)
    made.crash()
    kept = [number for number in range(6) if f"row{number}" in made.rows]
    assert kept == list(range(len(kept)))
    assert len(kept) >= done
    assert made.rows.get("last") == (b"%d" % kept[-1] if kept else None)


def test_every_length_of_what_waited_may_be_kept() -> None:
    """Nothing of it, all of it, and anything between."""
    lengths = set()
    for seed in range(100):
        _, made = disk(seed)
        for batch in BATCHES:
            made.persist(batch)
        made.crash()
        lengths.add(len([row for row in made.rows if row != "last"]))
    assert lengths == set(range(7))


def test_single_writes_may_be_kept_lost_or_torn() -> None:
    """For a core that relies on nothing else, each write has a fate of its own."""
    fates = set()
    for seed in range(100):
        _, made = disk(seed, "writes")
        for batch in BATCHES:
            made.persist(batch)
        made.crash()
        fates |= {made.rows.get(f"row{number}") for number in range(6)}
    assert fates == {b"some value", b"some ", None}


def test_errors_keep_nothing_of_what_they_befall() -> None:
    """One write in so many fails, wholly; the others are as before."""
    scheduler, made = disk()
    made.errors = [3]
    kept = []
    for batch in BATCHES:
        scheduler.at(made.persist(batch), lambda each=batch: kept.append(made.commit(each)))
    scheduler.run_for(1.0)
    assert kept == [True, True, False, True, True, False]
    assert set(made.rows) == {"row0", "row1", "row3", "row4", "last"}
    assert made.rows["last"] == b"4"


def test_rows_are_removed_and_compared() -> None:
    """A write with an expectation does nothing where the row holds something else."""
    scheduler, made = disk()
    for number, writes in enumerate(
        ([("a", b"1", None), ("b", b"1", None)], [("a", None, b"2"), ("b", None, b"1")], [("c", None, None)])
    ):
        write(made, scheduler, Batch(number, writes))  # type: ignore[arg-type]
    scheduler.run_for(1.0)
    assert dict(made.rows) == {"a": b"1"}


def test_a_disk_is_rolled_back_to_its_copy_or_wiped() -> None:
    """A copy is good for once, and goes with the disk."""
    scheduler, made = disk()
    write(made, scheduler, BATCHES[0])
    scheduler.run_for(1.0)
    made.back_up()
    write(made, scheduler, BATCHES[1])
    scheduler.run_for(1.0)
    made.roll_back()
    assert set(made.rows) == {"row0", "last"}
    assert not made.has_copy
    made.back_up()
    scheduler.run_for(2.0)
    assert made.copy_age_s == 2.0
    made.forget_copy()
    assert not made.has_copy
    made.back_up()
    made.wipe()
    assert not made.rows
    assert not made.has_copy
