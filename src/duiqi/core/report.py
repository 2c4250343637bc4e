"""`Report`: measures, rulings, findings, exhibits, what was skipped and why, provenance; JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Ruling, overall
from duiqi.core.measure import Across, Interval, Measure
from duiqi.core.part import Catalogue
from duiqi.core.slice import Slice

FORMAT = "duiqi-report/1"
EXIT = {"pass": 0, "fail": 1, "unclear": 3}


@dataclass(frozen=True, eq=False)
class Finding:
    """A gate that failed: what kind of misalignment, where, how bad, on which rows it shows, and what treats it.

    `severity`: about how many more wrong answers (or points of the measure) per 1,000 rows than the gate allows.
    """

    kind: str
    probe: str
    ruling: Ruling
    slice: Slice
    rows: int
    severity: float
    row_ids: tuple[str, ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    remedies: tuple[str, ...] = ()
    status: str = ""

    @property
    def title(self) -> str:
        """A stable code: equal exactly for the same finding in another report."""
        return f"{self.kind}: {self.ruling.measure.name} on {self.slice.rule}"

    def to_json(self) -> dict[str, Any]:
        said = {
            "kind": self.kind,
            "probe": self.probe,
            "title": self.title,
            "measure": self.ruling.measure.name,
            "verdict": self.ruling.verdict,
            "severity": round(self.severity, 3),
            "slice": {**self.slice.to_json(), "rows": self.rows, "row_ids": list(self.row_ids)},
            "bound": self.ruling.gate.bound,
            "measures": [self.ruling.measure.to_json()],
            "evidence": [dict(each) for each in self.evidence],
            "remedies": list(self.remedies),
        }
        return {**said, "status": self.status} if self.status else said


@dataclass(frozen=True, eq=False)
class Report:
    """What an examination says. Everything a renderer needs is in `to_json()`.

    `facts` holds provenance (model, before, data, task, seconds, versions) and, where a verb has them, `trials`.
    """

    verb: str
    seed: int = 0
    measures: tuple[Measure, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    findings: tuple[Finding, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    skipped: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """pass where all gates pass, fail where one fails, else unclear; so also where no gate was held against what
        was measured, or all was skipped."""
        nothing = ["unclear"] if (self.skipped or self.measures) and not self.rulings else []
        return overall([*(ruling.verdict for ruling in self.rulings), *nothing])

    @property
    def exit_code(self) -> int:
        return EXIT[self.verdict]

    def measure(self, name: str, slice: str = "all") -> Measure:
        """The measure of that name and slice."""
        for measure in self.measures:
            if name in (measure.name, measure.base) and measure.slice.rule == slice:
                return measure
        raise DataError(
            f"expected a measure '{name}' on '{slice}', given none of it in this {self.verb} report",
            hint=f"Measures: {', '.join(sorted({m.name for m in self.measures}))}.",
        )

    def find(self, like: Measure) -> Measure | None:
        """The measure that may be compared with `like`, if there is one."""
        wanted = (like.probe, like.name, like.slice)
        for each in self.measures:
            if (each.probe, each.name, each.slice) == wanted:
                return each
        return None

    def with_facts(self, **facts: Any) -> Report:
        """The same report with more provenance."""
        return replace(self, facts={**self.facts, **facts})

    def to_json(self) -> dict[str, Any]:
        """The report as of the contract in DESIGN section 7."""
        findings = sorted(self.findings, key=lambda finding: -finding.severity)
        return {
            "format": FORMAT,
            "verb": self.verb,
            "verdict": self.verdict,
            "seed": self.seed,
            **self.facts,
            "measures": [each.to_json() for each in self.measures if each.is_number],
            "gates": [ruling.to_json() for ruling in self.rulings],
            "findings": [finding.to_json() for finding in findings],
            "exhibits": [exhibit.to_json() for exhibit in self.exhibits],
            "skipped": [dict(each) for each in self.skipped],
            "notes": [dict(each) for each in self.notes],
        }


def without_rows(said: Mapping[str, Any]) -> dict[str, Any]:
    """A report in JSON form that holds no text of any row, for forwarding."""
    findings = [
        {**finding, "evidence": [], "slice": {**finding["slice"], "row_ids": []}} for finding in said["findings"]
    ]
    exhibits = [each for each in said["exhibits"] if not each["data"].get("rows_of_data")]
    bare = {**said, "findings": findings, "exhibits": exhibits}
    return {**bare, "explanations": []} if "explanations" in said else bare  # which are texts of rows throughout


def save_measures(measures: Sequence[Measure], path: Path) -> None:
    """Write the sums of measures, so that a saved report can be merged and subtracted."""
    about = []
    arrays: dict[str, Any] = {}
    for number, measure in enumerate(measures):
        arrays[f"total{number}"], arrays[f"sums{number}"] = measure.total, measure.sums.astype(np.float32)
        across = measure.across and [
            measure.across.reduce,
            measure.across.by,
            measure.across.levels,
            measure.across.rows,
            measure.across.distinct,
            [each.to_json() for each in measure.across.slices],
        ]
        about.append(
            {
                "metric": measure.metric.name,
                "rows": measure.rows,
                "digest": measure.digest,
                "seed": measure.seed,
                "slice": measure.slice.to_json(),
                "options": dict(measure.options),
                "across": across,
                "stated": measure.stated and [measure.stated.low, measure.stated.high, measure.stated.why],
                "probe": measure.probe,
                "distinct": measure.distinct,
            }
        )
    arrays["about"] = np.array(json.dumps(about))
    np.savez_compressed(path, **arrays)


def load_measures(path: Path, catalogue: Catalogue) -> tuple[Measure, ...]:
    """The measures of a saved report, with their draws."""
    with np.load(path, allow_pickle=False) as arrays:
        return tuple(
            Measure(
                metric=(metric := catalogue.find("metric", said["metric"])),
                total=arrays[f"total{number}"],
                sums=arrays[f"sums{number}"].astype(np.float64),
                rows=said["rows"],
                digest=said["digest"],
                seed=said["seed"],
                slice=Slice.from_json(said["slice"]),
                options=metric.check(said["options"]),
                across=_across(said["across"]),
                stated=Interval(*said["stated"]) if said["stated"] else None,
                probe=said["probe"],
                distinct=said["distinct"],
            )
            for number, said in enumerate(json.loads(str(arrays["about"])))
        )


def _across(said: Sequence[Any] | None) -> Across | None:
    if not said:
        return None
    reduce, by, levels, rows, distinct, *slices = said  # older reports have none
    found = tuple(Slice.from_json(each) for listed in slices for each in listed)
    return Across(reduce, by, tuple(levels), tuple(rows), tuple(distinct), found)
