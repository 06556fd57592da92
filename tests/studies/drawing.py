"""A chart of curves over a logarithmic axis as SVG, readable on light and on dark ground, and written by hand.

A library for charts would be a dependency of everybody who tests ringcheck, for one picture of a hundred elements.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from xml.etree import ElementTree as Xml

WIDTH, HEIGHT = 800, 500
LEFT, RIGHT, TOP, BOTTOM = 72, 768, 64, 440
"""The edges of the plot."""

SANS = "font-family: system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
STYLE = f"""
  text {{ {SANS}; font-size: 13px; fill: #24292f; }}
  .title {{ font-size: 16px; font-weight: 600; }}
  .ground {{ fill: #ffffff; }}
  .grid {{ stroke: #d8dee4; stroke-width: 1; }}
  .axis, .sample {{ stroke: #57606a; fill: none; }}
  .curve {{ fill: none; stroke-width: 2; stroke-linejoin: round; }}
  .published {{ stroke-dasharray: 6 4; }}
  .measured {{ stroke-width: 2.4; }}
  .c0 {{ stroke: #c4314b; }} .c1 {{ stroke: #b26a00; }} .c2 {{ stroke: #0969da; }} .c3 {{ stroke: #1a7f37; }}
  .mark {{ stroke-width: 1.8; fill: #ffffff; }}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #e6edf3; }}
    .ground, .mark {{ fill: #0d1117; }}
    .grid {{ stroke: #2b323b; }}
    .axis, .sample {{ stroke: #9198a1; }}
    .c0 {{ stroke: #ff7b8a; }} .c1 {{ stroke: #e3a23a; }} .c2 {{ stroke: #58a6ff; }} .c3 {{ stroke: #4ac26b; }}
  }}
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One strategy: what was measured, and what was published if it was; points are (x, y)."""

    name: str
    measured: Sequence[tuple[float, float]]
    published: Sequence[tuple[float, float]] = ()
    marks: Sequence[tuple[float, float]] = ()
    """Single points beside the curves."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What the picture says; `xs` are the ticks, which the axis doubles from one to the next or so."""

    title: str
    summary: str
    x_label: str
    y_label: str
    xs: Sequence[int]
    y_from: float
    marks_label: str
    series: Sequence[Series]


def draw(chart: Chart) -> str:
    """The chart as one SVG document; the same chart is the same text."""
    box = f"0 0 {WIDTH} {HEIGHT}"
    root = Xml.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=box, width=str(WIDTH), height=str(HEIGHT), role="img"
    )
    Xml.SubElement(root, "title").text = chart.title
    Xml.SubElement(root, "desc").text = chart.summary
    Xml.SubElement(root, "style").text = STYLE
    Xml.SubElement(root, "rect", {"class": "ground", "width": str(WIDTH), "height": str(HEIGHT), "rx": "6"})
    _text(root, (LEFT + RIGHT) / 2, 32, chart.title, style="title")
    _axes(root, chart)
    for number, series in enumerate(chart.series):
        for style, points in (("published", series.published), ("measured", series.measured)):
            if points:
                places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(chart, *point) for point in points))
                Xml.SubElement(root, "polyline", {"class": f"curve {style} c{number}", "points": places})
        for point in series.marks:
            _mark(root, *place(chart, *point), number)
    _legend(root, chart)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode") + "\n"


def place(chart: Chart, x: float, y: float) -> tuple[float, float]:
    """Where a point lies in the picture; y counts from above."""
    low, high = math.log(chart.xs[0]), math.log(chart.xs[-1])
    across = (math.log(x) - low) / (high - low)
    up = (y - chart.y_from) / (1 - chart.y_from)
    return LEFT + across * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP)


def _axes(root: Xml.Element, chart: Chart) -> None:
    for tenth in range(round(chart.y_from * 10), 11):
        _, y = place(chart, chart.xs[0], tenth / 10)
        _line(root, (LEFT, y), (RIGHT, y), "grid")
        _text(root, LEFT - 10, y + 4.5, f"{tenth / 10:.1f}", anchor="end")
    for tick in chart.xs:
        x, _ = place(chart, tick, 1)
        _line(root, (x, BOTTOM), (x, BOTTOM + 5), "axis")
        _text(root, x, BOTTOM + 21, str(tick))
    _line(root, (LEFT, BOTTOM), (RIGHT, BOTTOM), "axis")
    _text(root, (LEFT + RIGHT) / 2, BOTTOM + 46, chart.x_label)
    middle = (TOP + BOTTOM) / 2
    _text(root, 22, middle, chart.y_label).set("transform", f"rotate(-90 22 {middle:g})")


def _legend(root: Xml.Element, chart: Chart) -> None:
    """Below the curves at the right, where no curve comes: colours first, then what the strokes mean."""
    marked = [number for number, series in enumerate(chart.series) if series.marks]
    top = BOTTOM - 22 * (len(chart.series) + 2 + bool(marked))
    rows, left = count(top, 22), RIGHT - 306
    ground = {"x": f"{left - 8}", "y": f"{top - 16}", "width": f"{RIGHT - left + 8}", "height": f"{BOTTOM - top + 8}"}
    Xml.SubElement(root, "rect", {"class": "ground", **ground})  # the grid ends where words begin
    for number, series in enumerate(chart.series):
        y = next(rows)
        _line(root, (left, y), (left + 34, y), f"curve measured c{number}")
        _text(root, left + 44, y + 4.5, series.name, anchor="start")
    for style, words in (("published", "as published"), ("measured", "as measured")):
        y = next(rows)
        _line(root, (left, y), (left + 34, y), f"curve sample {style}")
        _text(root, left + 44, y + 4.5, words, anchor="start")
    if marked:
        y = next(rows)
        _mark(root, left + 17, y, marked[0])
        _text(root, left + 44, y + 4.5, chart.marks_label, anchor="start")


def _line(root: Xml.Element, start: tuple[float, float], end: tuple[float, float], style: str) -> None:
    (x1, y1), (x2, y2) = start, end
    places = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    Xml.SubElement(root, "line", {"class": style, **places})


def _mark(root: Xml.Element, x: float, y: float, colour: int) -> None:
    Xml.SubElement(root, "circle", {"class": f"mark c{colour}", "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "4"})


def _text(
    root: Xml.Element, x: float, y: float, words: str, *, anchor: str = "middle", style: str = "label"
) -> Xml.Element:
    said = Xml.SubElement(root, "text", {"class": style, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})
    said.text = words
    return said
