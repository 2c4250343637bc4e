"""The report as short Markdown, for a comment on a pull request: verdict, findings, before and after, next step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from duiqi.show.outline import Outline

PROBLEMS_SHOWN = 8
CHECKS_SHOWN = 15


def render(report: Mapping[str, Any], *, lang: str) -> str:
    """The report as Markdown in the language "en" or "zh"; nothing from the data acts as markup or mentions anybody."""
    outline = Outline(report, lang=lang)
    blocks = [
        f"### {outline.mark} {safe(outline.verdict_name)} · {safe(outline.headline[0] if outline.headline else '')}",
        *(safe(sentence) for sentence in (*outline.headline[1:], outline.standing)),
        f"_{safe(outline.subject)}_",
        *_problems(outline),
        *_checks(outline),
        *_steps(outline),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def safe(text: str) -> str:
    """A text in which nothing is markup, HTML or a mention."""
    escaped = (
        re.sub(r"([\\`*_{}\[\]|#~])", r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    )
    return re.sub(r"[\r\n]+", " ", escaped).replace("@", "&#64;")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    rule = ["---:" if i in right else "---" for i in range(len(heads))]
    lines = [[safe(head) for head in heads], rule, *([safe(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _problems(outline: Outline) -> Iterable[str]:
    words, problems = outline.words, outline.problems
    if not problems:
        return
    status = any(each.status for each in problems)
    names = ["problem", "harm_column", "fix", *(["status"] if status else [])]
    rows = [
        (f"{each.title}{words.say('list.sentence')}{each.sentence}", each.harm_short,
         words.say("list.comma").join(t.name for t in each.treatments) or "–",
         *([words.name("status", each.status)] if status else []))
        for each in problems[:PROBLEMS_SHOWN]
    ]  # fmt: skip
    yield _table([words.say(f"finding.{name}") for name in names], rows, right=(1,))
    if len(problems) > PROBLEMS_SHOWN:
        yield words.say("finding.more", n=len(problems) - PROBLEMS_SHOWN)


def _checks(outline: Outline) -> Iterable[str]:
    words, compared = outline.words, [each for each in outline.checks if each.compares]
    checks = compared or list(outline.checks)
    if not checks:
        return
    numbers = ("before", "after", "change") if compared else ("value", "bound")
    rows = [
        (f"{words.title(each.name)} · {each.slice}",
         *((each.before_short, each.after_short, each.change) if compared else (each.value, each.bound)),
         f"{words.say(f'mark.{each.verdict}')} {each.verdict_name}")
        for each in checks[:CHECKS_SHOWN]
    ]  # fmt: skip
    yield _table(
        [words.say(f"gate.{name}") for name in ("check", *numbers, "verdict")], rows, right=(1, 2, 3)[: len(numbers)]
    )
    if len(checks) > CHECKS_SHOWN:
        yield words.say("finding.more", n=len(checks) - CHECKS_SHOWN)


def _steps(outline: Outline) -> Iterable[str]:
    yield f"**{outline.words.say('section.next')}**"
    for step in outline.steps:
        yield safe(step.sentence)
        if step.command:
            fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", step.command)), default=0))
            yield f"{fence}sh\n{step.command}\n{fence}"
