"""Charts as plain SVG that takes its colours from the pages' style sheet, each with its table behind it.

pygal draws; nothing of it runs in the browser, so the strict Content-Security-Policy holds, and light, dark and print
need no second drawing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from xml.etree import ElementTree

import pygal
from markupsafe import Markup
from pygal.style import Style

Value: TypeAlias = float | None
SVG = "http://www.w3.org/2000/svg"
TEXT_PIXELS = 13
"""Of the style sheet: the margins follow from it."""
WRITTEN_LABELS = 8
"""Of a line or an axis: more would run into each other."""
SCRIPTED = {"tooltip", "tooltip-overlay", "text-overlay"}
ElementTree.register_namespace("", SVG)
# pygal leaves a finder of modules behind, for maps that are not used here and of a kind that Python no longer knows:
# every later import would warn of it.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]


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
    defaults: dict[str, Any] = {"dots_size": 3}
    if len(labels) > WRITTEN_LABELS:
        every = math.ceil(len(labels) / WRITTEN_LABELS)
        defaults |= {"x_labels_major_every": every, "show_minor_x_labels": False, "truncate_label": -1}
    return _drawn(pygal.Line, title, labels, series, show, {**defaults, **options})


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
    drawn = _drawn(pygal.HorizontalBar, title, labels[::-1], turned, show, {"truncate_label": -1, **options})
    return Chart(title, drawn.svg, labels, series, show)


def trend_points(values: Sequence[Value], width: float = 100, height: float = 24, margin: float = 2) -> list[str]:
    """The `points` of svg polylines through the values, left to right; what is not known parts the line.

    A value without neighbours becomes a short dash; the highest touches the top, and equal ones lie in the middle.
    """
    known = [value for value in map(_known, values) if value is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    step = (width - 2 * margin) / max(len(values) - 1, 1)
    parts: list[list[str]] = [[]]
    for place, value in enumerate(map(_known, values)):
        if value is None:
            parts.append([])
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        parts[-1].append(f"{margin + place * step:.1f},{margin + (1 - share) * (height - 2 * margin):.1f}")
    return [" ".join(part if len(part) > 1 else _dash(part[0], margin)) for part in parts if part]


def _dash(point: str, margin: float) -> list[str]:
    across, down = point.split(",")
    return [f"{float(across) - margin / 2:.1f},{down}", f"{float(across) + margin / 2:.1f},{down}"]


def _drawn(
    kind: Any,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    show: Callable[[float | None], str],
    options: Mapping[str, Any],
) -> Chart:
    defaults: dict[str, Any] = {
        "width": 860,
        "height": 320,
        "show_legend": False,  # the page draws it, where it can wrap and be read aloud
        "margin": 8,
        "spacing": 8,
        "no_data_text": "–",
        "print_values": False,
        "max_scale": WRITTEN_LABELS,
    }
    style = Style(label_font_size=TEXT_PIXELS, major_label_font_size=TEXT_PIXELS)
    if "range" not in options and (ends := _ends(series)):
        # pygal leaves intervals out of its scale.
        defaults["range"] = ends
    drawing = kind(style=style, js=[], css=[], no_prefix=True, disable_xml_declaration=True, **{**defaults, **options})
    drawing.x_labels = list(labels)
    drawing.value_formatter = show
    for one in series:
        drawing.add(one.name, [_point(one, place) for place in range(len(one.values))])
    tree = drawing.render_tree()
    _strip(tree)
    tree.attrib.pop("id", None)
    tree.set("role", "img")
    tree.set("aria-label", title)
    return Chart(title, Markup(ElementTree.tostring(tree, encoding="unicode")), labels, series, show)  # noqa: S704


def _ends(series: Sequence[Series]) -> tuple[float, float] | None:
    """From zero, or the lowest end of an interval, to the highest; None without intervals."""
    numbers = [
        _known(number)
        for one in series
        if one.intervals is not None
        for number in (*one.values, *(end for ends in one.intervals for end in ends))
    ]
    known = [number for number in numbers if number is not None]
    return (min(0.0, *known), max(0.0, *known)) if known else None


def _strip(tree: ElementTree.Element) -> None:
    """Take out what works by scripts or by styles in the page."""
    for parent in list(tree.iter()):
        parent.attrib.pop("style", None)
        for child in list(parent):
            if str(child.tag).endswith("defs") or SCRIPTED & set(child.get("class", "").split()):
                parent.remove(child)


def _point(series: Series, place: int) -> Any:
    value = _known(series.values[place])
    if value is None or series.intervals is None:
        return value
    low, high = map(_known, series.intervals[place])
    return value if low is None or high is None else {"value": value, "ci": {"low": low, "high": high}}


def _known(value: Value) -> Value:
    return None if value is None or not math.isfinite(value) else float(value)
