"""The study as a command: small, it fits the published figure, is the same again, and renews its page and picture."""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from .drawing import BOTTOM, LEFT, RIGHT, TOP, Chart, Series, draw, place
from .figure8 import FITTING_Q, PUBLISHED, SIZES, STRATEGIES, by_partitions, draws_at, measure, ring_draws_at
from .pages import renew, table
from .placement import main

PAGE = Path(__file__).parents[2] / "docs" / "placement.md"
SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("curves", "readings", "powers", "weights", "moves", "crowded")
SMALL = ["--draws", "4", "--changes", "3", "--largest", "240"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("x", [240, 1920])
def test_the_reading_fits_what_was_published(strategy: str, x: int) -> None:
    """What is measured is what can be read off the figure, but for the noise of few draws."""
    measured = measure(STRATEGIES[strategy], x, 40, "fit")
    assert measured == pytest.approx(PUBLISHED[strategy][SIZES.index(x)], abs=0.025)


def test_strategy_2_falls_when_partitions_are_few() -> None:
    """The fall at the right of the figure comes with a Q below the number of tokens."""
    fixed, ample = (measure(partial(by_partitions, q=q), 15360, 10, "fall") for q in (FITTING_Q, 2**20))
    assert fixed < 0.89 < 0.92 < ample


def test_the_study_is_the_same_again(tmp_path: Path) -> None:
    """One seed is one study: tables, page and picture to the letter; what stands around the tables stays."""
    said = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "placement.md").write_text("".join(f"{name}:\n<!-- {name} -->\n<!-- end -->\n" for name in NAMES))
        result = CliRunner().invoke(main, [*SMALL, "--seed", "7", "--out", str(folder)], catch_exceptions=False)
        assert result.exit_code == 0
        assert "seed 7" in result.output
        said.append(((folder / "placement.md").read_text(), (folder / "placement.svg").read_text()))
    assert said[0] == said[1]
    page, _ = said[0]
    assert page.startswith("curves:\n<!-- curves -->\n\n| x ")
    assert page.count("|---") > len(NAMES)


def test_nothing_to_draw_is_a_mistake() -> None:
    """A mean of nothing is no number."""
    result = CliRunner().invoke(main, ["--draws", "0"])
    assert result.exit_code == 2
    assert "Draws and changes are at least 1" in result.output


def test_the_page_has_a_place_for_every_table() -> None:
    """Renewing the page of the documentation with what it has changes nothing."""
    page = PAGE.read_text(encoding="utf-8")
    texts = {name: page.split(f"<!-- {name} -->\n\n")[1].split("\n<!-- end -->")[0] for name in NAMES}
    assert renew(page, texts) == page
    with pytest.raises(ValueError, match="0 places for the table other"):
        renew(page, {"other": ""})


@given(st.lists(st.lists(st.text("ab|é", max_size=5), min_size=2, max_size=2), max_size=4))
def test_tables_are_aligned(rows: list[list[str]]) -> None:
    """All lines are equally long, so that a terminal shows columns too."""
    assert len({len(line) for line in table(["one", "two"], rows).splitlines()}) == 1


@given(st.sampled_from(SIZES), st.integers(1, 1000))
def test_something_is_drawn_at_every_size(x: int, most: int) -> None:
    """At least once, and never more often than was asked for."""
    assert 1 <= draws_at(x, most) <= most
    assert 1 <= ring_draws_at(x, most) <= most


points = st.lists(st.tuples(st.floats(60, 960), st.floats(0.5, 1)), min_size=1, max_size=5)


@given(points, points)
def test_the_picture_holds_every_point(measured: list[tuple[float, float]], marks: list[tuple[float, float]]) -> None:
    """Curves and marks lie within the axes, one group for each series; the legend names it."""
    chart = Chart(
        title="a < b & c",
        summary="nothing",
        x_label="x",
        y_label="y",
        xs=(60, 240, 960),
        y_from=0.5,
        marks_label="marked",
        series=[Series("first", measured, marks=marks), Series("second", measured, published=measured)],
    )
    root = Xml.fromstring(draw(chart))
    lines = root.findall(f"{SVG}polyline")
    assert [line.get("class") for line in lines] == ["curve measured c0", "curve published c1", "curve measured c1"]
    assert len(root.findall(f"{SVG}circle")) == len(marks) + 1
    words = {text.text for text in root.iter(f"{SVG}text")}
    assert {"a < b & c", "x", "y", "60", "960", "0.5", "1.0", "first", "second", "as published", "marked"} <= words
    for x, y in (place(chart, *point) for point in [*measured, *marks]):
        assert LEFT - 1e-6 <= x <= RIGHT + 1e-6
        assert TOP - 1e-6 <= y <= BOTTOM + 1e-6
