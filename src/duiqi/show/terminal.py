"""The report in a terminal: verdict first, then what is wrong by harm, before and after, and what to type next.

Readable without colour (every state is a word or a sign) and at 80 columns; Chinese characters count as two cells.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from duiqi.show.explanations import Told
from duiqi.show.html import Panel, panels
from duiqi.show.outline import Outline, Problem
from duiqi.show.sentences import Sentences

PROBLEMS_SHOWN = 8
CHECKS_SHOWN = 12
ROWS_SHOWN = 5
CELL = 24  # cells wide; columns with more in them give way
CROWDED, LEAST, MOST = 5, 17, 16  # columns from which on those that give way keep LEAST cells, and the others have MOST
EXPLAINED_SHOWN = 5
LEVELS = {"p": "bold blue", "n": "red"}
STYLES = {"pass": "green", "fail": "bold red", "unclear": "yellow", "better": "green", "worse": "red",
          "repaired": "green", "remaining": "red", "improved": "yellow",
          "kept": "green", "dropped": "dim", "skipped": "dim"}  # fmt: skip


def render(report: Mapping[str, Any], *, lang: str) -> RenderableType:
    """The report as one rich renderable in the language "en" or "zh"."""
    outline = Outline(report, lang=lang)
    parts = [
        _verdict(outline),
        _explanations(outline),
        _problems(outline),
        _trials(outline),
        _changes(outline),
        _remarks(outline),
        _planted(outline),
        _rows(outline),
        _tables(outline),
        _next(outline),
    ]
    return Group(*(piece for part in parts for piece in part))


def print_report(report: Mapping[str, Any], *, lang: str, console: Console | None = None) -> None:
    """Print the report to a console (default: standard output)."""
    console = console or Console()
    # uncropped: a command is copied, so a word of it that is wider than the screen stays whole
    console.print(render(report, lang=lang), highlight=False, markup=False, emoji=False, crop=False)


def _heading(text: str) -> Iterable[RenderableType]:
    yield Text()
    yield Text(text, style="bold")


def _indented(text: str, *, style: str = "", by: int = 2) -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, by), expand=False)


def typed(command: str, *, width: int = 70) -> str:
    """A command over as many lines as it needs, which a shell puts together again."""
    pieces = list[str]()  # an option stays with its value
    for word in map(shlex.quote, shlex.split(command)):
        alone = not pieces or not pieces[-1].startswith("--") or " " in pieces[-1] or word.startswith("--")
        pieces = [*pieces, word] if alone else [*pieces[:-1], f"{pieces[-1]} {word}"]
    lines = pieces[:1]
    for piece in pieces[1:]:
        if cell_len(lines[-1]) + cell_len(piece) < width:
            lines[-1] += f" {piece}"
        else:
            lines.append(f"  {piece}")
    return " \\\n".join(lines)


def _verdict(outline: Outline) -> Iterable[RenderableType]:
    style = STYLES[outline.verdict]
    yield Text.assemble((f"{outline.mark} {outline.verdict_name}", style), "  ", (outline.subject, "dim"))
    yield Text()
    for sentence in outline.headline:
        yield Text(sentence, style="bold" if sentence is outline.headline[0] else "")
    if outline.standing:
        yield Text(outline.standing)


def _problems(outline: Outline) -> Iterable[RenderableType]:
    say, problems = outline.words.say, outline.problems
    if not problems:
        return
    yield from _heading(say("section.findings_align" if outline.verb in ("align", "repair") else "section.findings"))
    for number, problem in enumerate(problems[:PROBLEMS_SHOWN], 1):
        yield _problem(number, problem, outline)
    if len(problems) > PROBLEMS_SHOWN:
        yield _indented(say("finding.more", n=len(problems) - PROBLEMS_SHOWN), style="dim")


def _explanations(outline: Outline) -> Iterable[RenderableType]:
    """Why answers were given: the sentence, the text, the words that weigh most, and how far to trust them."""
    shown = outline.explanations[:EXPLAINED_SHOWN]
    if not shown:
        return
    say = outline.words.say
    yield from _heading(say("section.explanations"))
    for each in shown:
        if len(outline.explanations) > 1:
            yield Padding(Text(each.sentence, style="bold"), (1, 0, 0, 2), expand=False)
        yield from _explained(each, outline.words)
    if len(outline.explanations) > len(shown):
        yield _indented(say("explain.more", n=len(outline.explanations) - len(shown)), style="dim")


def _explained(each: Told, words: Sentences) -> Iterable[RenderableType]:
    """One explanation below its sentence."""
    for line in each.lines[:1]:
        text = Text()
        for piece, level in line.pieces:
            text.append(piece, LEVELS[level[:1]] if level else "")
        yield Padding(text, (0, 0, 0, 2), expand=False)
    if each.table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        table.add_column(words.say("column.word"))
        for method in each.methods:
            table.add_column(method, justify="right")
        for row in each.table:
            table.add_row(*map(Text, row))
        yield Padding(table, (1, 0, 0, 2), expand=False)
    for line in each.lines:
        yield _indented(f"{line.method}{words.say('list.colon')}{line.trust}", style="dim")
    if each.examples:
        yield _indented(each.examples_said)
    for example, label, similarity in each.examples:
        said = Text(f"{similarity}  {label}  {example}", no_wrap=True, overflow="ellipsis")
        yield Padding(said, (0, 0, 0, 4))


def _problem(number: int, problem: Problem, outline: Outline) -> RenderableType:
    words = outline.words
    title = Text.assemble((problem.title, "bold"))
    if problem.status:
        title.append(f"  [{words.name('status', problem.status)}]", STYLES.get(problem.status, "yellow"))
    elif problem.verdict != "fail":
        title.append(f"  [{words.name('verdict', problem.verdict)}]", "yellow")
    lines: list[RenderableType] = [title, Text(problem.sentence)]
    harm = problem.harm if problem.status != "repaired" else ""
    facts = [each for each in (harm, problem.note) if each]
    if facts:
        lines.append(Text(" · ".join(facts), style="dim"))
    if problem.treatments and problem.status != "repaired":
        helps = words.say("list.comma").join(each.name
                                             for each in problem.treatments)  # fmt: skip
        lines.append(Text(f"{words.say('finding.treatment')}{words.say('list.colon')}{helps}"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=3, justify="right")
    grid.add_column()
    grid.add_row(f"{number}.", Group(*lines))
    return grid


def _trials(outline: Outline) -> Iterable[RenderableType]:
    if not outline.trials:
        return
    yield from _heading(outline.words.say("section.trials"))
    for trial in outline.trials:
        line = Text()
        line.append(trial.decision_name, STYLES.get(trial.decision, "yellow"))
        line.append(f"  {trial.name}", "bold")
        line.append(f"{outline.words.say('list.colon')}{trial.why}" if trial.why else "")
        line.append(outline.words.say("list.aside", text=trial.seconds) if trial.seconds else "", "dim")
        yield Padding(line, (0, 0, 0, 2), expand=False)


def _changes(outline: Outline) -> Iterable[RenderableType]:
    words, compared = outline.words, [each for each in outline.checks if each.compares]
    checks = compared or list(outline.checks)
    if not checks:
        return
    yield from _heading(words.say("section.changes" if compared else "section.gates"))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(words.say("gate.check"), ratio=1)
    names = ("before", "after", "change") if compared else ("value", "bound")
    for name in names:
        table.add_column(words.say(f"gate.{name}"), justify="right")
    table.add_column(words.say("gate.verdict"))
    for check in checks[:CHECKS_SHOWN]:
        numbers = (check.before_short, check.after_short, check.change) if compared else (check.value, check.bound)
        verdict = Text(f"{words.say(f'mark.{check.verdict}')} {check.verdict_name}", style=STYLES[check.verdict])
        table.add_row(Text(f"{words.title(check.name)} · {check.slice}"), *map(Text, numbers), verdict)
    yield Padding(table, (0, 0, 0, 2), expand=False)
    if outline.corrected and not compared:
        yield _indented(words.say("gate.together"), style="dim")
    if len(checks) > CHECKS_SHOWN:
        yield _indented(words.say("finding.more", n=len(checks) - CHECKS_SHOWN), style="dim")


def _remarks(outline: Outline) -> Iterable[RenderableType]:
    skipped = [f"{said}{outline.words.say('list.sentence') if hint else ''}{hint}" for said, hint in outline.skipped]
    for key, lines in (("notes", list(outline.notes)), ("skipped", skipped)):
        if lines:
            yield from _heading(outline.words.say(f"section.{key}"))
            yield from (_indented(line, style="dim") for line in lines)


def _planted(outline: Outline) -> Iterable[RenderableType]:
    """What was put into the demo's rows, as what it was found, and what became of it."""
    words = outline.words
    for exhibit in outline.listed("exhibits"):
        data = exhibit.get("data") or {}
        if data.get("title") != "planted":
            continue
        yield from _heading(words.say("section.planted"))
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for column in data.get("columns") or []:
            table.add_column(words.title(words.name("column", column)))
        for plant, rule, found, status in data.get("rows") or []:
            name = words.name("cell", plant)
            found_as = outline.finding_code(found) if found else "–"
            state = Text(words.name("status", status), style=STYLES.get(status, "yellow"))
            table.add_row(name, outline.slice(rule), found_as, state)
        yield Padding(table, (0, 0, 0, 2), expand=False)


def _rows(outline: Outline) -> Iterable[RenderableType]:
    """The first rows of the data that probes list, such as labels likely wrong, and what else is brief."""
    for _, panel in panels(outline, of_rows=True) if outline.examines else ():
        yield from _panel(panel, outline)


def _tables(outline: Outline) -> Iterable[RenderableType]:
    """The tables of a preparation: where rows are from and what was done to them."""
    if outline.examines:
        return
    for _, panel in panels(outline):
        yield from _panel(panel, outline)


def _panel(panel: Panel, outline: Outline) -> Iterable[RenderableType]:
    """Its tables; of those that list rows of the data the first ones, each on one line."""
    for shown in panel.tables:
        yield from _heading(panel.title)
        rows = [[" ".join(f"{cell.text} {_in_brackets(cell.interval)}".split()) for cell in row] for row in shown.rows]
        left, more = len(shown.folded) + shown.left_out, "table.on_page"
        if panel.of_rows:
            rows, left, more = rows[:ROWS_SHOWN], max(panel.total, len(rows)) - ROWS_SHOWN, panel.more
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for at, column in enumerate(shown.columns):
            gives_way = not panel.of_rows or max(cell_len(row[at]) for row in rows) > CELL
            crowded = panel.of_rows and len(shown.columns) >= CROWDED
            least, most = (LEAST if gives_way else None, None if gives_way else MOST) if crowded else (None, None)
            justify: Literal["left", "right"] = "right" if column.number else "left"
            table.add_column(column.text, justify=justify, no_wrap=not gives_way, min_width=least, max_width=most)
        for row in rows:
            table.add_row(*(Text(cell, no_wrap=panel.of_rows, overflow="ellipsis") for cell in row))
        yield Padding(table, (0, 0, 0, 2), expand=False)
        if left > 0:
            yield _indented(outline.words.say(more, n=left), style="dim")


def _in_brackets(interval: str) -> str:
    return f"({interval})" if interval else ""


def _next(outline: Outline) -> Iterable[RenderableType]:
    yield from _heading(outline.words.say("section.next"))
    for step in outline.steps:
        yield _indented(step.sentence)
        if step.command:
            lines = [f"    {line}" for line in typed(step.command).split("\n")]
            yield Text("\n".join(lines), style="cyan", no_wrap=True, overflow="ignore")
