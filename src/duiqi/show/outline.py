"""What a report says, in order and in words: the one reading of its JSON that terminal, HTML and Markdown share.

Nothing here knows how a page looks. Every text is plain text; who shows it escapes it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from duiqi.show.explanations import NAMED, Told, told
from duiqi.show.sentences import Named, Sentences, is_chinese, is_number, is_share, plain, tight
from duiqi.show.visible import visible

Json = Mapping[str, Any]

VERDICTS = ("pass", "fail", "unclear")
OF_ROWS = ("accuracy", "exact_match")  # what is left of them is the share of wrong answers
REMAINING = ("remaining", "improved")
EVIDENCE_SHOWN = 5
EVIDENCE_LENGTH = 280
_LOWER = re.compile(r"error|loss|brier|gap|drop|flip|attack_success|perplexity|edit_rate|unfaith|latency|seconds")
_NEGATION = re.compile(
    r"\b(?:not|no|never|nothing|nobody|without|hardly|cannot)\b|\w+n['’]t\b|[不没無无未别勿莫]", re.I
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CONDITION = re.compile(
    r"^(?:(?P<derived>negation|number)|(?P<has>.+?) has '(?P<word>.*)'|"
    r"(?P<column>.+?)\s*(?P<op>==|>=|<=|=|:)\s*(?P<quote>['\"]?)(?P<value>.*)(?P=quote))$"
)


@dataclass(frozen=True)
class Example:
    """One row as evidence: its text in pieces (text, marked?), what is true, what the model said and how surely."""

    row_id: str
    pieces: tuple[tuple[str, bool], ...]
    truth: str
    answer: str
    confidence: str
    wrong: bool


@dataclass(frozen=True)
class Treatment:
    """A remedy in words."""

    code: str
    name: str
    what: str


@dataclass(frozen=True)
class Problem:
    """One finding in words."""

    kind: str
    title: str
    sentence: str
    worst: str
    verdict: str
    status: str
    severity: float | None
    harm: str
    harm_short: str
    rows: int | None
    metric: str
    metric_name: str
    here: Json | None
    overall: Json | None
    before: Json | None
    asked: str
    chance: str
    note: str
    treatments: tuple[Treatment, ...]
    command: str
    examples: tuple[Example, ...]
    more_rows: int
    hidden_rows: bool
    where: tuple[Json, ...] = ()

    @property
    def beside(self) -> tuple[tuple[str, str, Json], ...]:
        """What to draw beside each other: (code of the side, metric, measure), in errors where that reads plainer."""
        now = "after" if self.before else "here"
        sides = (("before", self.before), (now, self.here), ("overall", self.overall))
        return tuple((side, *_in_errors(self.kind, self.metric, each)) for side, each in sides if each)


@dataclass(frozen=True)
class Check:
    """One gate in words; `state` is better, same, worse or unclear where the gate compares two models."""

    probe: str
    metric: str
    name: str
    slice: str
    bound: str
    verdict: str
    verdict_name: str
    note: str
    value: str
    before_short: str
    after_short: str
    change: str
    state: str
    gate: Json = field(repr=False)

    @property
    def compares(self) -> bool:
        """Whether it sets two models side by side."""
        return bool(self.gate.get("before") and self.gate.get("after"))

    @property
    def after_range(self) -> str:
        """The interval of the value after, where the verdict rests on it and not on the change."""
        return "" if _bounds_change(self.gate) else self.value.removeprefix(self.after_short).strip()


@dataclass(frozen=True)
class Step:
    """What to do next: a sentence and the command to type."""

    sentence: str
    command: str = ""


@dataclass(frozen=True)
class Tried:
    """One trial of the repair in words."""

    decision: str
    decision_name: str
    name: str
    options: str
    why: str
    targets: tuple[str, ...]
    seconds: str
    rows: tuple[tuple[str, str, str, str, str, str], ...]


@dataclass(frozen=True)
class Tile:
    """A headline number: what it is called, the number, its interval, and what it was before."""

    name: str
    value: str
    interval: str
    before: str
    change: str
    state: str
    state_name: str


class Outline:
    """The reading of one report in one language. Pure: the report is never changed."""

    def __init__(self, report: Json, *, lang: str) -> None:
        self.report = visible(report)
        self.words = Sentences.of(lang)

    # ---- small readings

    def listed(self, key: str) -> list[Any]:
        """A list of the report; empty where there is none."""
        return [each for each in self.report.get(key) or [] if isinstance(each, Mapping)]

    def table(self, key: str) -> Json:
        """A table of the report; empty where there is none."""
        found = self.report.get(key)
        return found if isinstance(found, Mapping) else {}

    @property
    def verb(self) -> str:
        return str(self.report.get("verb") or "diagnose")

    @cached_property
    def verdict(self) -> str:
        given = str(self.report.get("verdict"))
        return given if given in VERDICTS else "unclear"

    @property
    def examines(self) -> bool:
        """Whether it is about how good a model is; preparing rows and choosing rows to label is about rows, an
        explanation about single answers."""
        return self.verb not in ("prepare", "label", "explain")

    @property
    def title(self) -> str:
        """What stands in the browser's tab."""
        key = "page.title" if self.examines else "page.title_bare"
        return self.words.say(key, verb=self.words.name("verb", self.verb), model=self.model_name)

    @property
    def verdict_name(self) -> str:
        if not self.examines and not self.checks:
            return self.words.say("verdict.done")
        return self.words.name("verdict", self.verdict)

    @property
    def mark(self) -> str:
        """The verdict as one sign, so that it does not hang on colour."""
        return self.words.say(f"mark.{self.verdict}")

    @property
    def model_name(self) -> str:
        return str(self.table("model").get("name") or "model")

    @property
    def data_name(self) -> str:
        return str(self.table("data").get("name") or "data")

    @property
    def subject(self) -> str:
        """Which model on which data, and how many rows."""
        if self.verb == "prepare":
            return self.words.say("page.prepared", n=len(self.listed("sources")))
        said = tight(self.words.say("page.on", model=self.model_name, data=self.data_name))
        rows, split = self.table("data").get("rows"), self.table("data").get("split")
        parts = [said]
        if is_number(rows):
            parts.append(self.words.say("page.split_rows", n=rows, split=split) if split
                         else self.words.say("page.rows_of", n=rows))  # fmt: skip
        if self.table("before").get("plainly_trained"):
            parts.append(self.words.say("page.from_plain"))
        elif self.table("before").get("name"):
            parts.append(self.words.say("page.from_before", before=self.table("before")["name"]))
        return " · ".join(parts)

    @cached_property
    def characters(self) -> bool:
        """Whether lengths are counted in characters: where the rows are Chinese."""
        texts = [str(row.get("text") or "")[:200] for f in self.listed("findings") for row in f.get("evidence") or []]
        if not any(texts):
            conditions = [c for f in self.listed("findings") for c in (f.get("slice") or {}).get("where") or []]
            texts = [str(c.get("value")) for c in conditions] + self.labels
        return sum(map(is_chinese, texts)) * 2 > len(texts)

    @property
    def primary(self) -> str:
        """The measure that the model is chosen by."""
        return str(self.table("task").get("primary") or "accuracy")

    @property
    def row_metric(self) -> str:
        """The share of rows right as a whole."""
        return str(self.table("task").get("row_metric") or "accuracy")

    @cached_property
    def labels(self) -> list[str]:
        """The classes of the task."""
        return [str(each) for each in (self.table("task").get("options") or {}).get("labels") or []]

    # ---- slices

    @cached_property
    def _rules(self) -> dict[str, Sequence[Json]]:
        """The conditions of every rule that some finding or step spells out."""
        steps = [*(self.table("model").get("lineage") or []), *(self.table("before").get("lineage") or [])]
        treated = [finding for step in steps for finding in step.get("treated") or []]
        found = [each.get("slice") or {} for each in [*treated, *self.listed("findings")]]
        return {str(each.get("rule")): each.get("where") or [] for each in found if each.get("rule")}

    def slice(self, rule: object) -> str:
        """The name of a slice in words; a rule that nobody spells out is shown as it is."""
        rule = "all" if rule is None else str(rule)
        if rule in ("all", "rest", "treated"):
            return self.words.say(f"slice.{rule}")
        if rule in self._rules:
            return self.words.slice(self._rules[rule], characters=self.characters)
        where = parsed(rule)
        return self.words.slice(where, characters=self.characters) if where else rule

    # ---- findings

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All findings in words: failed before unclear, then the most harmful first."""
        order = {"fail": 0, "unclear": 1}
        told = [self._problem(each) for each in self.listed("findings")]
        return tuple(sorted(told, key=lambda p: (p.status == "repaired", order.get(p.verdict, 2), -(p.severity or 0))))

    @property
    def proven(self) -> tuple[Problem, ...]:
        """The findings that are no mere suspicion."""
        return tuple(each for each in self.problems if each.verdict == "fail")

    def _problem(self, finding: Json) -> Problem:
        words, kind = self.words, str(finding.get("kind") or "other")
        where = tuple(each for each in (finding.get("slice") or {}).get("where") or [] if isinstance(each, Mapping))
        rule = str((finding.get("slice") or {}).get("rule") or "all")
        slice_words = "" if not where and rule == "all" else self.slice(rule) if not where else words.slice(
            where, characters=self.characters)  # fmt: skip
        metric, here, overall, before = self._measured(finding, rule)
        name = words.name("kind", kind)
        slots = self._slots(finding, metric, here, overall, before, slice_words)
        places = ["here", "gap", "all"] if slice_words else ["gap", "all"]
        base = Named.of(metric).base
        keys = [f"{{}}.{k}.{p}" for k in (base, kind, "other") for p in places] + ["{}.other.bare"]
        if finding.get("status") == "repaired":
            keys.insert(0, "{}.other.repaired")
        severity = finding.get("severity") if is_number(finding.get("severity")) else None
        # other measures are in units of their own: what they cost in wrong answers is not known
        counts_answers = Named.of(str(finding.get("measure") or metric)).base in (*OF_ROWS, "error_rate")
        remedies = tuple(self.treatment(each) for each in finding.get("remedies") or [])
        evidence = [each for each in finding.get("evidence") or [] if isinstance(each, Mapping)]
        rows = (finding.get("slice") or {}).get("rows")
        # a row without text was left out on purpose
        readable = [each for each in evidence if each.get("text")]
        shown = tuple(self._example(each, where) for each in readable[:EVIDENCE_SHOWN])
        return Problem(
            kind=kind,
            title=self._title(name, slice_words),
            sentence=words.title(words.say_first([key.format("sentence") for key in keys], **slots)),
            worst=tight(words.say_first([key.format("worst") for key in keys], **slots)),
            verdict=str(finding.get("verdict") or "unclear"),
            status=str(finding.get("status") or ""),
            severity=severity,
            harm=self._harm(severity) if counts_answers else "",
            harm_short=words.say("finding.harm_short", n=self._per_thousand(severity))
            if severity and counts_answers
            else "–",
            rows=int(rows) if is_number(rows) else None,
            metric=metric,
            metric_name=words.metric(metric) if metric else "",
            here=here,
            overall=overall,
            before=before,
            asked=self._asked(finding, metric, rule),
            chance=self._chance(finding, kind, metric),
            note=self._problem_note(finding, before, metric),
            treatments=remedies,
            command=next(
                (self._repair_command(each.code) for each in remedies if each.code not in self._tried_out), ""
            ),
            examples=shown,
            more_rows=max(int(rows) - len(shown), 0) if is_number(rows) and shown else 0,
            hidden_rows=bool(evidence) and not readable,
            where=where,
        )

    def _title(self, name: str, slice_words: str) -> str:
        return f"{name}{self.words.say('list.colon')}{slice_words}" if slice_words else name

    def _measured(self, finding: Json, rule: str) -> tuple[str, Json | None, Json | None, Json | None]:
        """(metric, the measure of these rows, of all rows, and before the repair) that tell a finding best.

        A proof measures the slice for both models. A diagnosis found it by comparing rows (a gap, a difference): the
        tables of the probe then hold the plain numbers of the slice.
        """
        measures = [each for each in finding.get("measures") or [] if isinstance(each, Mapping)]
        metric = str(finding.get("measure") or (measures[0].get("name") if measures else "") or "")
        for name in (metric, self.row_metric) if rule != "all" else (metric,):
            compared = self._compared(name, rule)
            if compared:
                overall = self._overall(name, "after") if rule != "all" else None
                return name, compared["after"], overall, compared["before"]
        named = Named.of(metric)
        searched = self._searched(rule) if named.by == "slice" else None
        if searched:
            return "error_rate", searched, _as_error(self.row_metric, self._overall(self.row_metric, "before")), None
        grouped = self._grouped(finding, named)
        if grouped:
            return named.base, grouped, self._overall(named.base, "before"), None
        return self._own(measures, metric, rule)

    def _own(self, measures: Sequence[Json], metric: str, rule: str) -> tuple[str, Json | None, Json | None, None]:
        """What the finding's own measures say of its rows and of all rows."""
        same = [each for each in measures if each.get("name") == metric] or measures
        here = next((each for each in same if each.get("slice") == rule), same[0] if same else None)
        if here is None or here.get("slice", "all") == "all" or Named.of(metric).form == "difference":
            return metric, here, None, None
        own = next((each for each in measures if each.get("name") == metric and each.get("slice") == "all"), None)
        return metric, here, own or self._overall(metric, "before"), None

    def _searched(self, rule: str) -> Json | None:
        """The error rate of a slice in the table of the search."""
        for data in self._exhibit_data():
            if data.get("title") == "slices" and "error" in (data.get("columns") or []):
                at = list(data["columns"]).index("error")
                found = [row[at] for row in data.get("rows") or [] if row and row[0] == rule]
                if found and is_number(found[0]):
                    return {"value": found[0]}
        return None

    def _grouped(self, finding: Json, named: Named) -> Json | None:
        """The cell of the worst group in the table by group, for a gap between groups."""
        where = (finding.get("slice") or {}).get("where") or []
        level = " × ".join(str(each.get("value")) for each in where)
        for data in self._exhibit_data():
            columns = list(data.get("columns") or [])
            if data.get("title") == "by_group" and data.get("by") == named.by and named.base in columns:
                cells = [row[columns.index(named.base)] for row in data.get("rows") or [] if row and row[0] == level]
                if cells and isinstance(cells[0], Mapping):
                    return cells[0]
        return None

    def _overall(self, metric: str, side: str) -> Json | None:
        """The measure over all rows that stands beside one of a slice, of the model before or after."""
        compared = self._compared(metric, "all")
        if compared:
            found: Json = compared[side]
            return found
        return next((m for m in self.listed("measures") if m.get("name") == metric and m.get("slice") == "all"), None)

    def _compared(self, metric: str, rule: str) -> Json | None:
        """The gate that sets both models side by side on a slice."""
        for gate in self.listed("gates"):
            both = isinstance(gate.get("before"), Mapping) and isinstance(gate.get("after"), Mapping)
            if both and gate.get("measure") == metric and str(gate.get("slice") or "all") == rule:
                return gate
        return None

    def _problem_note(self, finding: Json, before: Json | None, metric: str) -> str:
        notes = []
        measure = next((each for each in finding.get("measures") or [] if isinstance(each, Mapping)), None)
        if measure and measure.get("name") != metric and before is None:
            notes.append(self._own_measure(measure))
        if finding.get("status") and before is None:
            notes.append(self.words.say("finding.before_only"))
        elif finding.get("verdict") == "unclear" and not finding.get("status"):
            notes.append(self.words.say("finding.unclear_note"))
        return " · ".join(notes)

    def _own_measure(self, measure: Json) -> str:
        """The measure that the finding rests on, where its sentence tells it in plainer numbers."""
        name = str(measure.get("name"))
        behind = self._behind(name, measure) if Named.of(name).by == "slice" else None
        if behind:
            return self.words.say("finding.behind", behind=behind)
        said = {"metric": self.words.title(self.words.metric(name)), "value": self.words.value(name, measure)}
        return self.words.say("finding.measured", **said)

    def _behind(self, metric: str, measure: Json | None, *, low: bool = True) -> str | None:
        """How far a difference lies below zero, as an unsigned number of points; `None` where it does not."""
        if measure is None or Named.of(metric).form != "difference" or not is_number(measure.get("value")):
            return None
        if measure["value"] >= 0 or not is_share(metric):
            return None
        turned = {"value": -measure["value"]}
        if is_number(measure.get("low")) and is_number(measure.get("high")):
            turned |= {"low": -measure["high"], "high": -measure["low"]}
        return self.words.points(turned["value"], signed=False) + (self.words.interval(turned) if low else "")

    def _slots(
        self, finding: Json, metric: str, here: Json | None, overall: Json | None, before: Json | None, slice_words: str
    ) -> dict[str, Any]:
        words, kind, named = self.words, str(finding.get("kind") or "other"), Named.of(metric)
        wrong, wrong_overall = _as_error(metric, here), _as_error(metric, overall)
        known = here is not None and is_number(here.get("value"))
        return {
            "slice": slice_words or None,
            "kind_lower": words.name("kind", kind).lower(),
            "what": words.texts.get(f"kind.{kind}.what") or words.name("kind", kind),
            "metric": words.metric(metric) if metric else None,
            "value": words.value(metric, here) if known else None,
            "plain": words.value(metric, here, low=False) if known else None,
            "overall": words.value(metric, overall, low=False) if overall else None,
            **self._then_and_now(kind, metric, before, here),
            "behind": self._behind(metric, here),
            "behind_value": self._behind(metric, here, low=False),
            "base": words.metric(named.base) if named.by else None,
            "compared": words.name("compared", named.by) if named.by else None,
            "points": self._points(here) if known and here else None,
            "wrong": words.value("error_rate", wrong) if wrong else None,
            "wrong_value": words.value("error_rate", wrong, low=False) if wrong else None,
            "wrong_overall": words.value("error_rate", wrong_overall, low=False) if wrong_overall else None,
        }

    def _then_and_now(self, kind: str, metric: str, before: Json | None, here: Json | None) -> dict[str, str | None]:
        if before is None or here is None:
            return {"then": None, "now": None, "metric_title": None}
        name, then = _in_errors(kind, metric, before)
        _, now = _in_errors(kind, metric, here)
        title = self.words.title(self.words.metric(name))
        return {"then": self.words.value(name, then), "now": self.words.value(name, now), "metric_title": title}

    def _points(self, measure: Json) -> str:
        """A share that is itself a difference, in unsigned points with its interval."""
        return self.words.points(measure["value"], signed=False) + self.words.interval(measure)

    def _per_thousand(self, severity: float) -> str:
        return f"{severity:.1f}" if severity < 10 else f"{severity:.0f}"

    def _harm(self, severity: float | None) -> str:
        if severity is None or severity <= 0:
            return ""
        if severity < 1:
            return self.words.say("finding.harm_small")
        return self.words.say("finding.harm", n=f"{severity:.0f}")

    def _asked(self, finding: Json, metric: str, rule: str) -> str:
        about = (finding.get("probe"), metric, rule)
        gates = [g for g in self.listed("gates") if (g.get("probe"), g.get("measure"), g.get("slice")) == about]
        if gates:  # of a bound on either side the one that is broken
            gate = next((g for g in gates if g.get("verdict") == finding.get("verdict")), gates[0])
            return tight(f"{self.words.metric(metric)} {self.bound(metric, gate.get('bound'))}")
        if isinstance(finding.get("bound"), Mapping) and finding.get("measure") == metric:
            return self.bound(metric, finding["bound"])
        return ""

    def _chance(self, finding: Json, kind: str, metric: str) -> str:
        if not is_number(finding.get("expected_by_chance")):
            return ""
        name, expected = _in_errors(kind, metric, {"value": finding["expected_by_chance"]})
        key = "finding.chance_high" if self.better(name) == "lower" else "finding.chance_low"
        return self.words.say(key, value=self.words.value(name, expected, low=False))

    def treatment(self, code: object) -> Treatment:
        """A remedy in words."""
        return Treatment(str(code), self.words.name("remedy", code), self.words.texts.get(f"remedy.{code}.what", ""))

    def _example(self, row: Json, where: Sequence[Json]) -> Example:
        confidence = row.get("confidence")
        truth, answer = str(row.get("label", "–")), str(row.get("answer", "–"))
        return Example(
            row_id=str(row.get("row_id", "")),
            pieces=marked(str(row.get("text") or ""), where),
            truth=truth,
            answer=answer,
            confidence=self.words.share(float(confidence)) if is_number(confidence) else "",
            wrong=truth != answer,
        )

    # ---- gates

    def bound(self, metric: str, bound: object) -> str:
        """What a gate asks for, in words."""
        if not isinstance(bound, Mapping) or not bound:
            return "–"
        kind, value = next(iter(bound.items()))
        if kind not in ("at_least", "at_most", "no_worse_by") or not is_number(value):
            return self.words.say("gate.unknown_bound", bound=self.words.plain_value(bound))
        difference = Named.of(metric).form == "difference" and kind == "at_least"
        size = abs(float(value)) if difference else float(value)
        if not is_share(metric):
            shown = self.words.decimal(size)
        elif kind == "no_worse_by" or Named.of(metric).form in ("gap", "difference"):
            shown = self.words.points(size, signed=False)
        else:
            shown = self.words.share(size)
        shown = re.sub(r"\.0+(?!\d)", "", shown)
        if shown == self.words.say("number.points", value="1"):
            shown = self.words.say("number.point", value="1")
        if difference:
            code = "no_worse" if value == 0 else "worse_by" if value < 0 else "better_by"
            return self.words.say_first([f"gate.{code}"], value=shown)
        return self.words.say(f"gate.{kind}", value=shown)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """All gates in words, failed ones first."""
        order = {"fail": 0, "unclear": 1, "pass": 2}
        return tuple(sorted(map(self._check, self.listed("gates")), key=lambda each: order.get(each.verdict, 1)))

    @cached_property
    def corrected(self) -> bool:
        """Whether checks were judged together, at ranges wider than each one's own."""
        return sum(isinstance(gate.get("corrected"), Mapping) for gate in self.listed("gates")) > 1

    def _check(self, gate: Json) -> Check:
        words, metric = self.words, str(gate.get("measure") or "")
        verdict = str(gate.get("verdict") or "unclear")
        measured = gate.get("after") or gate if "value" in gate or gate.get("after") else self._measure(gate)
        by_change = _bounds_change(gate)
        change = _corrected(gate.get("change"), gate) if by_change else gate.get("change")
        return Check(
            probe=words.name("probe", gate.get("probe", "")),
            metric=metric,
            name=words.metric(metric),
            slice=self.slice(gate.get("slice")),
            bound=self.bound(metric, gate.get("bound")),
            verdict=verdict if verdict in VERDICTS else "unclear",
            verdict_name=words.name("verdict", verdict),
            note=self._gate_note(gate),
            value=words.value(metric, measured if by_change else _corrected(measured, gate)),
            before_short=words.value(metric, gate.get("before"), low=False),
            after_short=words.value(metric, measured, low=False),
            change=words.value(metric, change, change=True),
            state=self.change_state(metric, change, verdict),
            gate=gate,
        )

    def _measure(self, gate: Json) -> Json | None:
        """The measure a gate is about."""
        key = (gate.get("probe"), gate.get("measure"), gate.get("slice"))
        found = [m for m in self.listed("measures") if (m.get("probe"), m.get("name"), m.get("slice")) == key]
        return found[0] if found else None

    def _gate_note(self, gate: Json) -> str:
        notes = []
        if gate.get("verdict") == "unclear" and is_number(gate.get("rows_to_settle")) and not gate.get("about"):
            notes.append(self.words.say("gate.to_settle", n=int(gate["rows_to_settle"])))
        single = gate.get("single_verdict")
        if single and single != gate.get("verdict"):
            notes.append(self.words.say("gate.single", verdict=self.words.name("verdict", single)))
        return self.words.say("list.facts").join(notes)

    def better(self, metric: str) -> str:
        """Which way is better for a measure: "higher" or "lower"."""
        for each in self.listed("measures"):
            if each.get("name") == metric and each.get("better") in ("higher", "lower"):
                return str(each["better"])
        return "lower" if _LOWER.search(metric) else "higher"

    def change_state(self, metric: str, change: object, verdict: str = "unclear") -> str:
        """better, worse, same (within the bound, no difference shown) or unclear; "" where nothing is compared."""
        if not isinstance(change, Mapping) or not is_number(change.get("low")) or not is_number(change.get("high")):
            return ""
        low, high = float(change["low"]), float(change["high"])
        if self.better(metric) == "lower":
            low, high = -high, -low
        if low > 0:
            return "better"
        if high < 0:
            return "worse"
        return "same" if verdict == "pass" else "unclear"

    # ---- the first sentence

    @cached_property
    def headline(self) -> tuple[str, ...]:
        """The verdict in one to two plain sentences."""
        if not self.examines:
            said = {"label": self._label_sentences, "explain": self._explain_sentences}
            return said.get(self.verb, self._prepare_sentences)()
        if self.verb in ("prove", "align", "repair"):
            rest = self._align_sentence() if self.verb != "prove" else self._prove_sentence()
            return tuple(each for each in (self._change_sentence(), rest) if each)
        return (self._diagnose_sentence(),)

    def _prepare_sentences(self) -> tuple[str, ...]:
        """How many rows became which parts, and how many were left out, changed or added."""
        say, sources, steps = self.words.say, self.listed("sources"), self.listed("steps")
        named = [(self.words.name("column", f"rows_of_{each['name']}"), each["rows"]) for each in self.listed("parts")]
        parts = [say("headline.prepare.part", name=name, rows=f"{rows:,}") for name, rows in named]
        counts = {"rows": sum(each["rows"] for each in sources), "sources": len(sources)}
        first = say("headline.prepare.parts", **counts, parts=say("list.comma").join(parts))
        done = dict.fromkeys(("left_out", "changed", "added"), 0)
        for each in steps:
            done[each.get("done") or ("left_out" if each["dropped"] else "changed")] += each["rows"]
        rest = [say(f"headline.prepare.{key}", n=count) for key, count in done.items() if count]
        return (first, *(rest or [say("headline.prepare.clean")]))

    def _label_sentences(self) -> tuple[str, ...]:
        """How many rows of the pool are to be labelled, why these, and how many were left out."""
        words, pool = self.words, self.table("pool")
        by = words.name("strategy", pool.get("by"))
        chosen, asked = pool.get("chosen"), self.table("options").get("rows")
        fewer = is_number(chosen) and is_number(asked) and chosen < asked
        key = "headline.label.fewer" if fewer else "headline.label.chosen"
        first = words.say(key, chosen=chosen, rows=pool.get("rows"), asked=asked, by=by)
        gone = sum((pool.get("left_out") or {}).values())
        made = pool.get("by_machines")
        return (
            first,
            *([words.say("headline.label.by_machines", n=made)] if made else []),
            *([words.say("headline.label.left_out", n=gone)] if gone else []),
        )

    @cached_property
    def explanations(self) -> tuple[Told, ...]:
        """Why answers were given, in words."""
        return tuple(told(each, self.words) for each in self.listed("explanations"))

    def _explain_sentences(self) -> tuple[str, ...]:
        """The one explanation, or the words that weigh most over all of them."""
        count = len(self.explanations)
        if count < 2:
            return tuple(each.sentence for each in self.explanations) or (self.words.say("headline.explain.none"),)
        tables = [each for each in self._exhibit_data() if each.get("title") == "word_importance"]
        listed = list(dict.fromkeys(str(row[0]) for each in tables for row in each.get("rows") or []))[:NAMED]
        said = self.words.listing([self.words.quote(each) for each in listed]) if listed else None
        return (self.words.say_first(["headline.explain.many", "headline.explain.plain"], n=count, words=said),)

    def _number_of_checks(self, verdict: str) -> int:
        return sum(each.verdict == verdict for each in self.checks)

    def _diagnose_sentence(self) -> str:
        failed = self.proven
        if self.verdict == "fail" and failed:
            return self.words.say("headline.diagnose.fail", n=len(failed), worst=failed[0].worst)
        if not self.checks and not self.problems:
            return self.words.say(f"headline.diagnose.{'no_bounds' if self.listed('measures') else 'nothing'}")
        key = "fail_bare" if self.verdict == "fail" else self.verdict
        return self.words.say(f"headline.diagnose.{key}", gates=self._number_of_checks(self.verdict))

    @property
    def standing(self) -> str:
        """How good the answers are on all rows, by the metric of the task, where nothing is compared; "" else. The page
        has it as a tile."""
        whole = self._on_all_rows.get(self.primary, {})
        if self.verb != "diagnose" or not is_number(whole.get("value")):
            return ""
        name = self.words.title(self.words.metric(self.primary))
        return self.words.say("headline.standing", metric=name, value=self.words.value(self.primary, whole))

    @cached_property
    def _on_all_rows(self) -> Mapping[str, Json]:
        """The measures of all rows by name, of two the first."""
        return {str(m.get("name")): m for m in reversed(self.listed("measures")) if m.get("slice") == "all"}

    def _change_sentence(self) -> str:
        compared = [each for each in self.checks if each.compares and each.gate.get("slice") in (None, "all")]
        order = {name: i for i, name in enumerate((self.primary, "macro_f1"))}
        for each in sorted(compared, key=lambda check: order.get(check.metric, 9)):
            if each.state:
                return self.words.say(f"headline.change.{each.state}", metric=each.name, change=each.change)
        return ""

    def _prove_sentence(self) -> str:
        failed = [each for each in self.proven if each.status != "repaired"]
        if self.verdict == "fail" and failed:
            return self.words.say("headline.prove.fail_problem", worst=failed[0].worst)
        return self.words.say(f"headline.prove.{self.verdict}", gates=self._number_of_checks(self.verdict))

    def _align_sentence(self) -> str:
        decisions = {each.get("decision") for each in self.listed("trials")}
        if decisions and "kept" not in decisions:
            late = decisions == {"skipped"} and any(each.get("why") == "budget" for each in self.listed("trials"))
            return self.words.say(f"headline.align.{'no_time' if late else 'kept_none'}")
        total, repaired = len(self.problems), sum(each.status == "repaired" for each in self.problems)
        remaining = [each for each in self.problems if each.status in REMAINING]
        if not total or (repaired == total and self.verdict != "pass"):
            return self._prove_sentence()
        if repaired == total:
            return self.words.say("headline.align.pass")
        if remaining:
            return self.words.say("headline.align.remaining", n=total, repaired=repaired, worst=remaining[0].worst)
        return self.words.say("headline.align.unclear", n=total, repaired=repaired)

    # ---- headline numbers

    @cached_property
    def tiles(self) -> tuple[Tile, ...]:
        """At most four headline numbers over all rows, with what they were before where two models are compared."""
        compared = {
            each.metric: each for each in self.checks if each.compares and each.gate.get("slice") in (None, "all")
        }
        measured = self._on_all_rows
        wanted = tuple(dict.fromkeys((self.primary, self.row_metric, "macro_f1", "calibration_error", "log_loss")))
        names = [name for name in wanted if name in compared or name in measured]
        names += [name for name in [*compared, *measured] if name not in wanted][: max(0, 3 - len(names))]
        return tuple(self._tile(name, compared.get(name), measured.get(name)) for name in names[:3])

    def _tile(self, metric: str, check: Check | None, measure: Json | None) -> Tile:
        words = self.words
        shown = check.gate["after"] if check else measure or {}
        scale = 100 if is_share(metric) else 1
        return Tile(
            name=words.title(words.metric(metric)),
            value=words.value(metric, shown, low=False),
            interval=words.interval(shown, scale).strip(" ()（）"),
            before=words.value(metric, check.gate["before"], low=False) if check else "",
            change=check.change if check else "",
            state=check.state if check else "",
            state_name=words.name("change", check.state) if check and check.state else "",
        )

    # ---- what to do next

    @cached_property
    def _tried_out(self) -> frozenset[str]:
        """The remedies that this run has carried out, whatever came of them."""
        run = [trial for trial in self.listed("trials") if trial.get("decision") != "skipped"]
        return frozenset(str(remedy.get("name")) for trial in run for remedy in trial.get("remedies") or [])

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What to do next, with the commands to type."""
        if not self.examines:
            then = {"label": self._after_label, "explain": self._after_explain}
            return then.get(self.verb, self._after_prepare)()
        if self.verdict == "unclear":
            return (self._more_rows() if self.checks or not self.listed("measures") else self._set_bounds(),)
        if self.verb in ("align", "repair"):
            return self._after_align()
        if self.verb == "prove":
            return self._after_prove()
        return self._after_diagnose()

    def _after_prepare(self) -> tuple[Step, ...]:
        say = self.words.say
        model = "default-zh" if self.report.get("chinese") else "default"
        options = self.table("options")
        command = f"duiqi align {model} {_rows_word('DIR', {'groups': options.get('groups')}, options.get('task'))}"
        steps = [Step(say("next.prepared"), command)]
        if options.get("originals"):
            steps.append(Step(say("next.restore"), "duiqi prepare --restore DIR --out FOLDER"))
        return tuple(steps)

    def _after_explain(self) -> tuple[Step, ...]:
        say, model = self.words.say, shlex.quote(str(self.report.get("given") or self._model_word()))
        rows = self.table("data").get("path")
        source = self._data_word() if rows else f"rows{self._suffix}"
        many = Step(say("next.explain_many"), f"duiqi explain {model} {source} --train TRAIN --out DIR")
        cue = Step(say("next.explain_cue"), f"duiqi diagnose {model} {source} --only spurious_cue")
        return (cue,) if rows and len(self.explanations) > 1 else (many, cue)

    def _after_label(self) -> tuple[Step, ...]:
        say, model = self.words.say, shlex.quote(str(self.report.get("given") or self.model_name))
        divided = {"dev", "test"} <= {*self.table("pool").get("parts", ())}
        source = self._data_word() if divided else self._prepared_word("divided")
        machines = bool(self.table("pool").get("by_machines"))
        made = ["DIR/to_label.csv", *(["DIR/labelled.jsonl"] if machines else [])]
        apart = Step(say("next.label_divide"), f"duiqi prepare {self._data_word()} --out divided")
        return (
            Step(say("next.label_sheet")),
            Step(say("next.label_studio")),
            *(() if divided else (apart,)),
            *((Step(say("next.label_machines")),) if machines else ()),
            Step(say("next.labelled"), f"duiqi prepare {source} {' '.join(made)} --out more-rows"),
            Step(say("next.label_train"), f"duiqi align {model} {self._prepared_word('more-rows')}"),
        )

    def _model_word(self) -> str:
        known = self.model_name in ("default", "default-zh")  # wherever these are kept
        return shlex.quote(self.model_name if known else str(self.table("model").get("path") or self.model_name))

    @property
    def _elsewhere(self) -> bool:
        """Whether what answered is no model that could be trained here: a service, or answers in a file."""
        return bool(self.table("model").get("elsewhere"))

    def _trained_word(self) -> str:
        return "MODEL" if self._elsewhere else self._model_word()

    @property
    def _suffix(self) -> str:
        """How a file of such rows may end: lists (tags, answers, choices, chats) have no form in plain cells."""
        plain_cells = ("classify", "classify_pair", "regress")
        return ".csv" if self.table("task").get("name") in (*plain_cells, None) else ".jsonl"

    def _data_word(self) -> str:
        return self._rows_word(str(self.table("data").get("path") or self.data_name))

    def _rows_word(self, source: str) -> str:
        """Rows of the same form in a command, with the columns and the task that were named for these."""
        return _rows_word(source, self._named_columns, self._named_task)

    def _prepared_word(self, folder: str) -> str:
        """What `prepare` makes of them: it calls columns by their roles, so only columns to be fair to need a name."""
        return _rows_word(folder, {"groups": self._named_columns.get("groups")}, self._named_task)

    @property
    def _named_columns(self) -> Mapping[str, Any]:
        named = self.table("data").get("columns")
        return named if isinstance(named, Mapping) else {}

    @property
    def _named_task(self) -> str | None:
        task = self.table("task")
        return str(task.get("name")) if task.get("named") else None

    def _repair_command(self, remedy: str) -> str:
        verb = "align" if self.report.get("only_rows") else "repair"  # a model without a head is trained first
        return f"duiqi {verb} {self._trained_word()} {self._data_word()} --with {shlex.quote(remedy)}"

    def _look_again(self, rows: str = "new-rows") -> str:
        only = "".join(f" --only {shlex.quote(str(name))}" for name in self.report.get("only_rows") or ())
        return f"duiqi diagnose {self._model_word()} {self._rows_word(f'{rows}{self._suffix}')}{only}"

    def _more_rows(self) -> Step:
        unclear = [each.gate for each in self.checks if each.verdict == "unclear"]
        of_rows = [gate for gate in unclear if not gate.get("about")]
        if unclear and not of_rows:  # questions of a probe's own, which more rows do not settle
            return Step(self.words.say("next.more_elsewhere"), f"duiqi parts {shlex.quote(str(unclear[0]['probe']))}")
        needed = [gate.get("rows_to_settle") for gate in of_rows if gate.get("slice") in (None, "all")]
        numbers = [int(each) for each in needed if each is not None and is_number(each)]
        rows = self._rows_word(f"more-rows{self._suffix}")
        before = shlex.quote(str(self.table("before").get("path") or self.table("before").get("name") or "BEFORE"))
        given = shlex.quote(str(self.report.get("given") or self.model_name))
        sides = {"prove": f"prove {before} {self._model_word()}", "align": f"align {given}"}
        command = f"duiqi {sides[self.verb]} {rows}" if self.verb in sides else self._look_again("more-rows")
        if numbers:
            return Step(self.words.say("next.more_rows", n=max(numbers)), command)
        return Step(self.words.say("next.more_rows_unknown"), command)

    def _set_bounds(self) -> Step:
        command = f"duiqi diagnose {self._model_word()} {self._data_word()} --gates gates.toml"
        bound = "at_most = 0.1" if self.better(self.primary) == "lower" else "at_least = 0.9"
        return Step(self.words.say("next.set_bounds", metric=self.primary, bound=bound), command)

    def _after_diagnose(self) -> tuple[Step, ...]:
        if self.verdict == "pass":
            return (Step(self.words.say("next.pass"), self._look_again()),)
        said = self.words.say("next.repair_elsewhere" if self._elsewhere else "next.repair")
        first = Step(said, f"duiqi align {self._trained_word()} {self._data_word()}")
        worst = next((each.command for each in self.proven if each.command), "")
        return (first, Step(self.words.say("next.one"), worst)) if worst else (first,)

    def _after_prove(self) -> tuple[Step, ...]:
        if self.verdict == "pass":
            return (Step(self.words.say("next.use", path=self.model_name), self._look_again()),)
        worse = any(each.verdict == "fail" and _bounds_change(each.gate) for each in self.checks)
        said = self.words.say("next.not_use" if worse else "next.still_wrong")
        return (Step(said, f"duiqi diagnose {self._model_word()} {self._data_word()}"),)

    def _after_align(self) -> tuple[Step, ...]:
        remaining = [each for each in self.problems if each.status in REMAINING]
        if any(each.verdict == "fail" and _bounds_change(each.gate) for each in self.checks):
            return (Step(self.words.say("next.not_use"), f"duiqi diagnose {self._model_word()} {self._data_word()}"),)
        if not remaining:
            return (Step(self.words.say("next.use", path=self.model_name), self._look_again()),)
        commands = [each.command for each in remaining if each.command]
        if commands:
            return (Step(self.words.say("next.remaining"), commands[0]),)
        slice_words = self.words.slice(remaining[0].where, characters=self.characters)
        key = "next.label_more" if remaining[0].where else "next.label_more_rows"
        return (
            Step(
                self.words.say_first([key], slice=slice_words),
                f"duiqi align {self._model_word()} {self._rows_word(f'more-rows{self._suffix}')}",
            ),
        )

    # ---- trials, lineage, notes

    @cached_property
    def trials(self) -> tuple[Tried, ...]:
        """What the repair tried, in its order."""
        return tuple(map(self._tried, self.listed("trials")))

    def _tried(self, trial: Json) -> Tried:
        words, decision = self.words, str(trial.get("decision") or "unclear")
        remedies = [each for each in trial.get("remedies") or [] if isinstance(each, Mapping)]
        known = {str(f.get("title")): self._problem(f).title for f in self.listed("findings")}
        took, forecast = trial.get("seconds"), trial.get("forecast_seconds")
        times = [words.say("trial.took", seconds=words.duration(took))] if is_number(took) else []
        times += [words.say("trial.forecast", seconds=words.duration(forecast))] if is_number(forecast) else []
        return Tried(
            decision=decision,
            decision_name=words.name("decision", decision),
            name=" + ".join(words.name("remedy", each.get("name")) for each in remedies) or "–",
            options=words.say("list.comma").join(
                f"{key} = {words.plain_value(value)}"
                for each in remedies
                for key, value in (each.get("options") or {}).items()
            ),
            why=self._trial_why(str(trial.get("why") or "")),
            targets=tuple(known.get(str(each), self.finding_code(str(each))) for each in trial.get("targets") or []),
            seconds=words.say("list.facts").join(times),
            rows=tuple(self._changed(each) for each in trial.get("changes") or [] if isinstance(each, Mapping)),
        )

    def _trial_why(self, why: str) -> str:
        code, _, said = why.partition(":")
        if code == "worse" and said:
            return self.words.say("why.worse_on", metric=self.words.metric(said))
        if code in ("raised", "unsuited") and said:
            return self.words.say(f"why.{code}_with", error=said)
        return self.words.name("why", why) if why else ""

    def finding_code(self, title: str) -> str:
        """The stable code of a finding in words, as far as it can be read: "blind_spot: …"."""
        kind, _, rest = title.partition(": ")
        rule = rest.rpartition(" on ")[2]
        if not self.words.knows("kind", kind):
            return title
        return self._title(self.words.name("kind", kind), self.slice(rule) if rule and rule != "all" else "")

    def _changed(self, change: Json) -> tuple[str, str, str, str, str, str]:
        words, metric = self.words, str(change.get("measure") or "")
        verdict = str(change.get("verdict") or "unclear")
        return (
            f"{words.metric(str(change.get('level_of') or metric))} · {self.slice(change.get('slice'))}",
            words.value(metric, change.get("before"), low=False),
            words.value(metric, change.get("after"), low=False),
            words.value(metric, change.get("change"), change=True),
            words.name("change", verdict),
            verdict,
        )

    @cached_property
    def lineage(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """How the model came to be: per step a title and facts."""
        steps = [each for each in self.table("model").get("lineage") or [] if isinstance(each, Mapping)]
        return tuple(self._lineage_step(number, each) for number, each in enumerate(steps, 1))

    def _lineage_step(self, number: int, step: Json) -> tuple[str, tuple[str, ...]]:
        words = self.words
        facts = [words.say("lineage.rows", role=words.name("lineage", role), n=int(n))
                 for role, n in (step.get("rows") or {}).items() if is_number(n)]  # fmt: skip
        treated = [self._problem(each).title for each in step.get("treated") or [] if isinstance(each, Mapping)]
        if treated:
            shown = words.say("list.comma").join(dict.fromkeys(treated))
            facts.append(words.say("lineage.treated", treated=shown))
        if step.get("options"):
            facts.append(words.say("lineage.options", options=words.plain_value(step["options"])))
        if step.get("seed") is not None:
            facts.append(words.say("lineage.seed", seed=str(step["seed"])))
        return words.say("lineage.step", n=number, remedy=words.name("remedy", step.get("remedy"))), tuple(facts)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is good to know; codes without a sentence are shown with their facts."""
        return tuple(map(self._note, self.listed("notes")))

    def _note(self, note: Json) -> str:
        facts = {key: self._fact(key, value) for key, value in note.items() if key != "code"}
        code = str(note.get("code") or "note")
        said = self.words.say_first([f"note.{code}"], **facts)
        if said:
            return said
        shown = [
            f"{plain(key)}: {value}" if isinstance(value, str) else f"{plain(key)}: {value:,}"
            for key, value in facts.items()
        ]
        key = "note.other" if shown else "note.other_bare"
        return self.words.say(key, code=plain(code), facts=self.words.say("list.facts").join(shown))

    def _fact(self, key: str, value: Any) -> Any:
        if key == "role":
            return self.words.name("role", value)
        if key == "floor":
            return self.words.name("cell", value)
        if key == "share" and is_number(value):
            return self.words.share(float(value))
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return self.words.plain_value(value)

    @cached_property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """What was not looked at: what and why, and how to have it looked at."""
        return tuple(map(self._skip, self.listed("skipped")))

    def _skip(self, skip: Json) -> tuple[str, str]:
        words = self.words
        needs = skip.get("needs") or []
        needs = [needs] if isinstance(needs, str) else [str(each) for each in needs]
        if self.verb == "prove":  # both models are there, what they could do before is asked of references
            needs = ["case.references" if each == "case.before" else each for each in needs]
        known = [each for each in needs if words.knows("needs", each)]
        known = [each for each in known if each.startswith("task.")] or known  # then nothing else matters
        why = words.listing([words.name("needs", each) for each in known]) if known else self._why(skip, needs)
        able = [
            words.name("supply", each) for each in known if words.knows("supply", each)
        ]  # a task cannot be supplied
        hint = words.listing(able) if known else self.words.wrong(str(skip.get("hint") or ""))
        said = words.say("skip.one", probe=words.name("probe", skip.get("probe", "–")), why=why)
        return said, words.say("skip.supply", hint=hint) if hint else ""

    def _why(self, skip: Json, needs: Iterable[str]) -> str:
        why = str(skip.get("why") or "")
        if why in ("raised", "unsuited") and skip.get("detail"):
            return self.words.say(f"skip.{why}", detail=self.words.wrong(str(skip["detail"])))
        return self.words.name("why", why, otherwise=why) or ", ".join(needs) or "–"

    @cached_property
    def glossary(self) -> tuple[tuple[str, str], ...]:
        """The words of this report and what they mean."""
        used = {c.metric for c in self.checks} | {p.metric for p in self.problems}
        used |= {str(m.get("name")) for m in self.listed("measures")}
        if any(each.get("title") == "per_class" for each in self._exhibit_data()):
            used |= {"precision", "recall", "f1"}
        texts = self.words.texts
        keys = [key.split(".")[1] for key in texts if key.startswith("metric.") and key.endswith(".what")]
        terms = [(self._term(key), texts[f"metric.{key}.what"]) for key in keys if key in used]
        if not self.examines and not terms:
            return ()
        extra = [(texts[f"glossary.{key}"], texts[f"glossary.{key}_what"]) for key in ("interval", "slice", "points")]
        return tuple((self.words.title(term), what) for term, what in [*terms, *extra])

    def _term(self, metric: str) -> str:
        """A metric's name; in Chinese with the English term beside it."""
        name = self.words.metric(metric)
        if self.words.lang == "en":
            return name
        english = Sentences.of("en").metric(metric)
        return name if english.lower() == name.lower() else f"{name}（{english}）"

    def _exhibit_data(self) -> list[Json]:
        return [each["data"] for each in self.listed("exhibits") if isinstance(each.get("data"), Mapping)]

    @cached_property
    def origin(self) -> tuple[tuple[str, str], ...]:
        """Where the numbers come from: pairs of a name and a value."""
        words, report = self.words, self.report
        facts: list[tuple[str, Any]] = []
        for key in ("model", "before", "data"):
            found = self.table(key)
            facts += [(words.say(f"origin.{key}"), found.get("name"))]
            facts += [(f"{words.say(f'origin.{key}')} · {words.name('origin', part)}", found.get(part))
                      for part in ("fingerprint", "parameters", "rows", "split")]  # fmt: skip
        shown = self.labels[:20]
        if len(self.labels) > 20:
            shown.append(words.say("origin.more_labels", n=len(self.labels) - 20))
        facts += [
            (words.say("origin.task"), self.table("task").get("name")),
            (words.say("origin.labels"), words.say("list.comma").join(shown) or None),
            (words.say("origin.seed"), None if report.get("seed") is None else str(report["seed"])),
            (
                words.say("origin.seconds"),
                words.duration(report["seconds"]) if is_number(report.get("seconds")) else None,
            ),
            (words.say("origin.versions"), ", ".join(f"{k} {v}" for k, v in self.table("versions").items()) or None),
            (words.say("origin.format"), report.get("format")),
        ]
        return tuple((name, words.plain_value(value)) for name, value in facts if value not in (None, ""))


def parsed(rule: str) -> list[dict[str, Any]]:
    """The conditions of a rule as `core.slice` writes it; empty where it cannot be read."""
    where: list[dict[str, Any]] = []
    for piece in rule.split(" and "):
        found = _CONDITION.match(piece)
        if found is None:
            return []
        if found["derived"]:
            where.append({"column": found["derived"], "op": "==", "value": True})
        elif found["has"]:
            where.append({"column": found["has"], "op": "contains", "value": found["word"]})
        else:
            op, value = found["op"], found["value"]
            ordered = op in (">=", "<=")
            number = int(value) if ordered and value.isdigit() else value
            where.append({"column": found["column"], "op": op if ordered else "==", "value": number})
    return where


def _as_error(metric: str, measure: Json | None) -> Json | None:
    """A measure as the share of wrong answers, where it can be read so."""
    if measure is None or not is_number(measure.get("value")):
        return None
    if metric == "error_rate":
        return measure
    if metric not in OF_ROWS:
        return None
    ends = [measure.get("high"), measure.get("low")]
    low, high = (1 - end if is_number(end) else None for end in ends)
    return {"value": 1 - measure["value"], "low": low, "high": high}


def _bounds_change(gate: Json) -> bool:
    """Whether a gate bounds the change from the model before, not the value."""
    return "no_worse_by" in (gate.get("bound") or {})


def _corrected(measured: Json | None, gate: Json) -> Json | None:
    """What was measured, with the interval its verdict rests on where the gate tells it."""
    interval = gate.get("corrected")
    return {**measured, **interval} if measured and isinstance(interval, Mapping) else measured


def _in_errors(kind: str, metric: str, measure: Json) -> tuple[str, Json]:
    """(metric, measure) as shown: what a blind spot costs is said in wrong answers, all else as it was measured."""
    wrong = _as_error(metric, measure) if kind == "blind_spot" else None
    return ("error_rate", wrong) if wrong else (metric, measure)


def marked(text: str, where: Sequence[Json], *, length: int = EVIDENCE_LENGTH) -> tuple[tuple[str, bool], ...]:
    """A text in pieces (text, marked?): the words of the slice are marked; a long text is cut around the first one."""
    spans = sorted({span for each in where for span in _spans(text, each)})
    text, spans = _cut(text, spans, length)
    pieces, at = [], 0
    for start, end in spans:
        if start >= at:
            pieces += [(text[at:start], False), (text[start:end], True)]
            at = end
    pieces.append((text[at:], False))
    return tuple(each for each in pieces if each[0])


def _spans(text: str, condition: Json) -> list[tuple[int, int]]:
    column, value = condition.get("column"), condition.get("value")
    if column == "text" and isinstance(value, str) and value:
        edge = r"\b" if re.fullmatch(r"[A-Za-z0-9]+", value) else ""
        pattern = re.compile(edge + re.escape(value) + edge, re.IGNORECASE)
    elif column == "negation" and value is True:
        pattern = _NEGATION
    elif column == "number" and value is True:
        pattern = _NUMBER
    else:
        return []
    return [match.span() for match in pattern.finditer(text)]


def _cut(text: str, spans: list[tuple[int, int]], length: int) -> tuple[str, list[tuple[int, int]]]:
    if len(text) <= length:
        return text, spans
    start = max(0, spans[0][0] - length // 3) if spans else 0
    start = min(start, len(text) - length)
    end = start + length
    head, tail = "… " if start else "", " …" if end < len(text) else ""
    moved = [(a - start + len(head), b - start + len(head)) for a, b in spans if a >= start and b <= end]
    return head + text[start:end] + tail, moved


def _rows_word(source: str, columns: Mapping[str, Any], task: str | None) -> str:
    """Rows in a command, with options for their columns by role, and for the task where one is given."""
    options = [
        ("--group" if role == "groups" else f"--{role.replace('_', '-')}", name)
        for role, names in columns.items()
        for name in ([names] if isinstance(names, str) else names or ())
    ]
    options += [("--task", task)] if task else []
    return shlex.join([source, *(word for option in options for word in option)])
