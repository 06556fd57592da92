"""The disk: what is durable, in what order, and what is refused."""

import queue
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ringcheck_reference.core.effects import DiskWrite, DropFact, DropHint, DropReplica, PutFact, PutHint, PutReplica
from ringcheck_reference.shell.schema import DATABASE_NAME, FORMAT, StoreError
from ringcheck_reference.shell.store import Store

DEADLINE_S = 10.0


class Reports:
    """Stands for the event loop: keeps what the commit thread announces."""

    def __init__(self) -> None:
        self._announced: queue.SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = queue.SimpleQueue()
        self.reasons: list[str | None] = []

    def announce(self, function: Callable[..., object], *arguments: object) -> None:
        """Take note, on the commit thread."""
        self._announced.put((function, arguments))

    def wait_for(self, count: int) -> list[str | None]:
        """The reasons reported, once there are `count` of them."""
        while len(self.reasons) < count:
            function, arguments = self._announced.get(timeout=DEADLINE_S)
            function(*arguments)
        return self.reasons


@pytest.fixture
def reports() -> Reports:
    """What stores announce."""
    return Reports()


@pytest.fixture
def store(tmp_path: Path, reports: Reports) -> Iterator[Store]:
    """An open store in an empty directory."""
    store = Store(tmp_path, reports.announce)
    yield store
    store.close()


def test_durable_rows_are_read(store: Store, reports: Reports) -> None:
    """What was reported durable is what the tables give, replica and hints apart."""
    store.persist((PutReplica(b"k", b"1"), PutHint("n2", b"k", b"2")), reports.reasons.append)
    assert reports.wait_for(1) == [None]
    assert store.replica.get(b"k") == b"1"
    assert store.hints.get("n2", b"k") == b"2"
    assert store.hints.get("n3", b"k") is None
    assert list(store.replica.items()) == [(b"k", b"1")]
    assert list(store.hints.items()) == [(("n2", b"k"), b"2")]


def test_a_later_write_replaces_an_earlier_one(store: Store, reports: Reports) -> None:
    """Writes take effect in the order in which they were handed in."""
    for number in range(50):
        store.persist((PutReplica(b"k", b"%d" % number),), reports.reasons.append)
    reports.wait_for(50)
    assert store.replica.get(b"k") == b"49"


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 130])
def test_groups_of_all_sizes_are_kept(store: Store, reports: Reports, count: int) -> None:
    """However many rows come together, each is there, and of two states of a key the later."""
    writes = [PutReplica(b"%d" % (number // 2), b"%d" % number) for number in range(count)]
    store.persist(writes, reports.reasons.append)
    assert reports.wait_for(1) == [None]
    assert dict(store.replica.items()) == {write.key: write.state for write in writes}


def test_drop_compares(store: Store, reports: Reports) -> None:
    """A hint that changed after it was sent survives the drop of what was sent."""
    store.persist((PutHint("n2", b"k", b"new"),), reports.reasons.append)
    store.persist((DropHint("n2", b"k", b"old"),), reports.reasons.append)
    reports.wait_for(2)
    assert store.hints.get("n2", b"k") == b"new"
    store.persist((DropHint("n2", b"k", b"new"),), reports.reasons.append)
    reports.wait_for(3)
    assert store.hints.get("n2", b"k") is None


def test_a_replica_is_dropped_only_as_it_was_confirmed(store: Store, reports: Reports) -> None:
    """What was merged into a copy since others confirmed it survives the drop, in one commit or in two."""
    store.persist((PutReplica(b"k", b"old"),), reports.reasons.append)
    store.persist((PutReplica(b"k", b"new"), DropReplica(b"k", b"old")), reports.reasons.append)
    reports.wait_for(2)
    assert store.replica.get(b"k") == b"new"
    store.persist((DropReplica(b"k", b"new"),), reports.reasons.append)
    reports.wait_for(3)
    assert store.replica.get(b"k") is None
    assert list(store.replica.items()) == []


def test_facts_come_and_go_in_order(store: Store, reports: Reports) -> None:
    """A fact is what was last said under its name, whatever else is in the commit."""
    store.persist((PutFact(b"a", b"1"), PutFact(b"b", b"2"), PutReplica(b"a", b"s")), reports.reasons.append)
    store.persist((DropFact(b"a"), PutFact(b"b", b"3"), PutFact(b"c", b"4"), DropFact(b"c")), reports.reasons.append)
    reports.wait_for(2)
    assert list(store.facts.items()) == [(b"b", b"3")]
    assert store.replica.get(b"a") == b"s"


def test_what_is_remembered_is_what_was_written(store: Store, reports: Reports, tmp_path: Path) -> None:
    """Reads give the last state that was reported durable, found missing before or not, and whatever its size."""
    assert store.replica.get(b"k") is None
    for state in (b"1", b"2" * 5000, b"3"):
        store.persist((PutReplica(b"k", state),), reports.reasons.append)
        reports.wait_for(len(reports.reasons) + 1)
        assert store.replica.get(b"k") == state
    with sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON replica BEGIN SELECT RAISE(ABORT, 'no room'); END")
    other.close()
    store.persist((PutReplica(b"k", b"4"),), reports.reasons.append)
    assert reports.wait_for(4)[3] is not None
    assert store.replica.get(b"k") == b"3"


def test_many_writes_few_commits(store: Store, reports: Reports) -> None:
    """What waits while one commit is under way shares the next one."""
    for number in range(2000):
        store.persist((PutReplica(b"%d" % number, b"state"),), reports.reasons.append)
    assert reports.wait_for(2000) == [None] * 2000
    assert 1 <= store.commits <= 200
    assert len(list(store.replica.items())) == 2000


def test_close_commits_what_waits(tmp_path: Path, reports: Reports) -> None:
    """A graceful stop loses nothing, and the next start finds it."""
    store = Store(tmp_path, reports.announce)
    for number in range(100):
        store.persist((PutReplica(b"%d" % number, b"state"),), reports.reasons.append)
    store.close()
    again = Store(tmp_path, reports.announce)
    assert len(list(again.replica.items())) == 100
    again.close()


def test_what_is_alone_is_durable_at_once(store: Store, reports: Reports) -> None:
    """Whoever waits has been told, and the tables show it, before the call returns."""
    store.persist_at_once([((PutReplica(b"k", b"1"),), reports.reasons.append)])
    assert reports.reasons == [None]
    assert store.replica.get(b"k") == b"1"
    assert dict(store.replica.items()) == {b"k": b"1"}


def test_what_comes_at_once_does_not_overtake(store: Store, reports: Reports) -> None:
    """As long as a write before it is not reported, it goes the way of all others."""
    told: list[tuple[int, str | None]] = []

    def telling(number: int) -> Callable[[str | None], None]:
        return lambda reason: told.append((number, reason))

    for number in range(5):
        persist = store.persist_at_once if number else store.persist_all
        persist([((PutReplica(b"k", b"%d" % number),), telling(number))])
    assert told == []
    store.persist((), reports.reasons.append)
    reports.wait_for(1)
    assert told == [(number, None) for number in range(5)]
    assert store.replica.get(b"k") == b"4"


def test_a_slow_disk_is_waited_for_on_the_other_thread(tmp_path: Path, reports: Reports) -> None:
    """After a commit of 20 ms the caller's thread leaves commits alone for 2 s; so it is held up for 1 % at most."""
    now, takes = 1000.0, 0.02

    class SlowStore(Store):
        def _commit(self, writes: Sequence[DiskWrite]) -> str | None:
            nonlocal now
            now += takes
            return super()._commit(writes)

    def is_done_at_once() -> bool:
        before = len(reports.reasons)
        slow.persist_at_once([((PutReplica(b"k", b"v"),), reports.reasons.append)])
        if len(reports.reasons) > before:
            return True
        reports.wait_for(before + 1)
        return False

    slow = SlowStore(tmp_path, reports.announce, lambda: now)
    assert is_done_at_once()
    takes = 0.0001
    assert not is_done_at_once()
    now = 1001.9
    assert not is_done_at_once()
    now = 1002.1
    assert is_done_at_once()
    assert is_done_at_once()
    slow.close()


def test_a_failure_at_once_is_reported(store: Store, reports: Reports, tmp_path: Path) -> None:
    """The disk's refusal comes back on this thread as it does on the other, and the store goes on."""
    with sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON replica BEGIN SELECT RAISE(ABORT, 'no room'); END")
        store.persist_at_once([((PutReplica(b"a", b"1"),), reports.reasons.append)])
        assert "no room" in str(reports.reasons[0])
        assert store.replica.get(b"a") is None
        other.execute("DROP TRIGGER full")
    other.close()
    store.persist_at_once([((PutReplica(b"a", b"1"),), reports.reasons.append)])
    assert reports.reasons[1:] == [None]
    assert store.replica.get(b"a") == b"1"


def test_a_failed_group_is_reported_and_undone(store: Store, reports: Reports, tmp_path: Path) -> None:
    """When the disk refuses, the reason comes back, nothing of the group is kept, and the store goes on."""
    with sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON replica WHEN NEW.key = x'21' "
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    other.close()
    for also in ((), (PutFact(b"name", b"data"),)):
        store.persist((PutReplica(b"a", b"1"), PutReplica(b"!", b"2"), *also), reports.reasons.append)
        reason = reports.wait_for(len(reports.reasons) + 1)[-1]
        assert reason is not None
        assert "no room" in reason
        assert store.replica.get(b"a") is None
        assert list(store.facts.items()) == []
    store.persist((PutReplica(b"b", b"3"),), reports.reasons.append)
    assert reports.wait_for(3)[2] is None
    assert store.replica.get(b"b") == b"3"


def test_commits_are_synchronous(store: Store) -> None:
    """The writing connection waits for the disk: WAL with synchronous FULL (2)."""
    assert store._writing.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._writing.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_one_node_per_directory(store: Store, tmp_path: Path, reports: Reports) -> None:
    """A second node on the same directory is refused with one sentence."""
    with pytest.raises(StoreError, match="in use by another node"):
        Store(tmp_path, reports.announce)


def test_a_database_of_the_version_before_is_brought_up(tmp_path: Path, reports: Reports) -> None:
    """A folder that the first format filled opens, keeps what it holds, and takes facts from then on."""
    with sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE replica (key BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID")
        database.execute(
            "CREATE TABLE hint (target TEXT NOT NULL, key BLOB NOT NULL, state BLOB NOT NULL, "
            "PRIMARY KEY (target, key)) WITHOUT ROWID"
        )
        database.execute("PRAGMA user_version = 1")
        database.execute("INSERT INTO replica VALUES (x'6b', x'31')")
        database.execute("INSERT INTO hint VALUES ('n2', x'6b', x'32')")
    database.close()
    for expected in ([], [(b"name", b"data")]):
        store = Store(tmp_path, reports.announce)
        assert list(store.replica.items()) == [(b"k", b"1")]
        assert list(store.hints.items()) == [(("n2", b"k"), b"2")]
        assert list(store.facts.items()) == expected
        store.persist((PutFact(b"name", b"data"),), reports.reasons.append)
        store.close()


def test_a_newer_format_is_refused(tmp_path: Path, reports: Reports) -> None:
    """A database of a later program is left alone."""
    with sqlite3.connect(tmp_path / DATABASE_NAME) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    with pytest.raises(StoreError, match=f"has format {FORMAT + 1}"):
        Store(tmp_path, reports.announce)


def test_what_is_no_database_is_refused(tmp_path: Path, reports: Reports) -> None:
    """A file of something else is named in one sentence, and the directory can be taken again."""
    (tmp_path / DATABASE_NAME).write_bytes(b"this is not a database, but it is long enough to look at" * 20)
    with pytest.raises(StoreError, match="Cannot open the database"):
        Store(tmp_path, reports.announce)
    (tmp_path / DATABASE_NAME).unlink()
    Store(tmp_path, reports.announce).close()
