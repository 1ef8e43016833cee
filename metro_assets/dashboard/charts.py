"""Charts as plain SVG that takes its colours from the pages' style sheet, each with its table behind it.

pygal draws; nothing of it runs in the browser, so the strict Content-Security-Policy holds, and light, dark and print
need no second drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from xml.etree import ElementTree

import pygal
from markupsafe import Markup

Value: TypeAlias = float | None
SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)


@dataclass(frozen=True)
class Series:
    """One line or row of bars; `intervals` are lower and upper ends where they are known."""

    name: str
    values: Sequence[Value]
    intervals: Sequence[tuple[Value, Value]] | None = None


@dataclass(frozen=True)
class Chart:
    """A drawing and what it shows in numbers: the template `chart.html` puts the table behind it."""

    title: str
    svg: Markup
    labels: Sequence[str]
    series: Sequence[Series]
    show: Callable[[float | None], str]
    """A value as the table writes it."""


def line_chart(
    title: str, labels: Sequence[str], series: Sequence[Series], show: Callable[[float | None], str], **options: Any
) -> Chart:
    """Lines over dates or other ordered labels, with their intervals."""
    return _drawn(pygal.Line, title, labels, series, show, {"show_only_major_dots": False, "dots_size": 3, **options})


def bar_chart(
    title: str, labels: Sequence[str], series: Sequence[Series], show: Callable[[float | None], str], **options: Any
) -> Chart:
    """Bars side by side."""
    return _drawn(pygal.Bar, title, labels, series, show, options)


def row_chart(
    title: str, labels: Sequence[str], series: Sequence[Series], show: Callable[[float | None], str], **options: Any
) -> Chart:
    """Bars that lie, for long labels; the first label is on top."""
    # pygal puts the first label at the bottom.
    turned = [
        Series(one.name, one.values[::-1], one.intervals[::-1] if one.intervals is not None else None) for one in series
    ]
    drawn = _drawn(pygal.HorizontalBar, title, labels[::-1], turned, show, options)
    return Chart(title, drawn.svg, labels, series, show)


def _drawn(
    kind: Any,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    show: Callable[[float | None], str],
    options: Mapping[str, Any],
) -> Chart:
    defaults = {
        "width": 860,
        "height": 320,
        "show_legend": len(series) > 1,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 4,
        "margin": 8,
        "spacing": 8,
        "no_data_text": "–",
        "print_values": False,
    }
    drawing = kind(js=[], css=[], no_prefix=True, disable_xml_declaration=True, **{**defaults, **options})
    drawing.x_labels = list(labels)
    drawing.value_formatter = show
    for one in series:
        drawing.add(one.name, [_point(one, place) for place in range(len(one.values))])
    tree = drawing.render_tree()
    for definitions in tree.findall(f"{{{SVG}}}defs") + tree.findall("defs"):
        tree.remove(definitions)
    tree.attrib.pop("id", None)
    tree.set("role", "img")
    tree.set("aria-label", title)
    return Chart(title, Markup(ElementTree.tostring(tree, encoding="unicode")), labels, series, show)  # noqa: S704


def _point(series: Series, place: int) -> Any:
    value = _known(series.values[place])
    if value is None or series.intervals is None:
        return value
    low, high = map(_known, series.intervals[place])
    return value if low is None or high is None else {"value": value, "ci": {"low": low, "high": high}}


def _known(value: Value) -> Value:
    return None if value is None or not math.isfinite(value) else float(value)
