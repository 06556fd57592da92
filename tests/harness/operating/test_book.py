"""The address book: written while a cluster runs, held by one, read by all."""

from pathlib import Path

import pytest

from ringcheck.errors import UsageError
from ringcheck.operating.book import Place, keep_book, read_places

NODES = {"n1": "127.0.0.1:1", "n2": "127.0.0.1:2"}


def test_what_is_written_is_read_until_the_cluster_ends(tmp_path: Path) -> None:
    """The book names every node; at its cluster's end there is none."""
    path = tmp_path / "book.json"
    with keep_book(path) as book:
        with pytest.raises(UsageError, match="still starting"):
            read_places(path)
        book.write(NODES)
        assert read_places(path) == (Place("127.0.0.1:1", "n1"), Place("127.0.0.1:2", "n2"))
        book.write({"n1": "127.0.0.1:1"})
        assert read_places(path) == (Place("127.0.0.1:1", "n1"),)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match=r"There is no .*book.json.*--node"):
        read_places(path)


def test_the_end_of_a_cluster_that_failed_takes_the_book_along(tmp_path: Path) -> None:
    """Nothing is left to lead anybody astray."""

    def fail() -> None:
        with keep_book(tmp_path / "book.json") as book:
            book.write(NODES)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_one_book_is_one_clusters(tmp_path: Path) -> None:
    """A second cluster does not take the first one's book, and leaves it whole."""
    path = tmp_path / "book.json"
    with keep_book(path) as book:
        book.write(NODES)
        with pytest.raises(UsageError, match=r"another running cluster; choose another --file"), keep_book(path):
            pass
        assert len(read_places(path)) == 2


def test_a_book_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    """A killed cluster holds nothing."""
    path = tmp_path / "book.json"
    path.write_text('{"nodes": {"old": "127.0.0.1:9"}, "ringcheck_cluster": 1}')
    with keep_book(path) as book:
        book.write(NODES)
        assert len(read_places(path)) == 2


@pytest.mark.parametrize("text", ["my notes", "[1]", '{"nodes": {"n1": 5}}', '{"nodes": {}, "else": 1}'])
def test_other_files_are_neither_read_nor_overwritten(tmp_path: Path, text: str) -> None:
    """What is no address book stays as it is."""
    path = tmp_path / "notes"
    path.write_text(text)
    with pytest.raises(UsageError, match="is no address book"):
        read_places(path)
    with pytest.raises(UsageError, match="is no address book"), keep_book(path):
        pass
    assert path.read_text() == text


def test_another_versions_book_is_told(tmp_path: Path) -> None:
    """Its format is not guessed at."""
    path = tmp_path / "book.json"
    path.write_text('{"nodes": {}, "ringcheck_cluster": 2}')
    with pytest.raises(UsageError, match="another version"):
        read_places(path)


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    """So is one that cannot be written."""
    with pytest.raises(UsageError, match=r"cannot be written \(No such file"), keep_book(tmp_path / "no" / "book"):
        pass
