"""The report as one HTML file: inline SVG, no script, no network, every value escaped.

A strict content security policy allows nothing but the page's own style sheet, by its hash. Charts need the extra
`report`; without it the same numbers stand in tables.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from duiqi.show import figure
from duiqi.show.explanations import levels
from duiqi.show.outline import Json, Outline, Problem
from duiqi.show.sentences import Named, Sentences, is_number, is_share, plain

LANG_TAGS = {"en": "en", "zh": "zh-Hans"}
PROBLEMS_SHOWN = 25
EXPLAINED_SHOWN = 100
ROWS_SHOWN = 12
ROWS_KEPT = 150
TEXT = 60  # characters from which on a cell holds a text
READABLE_CLASSES = 12
PAIRS_SHOWN = 12
# What people ask first stands first; anything else follows in the order it was reported.
ORDER = (
    "word_importance",
    "faithfulness",
    "sources",
    "changes",
    "labels_by_part",
    "columns",
    "to_label",
    "rules",
    "machine_labels",
    "more_labels",
    "more_of_class",
    "before_after",
    "floors",
    "reliability",
    "risk_coverage",
    "by_group",
    "fairness_gaps",
    "error_by_attribute",
    "error_by_group",
    "per_class",
    "confusion",
    "slices",
    "clusters",
    "fragility",
    "strengths",
    "attacks",
    "class_balance",
)
# Exhibits whose labels are codes of ours, and columns whose text is; any other text is the user's own.
CODED = ("floors", "fragility", "before_after", "stereotypes", "answer_places")
CODED_COLUMNS = (
    "plant",
    "kind",
    "claim",
    "category",
    "edit",
    "attack",
    "status",
    "found",
    "found_in",
    "planted",
    "repaired",
    "remedy",
    "verdict",
    "model",
    "done",
    "gain",
    "threshold",
    "against",
    "property",
    "dimension",
    "kind_of_context",
    "assumption",
    "held",
    "held_by",
    "cost_of",
    "severity",
)
SHARE_COLUMNS = ("share", "rate", "train", "dev", "test", "error", "rest", "expected_by_chance",
                 "coverage", "conflicts", "now", "threshold", "share_known", "share_examined",
                 "probability_new", "changed_words", "allowed")  # fmt: skip
RULE_COLUMNS = ("slice", "where", "rule")


@dataclass(frozen=True)
class Cell:
    """One cell: its text, its interval, whether it is a number, and how strongly it is shaded (0 to 5)."""

    text: str
    interval: str = ""
    number: bool = False
    shade: int = 0
    right: bool = False
    title: bool = False


@dataclass(frozen=True)
class Table:
    """A table to show: the first rows, those behind a fold, and how many are left out."""

    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: tuple[tuple[Cell, ...], ...] = ()
    left_out: int = 0
    corner: str = ""

    @property
    def lines(self) -> int:
        """How many lines the table has with the folded ones."""
        return len(self.rows) + len(self.folded)


@dataclass(frozen=True)
class Panel:
    """One exhibit as it is shown: chart, tables, tokens, or a note. `of_rows`: it lists rows of the data, the first of
    `total`; `more` is the key of the sentence that says where the others are."""

    title: str
    caption: str
    of_rows: bool = False
    charts: tuple[Markup, ...] = ()
    tables: tuple[Table, ...] = ()
    note: str = ""
    tokens: tuple[tuple[str, str], ...] = ()
    total: int = 0
    more: str = "finding.more"

    @property
    def wide(self) -> bool:
        """Whether it needs the whole width of the page."""
        return any(
            len(table.columns) > 6
            or (len(table.columns) > 4 and sum(not column.number for column in table.columns) > 2)
            or (len(table.columns) > 3 and any(len(cell.text) > TEXT for row in table.rows for cell in row))
            for table in self.tables
        )


@dataclass(frozen=True)
class Strip:
    """One line of a small picture: a value with its interval on a common scale, in picture units of 0 to 200."""

    side: str
    label: str
    text: str
    low: float
    value: float
    high: float


def render(report: Mapping[str, Any], *, lang: str) -> str:
    """The report as one HTML page in the language "en" or "zh"."""
    outline = Outline(report, lang=lang)
    style = files("duiqi.show").joinpath("templates", "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    all_panels = panels(outline)
    planted = [panel for key, panel in all_panels if key == "planted"]
    return _template().render(
        o=outline,
        say=outline.words.say,
        word=outline.words,
        lang=LANG_TAGS[lang],
        style=Markup(style),
        digest=digest,
        explanations=outline.explanations[:EXPLAINED_SHOWN],
        explanations_left=max(0, len(outline.explanations) - EXPLAINED_SHOWN),
        problems=outline.problems[:PROBLEMS_SHOWN],
        problems_left=max(0, len(outline.problems) - PROBLEMS_SHOWN),
        strips=lambda problem: strips(problem, outline.words),
        planted=planted[0] if planted else None,
        panels=[panel for key, panel in all_panels if key != "planted" and not panel.wide],
        wide=[panel for key, panel in all_panels if key != "planted" and panel.wide],
        chart=_changes(outline),
        measures=_measures(outline),
        version=outline.table("versions").get("duiqi", ""),
        seconds=outline.words.duration(report.get("seconds")),
        seed=outline.words.plain_value(report.get("seed")),
        no_charts=not figure.available()
        and any(each.get("form") in ("curve", "bars") for each in outline.listed("exhibits")),
    )


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("duiqi.show", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html.jinja")


def strips(problem: Problem, words: Sentences) -> tuple[Strip, ...]:
    """A small picture of a finding: the slice beside all rows, with intervals, on one scale."""
    beside = [each for each in problem.beside if is_number(each[2].get("value"))]
    if len(beside) < 2:
        return ()
    spans = [_ends(each) for _, _, each in beside]
    least, most = min(low for low, _, _ in spans), max(high for _, _, high in spans)
    pad = 0.15 * (most - least) or 0.05
    start, end = least - pad, most + pad
    if is_share(beside[0][1]) and least >= 0:
        # dots, not bars: where all values are high the scale may start above zero
        start, end = (0.0 if least < most / 2 else max(0.0, start)), min(1.0, end)

    def at(value: float) -> float:
        return round(6 + 188 * (value - start) / (end - start), 1)

    return tuple(
        Strip(side, words.say(f"finding.{side}"), words.value(metric, measure), *(at(each) for each in span))
        for (side, metric, measure), span in zip(beside, spans, strict=True)
    )


def _changes(outline: Outline) -> Markup | None:
    """Before and after of all gates on shares that compare two models, as bars."""
    shares = [each for each in outline.checks if each.compares and is_share(each.metric)]
    # one scale, one direction: differences and errors would not stand well beside shares of right answers
    compared = [each for each in shares if not Named.of(each.metric).form and outline.better(each.metric) == "higher"]
    if len(compared) < 2 or not figure.available():
        return None
    words = outline.words
    labels = [words.title(each.name) if each.slice == words.say("slice.all") else each.slice for each in compared]
    found = [{**each.gate["after"], "label": each.slice, "before": each.gate["before"]} for each in compared]
    return figure.bars({"title": "before_after", "bars": found}, words, labels=labels)


def _ends(measure: Json) -> tuple[float, float, float]:
    """(low, value, high) of a measure; where it has no interval, the value thrice."""
    value, low, high = (measure.get(key) for key in ("value", "low", "high"))
    return (low if is_number(low) else value), value, (high if is_number(high) else value)  # type: ignore[return-value]


# ---- exhibits


def panels(outline: Outline, *, of_rows: bool = False) -> list[tuple[str, Panel]]:
    """All exhibits as (title code, panel), or those that list rows or are `brief`; those of one title share a panel."""
    together: dict[str, list[Json]] = {}
    for exhibit in outline.listed("exhibits"):
        data = exhibit.get("data") if isinstance(exhibit.get("data"), Mapping) else {}
        if of_rows and not ((data or {}).get("rows_of_data") or (data or {}).get("brief")):
            continue
        key = str((data or {}).get("title") or exhibit.get("form") or "exhibit")
        together.setdefault(key, []).append(exhibit)
    keys = sorted(together, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
    made = [(key, _panel(key, together[key], outline)) for key in keys]
    return [(key, panel) for key, panel in made if panel.charts or panel.tables or panel.tokens or panel.note]


def _panel(key: str, exhibits: Sequence[Json], outline: Outline) -> Panel:
    words = outline.words
    charts: list[Markup] = []
    tables: list[Table] = []
    notes: list[str] = []
    tokens: tuple[tuple[str, str], ...] = ()
    has_bars = any(each.get("form") == "bars" for each in exhibits)
    has_table = any(each.get("form") == "table" for each in exhibits)
    for exhibit in exhibits:
        data, form = exhibit.get("data") or {}, exhibit.get("form")
        if form in ("curve", "bars"):
            chart = _chart(str(form), data, outline)
            charts += [chart] if chart else []
            tables += [] if chart or has_table else _numbers(str(form), data, outline)
        elif form == "matrix":
            table, note = _matrix(data, words)
            tables += [table] if table else []
            notes += [note] if note else []
        elif form == "table":
            tables += _table(data, outline)
            charts += _group_bars(data, outline) if key == "by_group" and not has_bars else []
        elif form == "tokens":
            tokens = _tokens(data)
    remarks, what = _remarks(exhibits, words), words.texts.get(f"exhibit.{key}.what", "")
    notes += [] if charts or tables or tokens else remarks
    return Panel(
        title=words.title(words.name("exhibit", key)),
        caption="" if notes else words.say("list.sentences").join([what] * bool(what) + remarks),
        of_rows=any((each.get("data") or {}).get("rows_of_data") for each in exhibits),
        charts=tuple(charts),
        tables=tuple(tables),
        note=" ".join(notes),
        tokens=tokens,
        total=max(int((each.get("data") or {}).get("total") or 0) for each in exhibits),
        more=f"exhibit.{key}.more" if f"exhibit.{key}.more" in words.texts else "finding.more",
    )


def _remarks(exhibits: Sequence[Json], words: Sentences) -> list[str]:
    """What must be known of these exhibits in particular, such as what was left out of them."""
    remarks = [each for exhibit in exhibits for each in (exhibit.get("data") or {}).get("remarks") or []]
    return [_told("remark", each["code"], each, words) for each in remarks]


def _group_bars(data: Json, outline: Outline) -> list[Markup]:
    """The first measure of a table by group as bars."""
    columns = list(data.get("columns") or [])
    rows = [row for row in data.get("rows") or [] if len(row) > 1 and isinstance(row[1], Mapping)]
    if len(columns) < 2 or len(rows) < 2 or not figure.available():
        return []
    found = [{**row[1], "label": str(row[0])} for row in rows]
    chart = figure.bars({"title": "by_group", "x": columns[1], "bars": found}, outline.words)
    return [chart] if chart else []


def _chart(form: str, data: Json, outline: Outline) -> Markup | None:
    if not figure.available():
        return None
    if form == "curve":
        return figure.curve(data, outline.words)
    return figure.bars(data, outline.words, labels=[_label(data, bar, outline) for bar in data.get("bars") or []])


def _label(data: Json, bar: Json, outline: Outline) -> str:
    label, coded = str(bar.get("label", "")), data.get("title") in CODED
    if coded and outline.words.knows("cell", label):
        return outline.words.name("cell", label)
    return outline.slice(label) if coded else label


def _numbers(form: str, data: Json, outline: Outline) -> list[Table]:
    """A chart as a table, for where no chart can be drawn."""
    words = outline.words
    if form == "bars":
        metric = str(data.get("x") or "")
        found = [bar for bar in data.get("bars") or [] if isinstance(bar, Mapping)]
        both = any(bar.get("before") for bar in found)
        names = (
            ["", words.say("axis.before"), words.say("axis.after")] if both else ["", words.title(words.metric(metric))]
        )
        sides = [[bar.get("before"), bar] if both else [bar] for bar in found]
        named = [Cell(_label(data, bar, outline), title=True) for bar in found]
        rows = [
            (name, *(_measured(metric, each, words) for each in side)) for name, side in zip(named, sides, strict=True)
        ]
    else:
        codes = (str(data.get("x") or "value"), str(data.get("y") or "value"))
        names = [words.title(words.name("axis", code)) for code in codes]
        points = [p for series in data.get("series") or [] for p in series.get("points") or [] if len(p) >= 2]
        ends = [dict(zip(("value", "low", "high"), point[1:4], strict=False)) for point in points]
        rows = [(_measured(codes[0], {"value": p[0]}, words), _measured(codes[1], y, words))
                for p, y in zip(points, ends, strict=True)]  # fmt: skip
    return [_folded(tuple(Cell(name, number=i > 0) for i, name in enumerate(names)), rows)] if rows else []


def _measured(metric: str, measure: Json | None, words: Sentences) -> Cell:
    if not measure or not is_number(measure.get("value")):
        return Cell("–", number=True)
    scale = 100 if is_share(metric) else 1
    mark = "*" if measure.get("shrunk") else ""
    return Cell(
        words.value(metric, measure, low=False) + mark, words.interval(measure, scale).strip(" ()（）"), number=True
    )


def _table(data: Json, outline: Outline) -> list[Table]:
    words, names = outline.words, [str(each) for each in data.get("columns") or []]
    given = [row for row in data.get("rows") or [] if isinstance(row, Sequence) and not isinstance(row, str)]
    rows = [tuple(_cell(value, name, i == 0, outline) for i, (value, name) in enumerate(zip(row, names, strict=False)))
            for row in given]  # fmt: skip
    if not rows:
        return []
    numeric = [any(row[i].number for row in rows if i < len(row)) for i in range(len(names))]
    columns = tuple(Cell(_column(name, words), number=number) for name, number in zip(names, numeric, strict=True))
    if data.get("by") and names[0] == "group":
        columns = (Cell(str(data["by"])), *columns[1:])
    return [_folded(columns, rows)]


def _column(name: str, words: Sentences) -> str:
    if words.knows("column", name):
        return words.title(words.name("column", name))
    return words.title(words.metric(name)) if words.knows("metric", name) else name.replace("_", " ")


def _detail(code: str, more: str, outline: Outline) -> str:
    """What stands behind a reason: a category of harm, a kind of identifier, what a row was balanced by, in words;
    anything else as it is."""
    named = code in ("balance", "harmful", "private") and outline.words.knows("cell", more)
    return outline.words.name("cell", more) if named else more


def _cell(value: Any, column: str, first: bool, outline: Outline) -> Cell:
    words = outline.words
    if isinstance(value, Mapping) and "said" in value:
        return Cell(_said(value, words), title=first)
    if isinstance(value, Mapping):
        shown = _measured(str(value.get("metric", column)), value, words)
        before = value.get("before")
        if isinstance(before, Mapping) and is_number(before.get("value")):
            was = words.value(column, before, low=False)
            return Cell(f"{was} → {shown.text}", shown.interval, number=True, title=first)
        return shown
    if is_number(value):
        counted = column in ("support", "rows", "n", "count") or not isinstance(value, float)
        known = words.knows("metric", column) or column in SHARE_COLUMNS
        in_share = known and not counted and is_share(column)
        return Cell(words.share(value) if in_share else words.plain_number(value), number=True, title=first)
    if isinstance(value, str) and column in RULE_COLUMNS:
        return Cell(outline.slice(value), title=first)
    if isinstance(value, str) and column == "measure" and words.knows("metric", value):
        return Cell(words.title(words.metric(value)), title=first)
    if isinstance(value, str) and column == "found_as":
        return Cell(outline.finding_code(value), title=first)
    if isinstance(value, str) and column == "reason":
        named = [part.partition(":") for part in value.split("+")]
        said = [f"{words.name('cell', code)} {_detail(code, more, outline)}".strip() for code, _, more in named]
        return Cell(words.say("list.comma").join(said), title=first)
    if isinstance(value, str) and column in CODED_COLUMNS:
        found = [table for table in ("cell", "kind", "remedy", "verdict", "status") if words.knows(table, value)]
        return Cell(words.name(found[0], value) if found else value, title=first)
    return Cell(words.plain_value(value), title=first)


def _said(value: Json, words: Sentences) -> str:
    """A cell that is a short sentence: `said` is its key, and what stands in it is given beside."""
    number = words.value(str(value.get("metric", "")), value) if "value" in value else None
    return _told("said", value["said"], {**value, "value": number}, words)


def _told(table: str, code: str, facts: Json, words: Sentences) -> str:
    """The sentence of a code with its facts; a code without one, of a part of somebody else's, as plain words."""
    return words.say_first([f"{table}.{code}"], **facts) or plain(code)


def _folded(columns: tuple[Cell, ...], rows: Iterable[tuple[Cell, ...]]) -> Table:
    listed = tuple(rows)
    first = listed if len(listed) <= ROWS_SHOWN + 3 else listed[:ROWS_SHOWN]
    folded = listed[len(first) : ROWS_KEPT]
    return Table(columns, first, folded, len(listed) - len(first) - len(folded))


def _matrix(data: Json, words: Sentences) -> tuple[Table | None, str]:
    truths, answers = ([str(each) for each in data.get(key) or []] for key in ("rows", "columns"))
    values = data.get("values") or []
    if not truths or not values:
        return None, ""
    if max(len(truths), len(answers)) > READABLE_CLASSES:
        return _pairs(truths, answers, values, words)
    rows = []
    for truth, row in zip(truths, values, strict=False):
        total = sum(each for each in row if is_number(each)) or 1
        shades = [_shade(n / total if is_number(n) else 0) for n in row]
        cells = [Cell(words.plain_number(n), number=True, right=truth == answer, shade=shade)
                 for answer, n, shade in zip(answers, row, shades, strict=False)]  # fmt: skip
        rows.append((Cell(truth, title=True), *cells))
    corner = f"{words.say('confused.truth')} ↓  {words.say('confused.answer')} →"
    return Table((Cell(corner), *(Cell(each, number=True) for each in answers)), tuple(rows)), ""


def _shade(share: float) -> int:
    return sum(share > bound for bound in (0.0, 0.05, 0.15, 0.4, 0.7))


def _pairs(
    truths: Sequence[str], answers: Sequence[str], values: Sequence[Sequence[float]], words: Sentences
) -> tuple[Table | None, str]:
    """The most confused pairs of a matrix that is too large to read, and the sentence that says so."""
    pairs = []
    for truth, row in zip(truths, values, strict=False):
        total = sum(each for each in row if is_number(each)) or 1
        pairs += [(n, truth, answer, n / total) for answer, n in zip(answers, row, strict=False)
                  if is_number(n) and n > 0 and truth != answer]  # fmt: skip
    worst = sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))[:PAIRS_SHOWN]
    if not worst:
        return None, words.say("confused.none")
    columns = tuple(Cell(words.title(words.say(f"confused.{key}")), number=key in ("count", "share"))
                    for key in ("truth", "answer", "count", "share"))  # fmt: skip
    rows = tuple((Cell(truth, title=True), Cell(answer), Cell(words.plain_number(n), number=True),
                  Cell(words.share(share), number=True)) for n, truth, answer, share in worst)  # fmt: skip
    return Table(columns, rows), words.say("confused.note", classes=len(truths), n=len(rows))


def _tokens(data: Json) -> tuple[tuple[str, str], ...]:
    """Tokens with a class by weight: p1 to p3 speak for, n1 to n3 against."""
    names = levels(data.get("weights") or [])
    return tuple((str(token), name) for token, name in zip(data.get("tokens") or [], names, strict=False))


def _measures(outline: Outline) -> Table | None:
    words = outline.words
    rows = [
        (Cell(words.metric(str(m.get("name"))), title=True), Cell(outline.slice(m.get("slice"))),
         _measured(str(m.get("name")), m, words), Cell(words.plain_number(m.get("rows")), number=True))
        for m in outline.listed("measures")
    ]  # fmt: skip
    names = (("measure", False), ("slice", False), ("value", True), ("rows", True))
    return _folded(tuple(Cell(words.say(f"measures.{name}"), number=n) for name, n in names), rows) if rows else None
