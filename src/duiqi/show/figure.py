"""Curves and bars as inline SVG, drawn by Altair and vl-convert; both are optional and load only here.

An SVG has no size of its own but a `viewBox`, takes its fonts from the page, and its colours are the constants
below, which the page's style sheet maps to the colours of the light or dark theme.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from duiqi.show.sentences import Sentences, is_number

# Stand-ins that the style sheet replaces (Okabe-Ito blue and orange: told apart by the colour-blind).
NOW, BEFORE, INK, LINE = "#0072b2", "#e69f00", "#444444", "#dddddd"
WIDTH = 420
MOST_BARS = 25

_LABELS: dict[str, Any] = {
    "grid": True, "ticks": False, "domain": False, "labelPadding": 8, "labelLimit": 400,
    "labelExpr": "split(datum.label, '\\n')",
}  # fmt: skip
_CONFIG: dict[str, Any] = {
    "aria": False,
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"labelColor": INK, "titleColor": INK, "gridColor": LINE, "domainColor": LINE, "tickColor": LINE,
             "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8,
             "labelLimit": 150},
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "title": None, "orient": "top",
               "symbolSize": 90},
}  # fmt: skip


@cache
def available() -> bool:
    """Whether charts can be drawn here (the extra `report` is installed)."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError:
        return False
    return True


def curve(data: Mapping[str, Any], words: Sentences) -> Markup | None:
    """A curve as SVG: `series` of points [x, y] or [x, y, low, high, weight]; `diagonal` draws the line x = y."""
    rows = [point for series in data.get("series") or [] for point in _points(series)]
    if not rows:
        return None
    import altair as alt

    in_unit = all(0 <= value <= 1 for row in rows for value in (row["x"], row["y"]))
    form = "%" if in_unit else "~g"
    scale = alt.Scale(domain=[0, 1]) if in_unit else alt.Scale(zero=False)
    axis = alt.Axis(format=form, tickCount=5)
    x = alt.X("x:Q", title=_axis(data.get("x"), words), scale=scale, axis=axis)
    y = alt.Y("y:Q", title=_axis(data.get("y"), words), scale=scale, axis=axis)
    names = list(dict.fromkeys(row["series"] for row in rows))
    colour = _colour(alt, "series", names, words)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=colour)
    layers: list[Any] = []
    if data.get("diagonal"):
        ends = alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])
        layers.append(alt.Chart(ends).mark_line(color=INK, strokeDash=[4, 4], strokeWidth=1).encode(x="x:Q", y="y:Q"))
    if any("low" in row for row in rows):
        layers.append(base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"))
    layers.append(base.mark_line(strokeWidth=2).encode(y=y))
    size = alt.Size("weight:Q", legend=None, scale=alt.Scale(range=[20, 180])) if "weight" in rows[0] else alt.value(40)
    layers.append(base.mark_circle(opacity=1).encode(y=y, size=size))
    return _svg(alt.layer(*layers).properties(width=WIDTH - 60, height=round(WIDTH * 0.62)), data, words)


def bars(data: Mapping[str, Any], words: Sentences, *, labels: Sequence[str] | None = None) -> Markup | None:
    """Values with intervals as SVG, one line each, before and after side by side where both are known."""
    rows = [row for i, bar in enumerate(_shown(data)) for row in _bar(bar, labels[i] if labels else None)]
    if not rows:
        return None
    import altair as alt

    sides = list(dict.fromkeys(row["side"] for row in rows))
    in_unit = all(0 <= row["value"] <= 1 for row in rows)
    title = _measure_axis(data.get("x"), words)
    axis = alt.Axis(format="%" if in_unit else "~g", tickCount=5)
    x = alt.X("value:Q", title=title, axis=axis, scale=alt.Scale(zero=False, nice=True, padding=12))
    order = list(dict.fromkeys(row["label"] for row in rows))
    # room for the labels is counted in characters: the fonts of the reader are not the fonts here
    extent = 18 + round(7.4 * max(_width(line) for label in order for line in label.split("\n")))
    y = alt.Y("label:N", title=None, sort=order, axis=alt.Axis(**_LABELS, minExtent=extent, maxExtent=extent))
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    if len(sides) > 1:
        offset = alt.YOffset("side:N", sort=sides, scale=alt.Scale(paddingOuter=0.9))
        base = base.encode(yOffset=offset)
    base = base.encode(color=_colour(alt, "side", sides, words))
    spans = base.mark_rule(strokeWidth=3, opacity=0.45).encode(x=alt.X("low:Q", title=title, axis=axis), x2="high:Q")
    dots = base.mark_circle(size=80, opacity=1).encode(x=x)
    lines = max(label.count("\n") for label in order) + 1
    step = max(34 if len(sides) > 1 else 28, 16 * lines + 8)
    return _svg(alt.layer(spans, dots).properties(width=WIDTH - extent, height=max(60, step * len(order))), data, words)


def wrapped(label: str, *, width: int = 24, lines: int = 3) -> str:
    """A label broken into short lines; Chinese characters count twice, and what does not fit ends in "…"."""
    broken, line = [], ""
    for piece in re.findall(r"[^\s\u3000-\u9fff]+\s*|[\s\S]", label):
        for part in [piece[i : i + width] for i in range(0, len(piece), width)]:
            if _width(line + part.rstrip()) > width:
                broken.append(line.rstrip())
                line = ""
            line += part
    broken.append(line.rstrip())
    return "\n".join(broken) if len(broken) <= lines else "\n".join([*broken[: lines - 1], broken[lines - 1] + "…"])


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _shown(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [bar for bar in data.get("bars") or [] if is_number(bar.get("value"))][:MOST_BARS]


def _bar(bar: Mapping[str, Any], label: str | None) -> list[dict[str, Any]]:
    name = wrapped(label if label is not None else str(bar.get("label", "")))
    was = bar.get("before")
    sides = [("before", was), ("after", bar)] if isinstance(was, Mapping) else [("value", bar)]
    return [{"label": name, "side": side, **_ends(found)} for side, found in sides if is_number(found.get("value"))]


def _ends(found: Mapping[str, Any]) -> dict[str, Any]:
    value = found["value"]
    low, high = found.get("low"), found.get("high")
    return {"value": value, "low": low if is_number(low) else value, "high": high if is_number(high) else value}


def _points(series: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = ("x", "y", "low", "high", "weight")
    points = [dict(zip(names, point, strict=False)) for point in series.get("points") or []]
    whole = [point for point in points if all(map(is_number, point.values())) and len(point) >= 2]
    return [{**point, "series": str(series.get("name", ""))} for point in whole]


def _axis(code: object, words: Sentences) -> str | None:
    if not code:
        return None
    return words.title(words.name("axis", code) if words.knows("axis", code) else words.metric(str(code)))


def _measure_axis(code: object, words: Sentences) -> str | None:
    """The axis of bars is named after the measure."""
    known = code and words.knows("metric", code)
    return words.title(words.metric(str(code))) if known else _axis(code, words)


def _colour(alt: Any, field: str, names: Sequence[str], words: Sentences) -> Any:
    if len(names) < 2:
        return alt.value(NOW)
    palette = {"before": BEFORE, "after": NOW}
    spare = [NOW, BEFORE, "#009e73", "#cc79a7", "#56b4e9", "#d55e00"]
    colours = [palette.get(name, spare[i % len(spare)]) for i, name in enumerate(names)]
    kinds = {code: next((kind for kind in ("axis", "cell") if words.knows(kind, code)), None) for code in names}
    spoken = "".join(
        f"datum.value === '{code}' ? '{words.name(kind, code)}' : " for code, kind in kinds.items() if kind
    )
    legend = alt.Legend(labelExpr=f"{spoken}datum.label")
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(names), range=colours), legend=legend)


def _svg(chart: Any, data: Mapping[str, Any], words: Sentences) -> Markup:
    import vl_convert

    drawn = vl_convert.vegalite_to_svg({**chart.to_dict(), "config": _CONFIG})
    label = words.name("exhibit", data.get("title", ""))
    head = re.match(r"<svg[^>]*viewBox=\"(?P<box>[^\"]+)\"[^>]*>", drawn)
    if head is None:
        raise ValueError("vl-convert gave no SVG with a viewBox")
    width = head["box"].split()[2]
    inner = drawn[head.end() :]
    opening = Markup('<svg viewBox="{}" class="chart" data-width="{}" role="img" aria-label="{}">')
    return opening.format(head["box"], width, escape(label)) + Markup(inner)
