"""Reports as the verbs write them, small but whole: diagnosis, proof, alignment; English and Chinese data."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

_WORDS: dict[str, Json] = {
    "en": {
        "model": "all-minilm-l6-v2",
        "data": "product-reviews",
        "labels": ["negative", "positive"],
        "column": "product",
        "groups": ["books", "dvd", "electronics", "kitchen"],
        "weak": "kitchen",
        "word": "battery",
        "other": "books",
        "texts": [
            "The battery was dead after two days, and the shop did not even answer. Never again.",
            "I expected little, but the battery lasts all week. Not bad at all for the price.",
            "Battery life is a joke <script>alert('x')</script> & the charger melted.",
        ],
        "negated": [
            "Not the masterpiece everyone claims it is, yet I could not put it down.",
            "There is nothing in these 400 pages that I would not have guessed from the cover.",
        ],
    },
    "zh": {
        "model": "waimai-encoder-zh",
        "data": "外卖评价",
        "labels": ["差评", "好评"],
        "column": "城市",
        "groups": ["北京", "上海", "成都", "广州"],
        "weak": "成都",
        "word": "配送",
        "other": "上海",
        "texts": [
            "配送小哥态度很好，可是等了一个半小时，菜都凉了，下次不会再点了。",
            "味道一般，不过配送快得惊人，二十分钟就到了，给个好评吧。",
            "配送员<script>alert('x')</script>打电话说找不到地方，最后还是我自己下楼去拿的。",
        ],
        "negated": ["没有想象中那么好吃，不过也不算差。", "不是不好吃，是根本没送到。"],
    },
}


def measure(
    name: str,
    value: float,
    half: float,
    *,
    slice: str = "all",
    rows: int = 2000,
    probe: str = "performance",
    better: str = "higher",
) -> Json:
    low, high = max(-1.0, value - half), min(1.0, value + half)
    return {
        "probe": probe,
        "name": name,
        "slice": slice,
        "value": value,
        "low": low,
        "high": high,
        "better": better,
        "rows": rows,
        "settled": True,
    }


def _near(value: float, half: float) -> Json:
    return {"value": value, "low": value - half, "high": value + half}


def _evidence(texts: list[str], labels: list[str], start: int = 0) -> list[Json]:
    return [
        {
            "row_id": str(start + 17 * i),
            "text": text,
            "label": labels[i % 2],
            "answer": labels[(i + 1) % 2],
            "confidence": 0.97 - 0.09 * i,
        }
        for i, text in enumerate(texts)
    ]


def _findings(w: Json) -> list[Json]:
    word, column, weak, other = w["word"], w["column"], w["weak"], w["other"]
    battery, negated = f"text has '{word}'", f"{column} == '{other}' and negation"
    return [
        {
            "kind": "miscalibration",
            "probe": "calibration",
            "title": "miscalibration",
            "verdict": "fail",
            "severity": 0.0,
            "slice": {"rule": "all", "where": [], "rows": 2000, "row_ids": []},
            "measure": "calibration_error",
            "remedies": ["temperature_scaling"],
            "evidence": [],
            "measures": [measure("calibration_error", 0.083, 0.012, probe="calibration", better="lower")],
        },
        {
            "kind": "blind_spot",
            "probe": "blind_spots",
            "title": f"blind_spot: {battery}",
            "verdict": "fail",
            "severity": 18.4,
            "measure": "accuracy",
            "remedies": ["reweight", "augment"],
            "expected_by_chance": 0.794,
            "slice": {
                "rule": battery,
                "where": [{"column": "text", "op": "contains", "value": word}],
                "rows": 126,
                "row_ids": ["0", "17", "34"],
            },
            "measures": [measure("accuracy", 0.603, 0.085, slice=battery, rows=126, probe="blind_spots")],
            "evidence": _evidence(w["texts"], w["labels"]),
        },
        {
            "kind": "unfairness",
            "probe": "fairness",
            "title": f"unfairness: {column} == '{weak}'",
            "verdict": "fail",
            "severity": 11.2,
            "measure": "accuracy",
            "remedies": ["reweight"],
            "slice": {
                "rule": f"{column} == '{weak}'",
                "where": [{"column": column, "op": "==", "value": weak}],
                "rows": 512,
                "row_ids": [],
            },
            "measures": [
                measure("accuracy", 0.838, 0.031, slice=f"{column} == '{weak}'", rows=512, probe="fairness"),
                measure("accuracy_gap", 0.071, 0.03, slice="all", probe="fairness", better="lower"),
            ],
            "evidence": [],
        },
        {
            "kind": "blind_spot",
            "probe": "blind_spots",
            "title": f"blind_spot: {negated}",
            "verdict": "unclear",
            "severity": 3.1,
            "measure": "accuracy",
            "remedies": ["reweight", "augment"],
            "slice": {
                "rule": negated,
                "rows": 61,
                "row_ids": ["51"],
                "where": [
                    {"column": column, "op": "==", "value": other},
                    {"column": "negation", "op": "==", "value": True},
                ],
            },
            "measures": [measure("accuracy", 0.77, 0.11, slice=negated, rows=61, probe="blind_spots")],
            "evidence": _evidence(w["negated"], w["labels"], 51),
        },
    ]


def _cell(value: float, half: float) -> Json:
    return {"value": value, "low": value - half, "high": value + half}


def _exhibits(w: Json) -> list[Json]:
    labels, column = w["labels"], w["column"]
    points = [
        [0.55, 0.51, 0.44, 0.58, 120],
        [0.65, 0.57, 0.51, 0.63, 210],
        [0.75, 0.66, 0.61, 0.71, 290],
        [0.85, 0.76, 0.72, 0.8, 420],
        [0.96, 0.93, 0.915, 0.945, 960],
    ]
    scores = dict(zip(w["groups"], (0.921, 0.914, 0.905, 0.838), strict=True))
    data: list[tuple[str, str, Json]] = [
        (
            "performance",
            "bars",
            {
                "title": "floors",
                "x": "accuracy",
                "bars": [
                    {"label": "model", **_near(0.894, 0.0135)},
                    {"label": "tfidf_logistic_regression", **_near(0.842, 0.016)},
                    {"label": "majority", **_near(0.612, 0.0213)},
                ],
            },
        ),
        (
            "performance",
            "table",
            {
                "title": "per_class",
                "columns": ["class", "precision", "recall", "f1", "support"],
                "rows": [
                    [labels[0], _cell(0.872, 0.023), _cell(0.851, 0.025), _cell(0.861, 0.019), 776],
                    [labels[1], _cell(0.907, 0.016), _cell(0.921, 0.015), _cell(0.914, 0.012), 1224],
                ],
            },
        ),
        (
            "performance",
            "matrix",
            {"title": "confusion", "rows": labels, "columns": labels, "values": [[660, 116], [97, 1127]]},
        ),
        (
            "calibration",
            "curve",
            {
                "title": "reliability",
                "x": "confidence",
                "y": "accuracy",
                "diagonal": True,
                "series": [{"name": "after", "points": points}],
            },
        ),
        (
            "fairness",
            "bars",
            {
                "title": "by_group",
                "x": "accuracy",
                "bars": [{"label": group, **_near(value, 0.026)} for group, value in scores.items()],
            },
        ),
        (
            "fairness",
            "table",
            {
                "title": "by_group",
                "columns": [column, "accuracy", "macro_f1", "support"],
                "rows": [
                    [group, _cell(value, 0.026), _cell(value - 0.011, 0.03), 496] for group, value in scores.items()
                ],
            },
        ),
    ]
    return [{"probe": probe, "form": form, "data": each} for probe, form, each in data]


def _frame(w: Json, verb: str, verdict: str) -> Json:
    return {
        "format": "duiqi-report/1",
        "verb": verb,
        "verdict": verdict,
        "seed": 0,
        "seconds": 41.2,
        "task": {"name": "classify", "options": {"labels": w["labels"]}},
        "model": {"name": w["model"], "fingerprint": "5b1f0c9e2a77d410", "parameters": 22_713_986, "lineage": []},
        "before": None,
        "data": {"name": w["data"], "fingerprint": "c0ffee1234567890", "rows": 2000, "split": "dev"},
        "measures": [],
        "gates": [],
        "findings": [],
        "exhibits": [],
        "trials": [],
        "notes": [],
        "skipped": [{"probe": "robustness", "needs": ["model.probs"], "why": "missing", "hint": ""}],
        "versions": {"duiqi": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.4.6"},
        "chosen_among": 0,
    }


def diagnose(data: str = "en") -> Json:
    """A diagnosis that fails: a blind spot, a weak group, too much confidence, and a suspicion."""
    w = _WORDS[data]
    report = _frame(w, "diagnose", "fail")
    found = _findings(w)
    report["findings"] = found
    report["measures"] = [
        measure("accuracy", 0.894, 0.0135),
        measure("macro_f1", 0.888, 0.0145),
        measure("calibration_error", 0.083, 0.012, probe="calibration", better="lower"),
        *(m for f in found for m in f["measures"] if m["slice"] != "all"),
    ]
    report["gates"] = [
        {
            "probe": "performance",
            "measure": "accuracy",
            "slice": "all",
            "bound": {"at_least": 0.842},
            "verdict": "pass",
            "single_verdict": "pass",
            "corrected": {"low": 0.875, "high": 0.911},
            "rows_to_settle": None,
        },
        {
            "probe": "calibration",
            "measure": "calibration_error",
            "slice": "all",
            "bound": {"at_most": 0.05},
            "verdict": "fail",
            "single_verdict": "fail",
            "corrected": {"low": 0.066, "high": 0.099},
            "rows_to_settle": None,
        },
        {
            "probe": "fairness",
            "measure": "accuracy",
            "slice": found[2]["slice"]["rule"],
            "bound": {"at_least": 0.87},
            "verdict": "unclear",
            "single_verdict": "fail",
            "rows_to_settle": 3000,
        },
        {
            "probe": "blind_spots",
            "measure": "accuracy",
            "slice": found[1]["slice"]["rule"],
            "bound": {"at_least": 0.794},
            "verdict": "fail",
            "single_verdict": "fail",
            "rows_to_settle": None,
        },
    ]
    report["exhibits"] = _exhibits(w)
    report["notes"] = [
        {"code": "guessed_column", "role": "label", "column": "sentiment"},
        {"code": "windowed", "rows": 12},
        {"code": "split_made", "part": "dev", "rows": 900, "from": "train"},
        {"code": "looks", "split": "dev", "times": 4},
        {"code": "small_group", "column": w["column"], "group": w["groups"][1], "rows": 1},
    ]
    report["skipped"].append({"probe": "fairness", "needs": ["data.groups"], "why": "missing", "hint": "--group"})
    return report


def _compared(
    probe: str, name: str, slice: str, before: float, after: float, half: float, bound: Json, verdict: str
) -> Json:
    return {
        "probe": probe,
        "measure": name,
        "slice": slice,
        "bound": bound,
        "verdict": verdict,
        "single_verdict": verdict,
        "rows_to_settle": 5000 if verdict == "unclear" else None,
        "before": _near(before, half),
        "after": _near(after, half),
        "change": _near(after - before, half * 0.7),
    }


def _gates_of_proof(w: Json) -> list[Json]:
    battery, weak = f"text has '{w['word']}'", f"{w['column']} == '{w['weak']}'"
    return [
        _compared("performance", "accuracy", "all", 0.894, 0.921, 0.0125, {"no_worse_by": 0.01}, "pass"),
        _compared("performance", "macro_f1", "all", 0.888, 0.917, 0.0135, {"no_worse_by": 0.01}, "pass"),
        _compared("calibration", "calibration_error", "all", 0.083, 0.021, 0.011, {"at_most": 0.05}, "pass"),
        _compared("blind_spots", "accuracy", battery, 0.603, 0.849, 0.075, {"no_worse_by": 0.02}, "pass"),
        _compared("fairness", "accuracy", weak, 0.838, 0.846, 0.029, {"at_least": 0.87}, "fail"),
        _compared(
            "fairness",
            "accuracy",
            f"{w['column']} == '{w['other']}'",
            0.914,
            0.911,
            0.026,
            {"no_worse_by": 0.02},
            "unclear",
        ),
    ]


def _lineage(found: list[Json]) -> list[Json]:
    return [
        {
            "remedy": "finetune",
            "options": {"epochs": 3},
            "seed": 0,
            "treated": [],
            "rows": {"trained": 6000, "selected": 2000},
        },
        {
            "remedy": "reweight",
            "options": {"strength": 2.0, "scope": "full"},
            "seed": 0,
            "treated": [found[1]],
            "rows": {"trained": 6000, "selected": 2000},
        },
        {
            "remedy": "temperature_scaling",
            "options": {},
            "seed": 0,
            "treated": [found[0]],
            "rows": {"calibrated": 2000},
        },
    ]


def prove(data: str = "en") -> Json:
    """A proof on test rows: better, with nothing shown to be worse."""
    w = _WORDS[data]
    report = _frame(w, "prove", "pass")
    report["before"] = dict(report["model"])
    report["model"] = {
        **report["model"],
        "name": "duiqi-out/model",
        "fingerprint": "77aa00bb11cc22dd",
        "lineage": _lineage(_findings(w)),
    }
    report["data"]["split"] = "test"
    report["gates"] = _gates_of_proof(w)[:4]
    report["measures"] = [measure("accuracy", 0.921, 0.0125), measure("macro_f1", 0.917, 0.0135)]
    report["notes"] = [{"code": "removed_seen", "exact": 2, "near": 1}, {"code": "looks", "split": "test", "times": 1}]
    return report


def align(data: str = "en") -> Json:
    """An alignment that repaired two of four misalignments; one remains, one cannot be told."""
    w = _WORDS[data]
    report = prove(data)
    found = _findings(w)
    for finding, status in zip(found, ("repaired", "repaired", "remaining", "unclear"), strict=True):
        finding["status"] = status
    battery = found[1]["slice"]["rule"]
    accuracy = {"probe": "performance", "measure": "accuracy", "slice": "all"}
    report |= {
        "verb": "align",
        "verdict": "fail",
        "findings": found,
        "gates": _gates_of_proof(w),
        "seconds": 512.7,
        "chosen_among": 3,
        "trials": [
            {
                "remedies": [{"name": "reweight", "options": {"strength": 2.0}}],
                "decision": "kept",
                "why": "better",
                "targets": [found[1]["title"], found[2]["title"]],
                "seconds": 171.0,
                "forecast_seconds": 160.0,
                "changes": [
                    {
                        **accuracy,
                        "before": _near(0.894, 0.013),
                        "after": _near(0.919, 0.012),
                        "change": _near(0.025, 0.011),
                        "verdict": "better",
                    },
                    {
                        **accuracy,
                        "probe": "blind_spots",
                        "slice": battery,
                        "before": _near(0.603, 0.08),
                        "after": _near(0.841, 0.07),
                        "change": _near(0.238, 0.09),
                        "verdict": "better",
                    },
                ],
            },
            {
                "remedies": [{"name": "temperature_scaling", "options": {}}],
                "decision": "kept",
                "why": "better",
                "targets": ["miscalibration"],
                "seconds": 2.4,
                "forecast_seconds": 3.0,
                "changes": [
                    {
                        "probe": "calibration",
                        "measure": "calibration_error",
                        "slice": "all",
                        "before": _near(0.083, 0.012),
                        "after": _near(0.021, 0.01),
                        "change": _near(-0.062, 0.011),
                        "verdict": "better",
                    }
                ],
            },
            {
                "remedies": [{"name": "augment", "options": {"share": 0.5}}],
                "decision": "dropped",
                "why": "not_better",
                "targets": [found[2]["title"]],
                "seconds": 188.0,
                "forecast_seconds": 170.0,
                "changes": [
                    {
                        **accuracy,
                        "before": _near(0.919, 0.012),
                        "after": _near(0.917, 0.012),
                        "change": _near(-0.002, 0.008),
                        "verdict": "unclear",
                    }
                ],
            },
        ],
    }
    exhibits = _exhibits(w)
    before = dict(zip(w["groups"], (0.921, 0.914, 0.905, 0.838), strict=True))
    for bar in exhibits[4]["data"]["bars"]:
        bar["before"] = _near(before[bar["label"]], 0.026)
        bar.update(_near(min(0.96, before[bar["label"]] + 0.015), 0.024))
    curve = copy.deepcopy(exhibits[3]["data"]["series"][0]["points"])
    for point in exhibits[3]["data"]["series"][0]["points"]:
        point[1], point[2], point[3] = point[0] - 0.01, point[0] - 0.05, min(1.0, point[0] + 0.03)
    exhibits[3]["data"]["series"].insert(0, {"name": "before", "points": curve})
    planted = {
        "title": "planted",
        "columns": ["plant", "slice", "found_as", "status"],
        "rows": [
            ["missing_topic", battery, f"blind_spot: accuracy_difference[slice] on {battery}", "repaired"],
            ["dialect", found[2]["slice"]["rule"], None, "not_found"],
        ],
    }
    report["exhibits"] = [*exhibits, {"probe": "demo", "form": "table", "data": planted}]
    return report


def healthy() -> Json:
    """A diagnosis that finds nothing."""
    report = diagnose()
    return report | {
        "verdict": "pass",
        "findings": [],
        "gates": report["gates"][:1],
        "exhibits": report["exhibits"][:3],
    }


def unsure() -> Json:
    """A diagnosis with too few rows to tell."""
    report = diagnose("zh")
    return report | {"verdict": "unclear", "findings": report["findings"][3:], "gates": report["gates"][2:3]}


def many_classes(classes: int = 77) -> Json:
    """A diagnosis with so many classes that a matrix of them cannot be read."""
    report = diagnose()
    labels = [f"request_about_something_with_a_rather_long_name_{i}" for i in range(classes)]
    values = [
        [40 if i == j else 7 if j == (i + 1) % classes and i % 9 == 0 else 0 for j in range(classes)]
        for i in range(classes)
    ]
    report["task"]["options"]["labels"] = labels
    rows = [
        [label, _cell(0.9 - i / 200, 0.05), _cell(0.88, 0.05), _cell(0.89 - i / 300, 0.04), 40]
        for i, label in enumerate(labels)
    ]
    report["exhibits"] = [
        {
            "probe": "performance",
            "form": "matrix",
            "data": {"title": "confusion", "rows": labels, "columns": labels, "values": values},
        },
        {
            "probe": "performance",
            "form": "table",
            "data": {"title": "per_class", "columns": ["class", "precision", "recall", "f1", "support"], "rows": rows},
        },
        {
            "probe": "performance",
            "form": "bars",
            "data": {
                "title": "class_balance",
                "x": "share",
                "bars": [{"label": label, **_near(0.013, 0.003)} for label in labels],
            },
        },
    ]
    return report


def foreign() -> Json:
    """A report full of codes that nobody has sentences for, as parts of third parties write them, and of gaps."""
    return {
        "format": "duiqi-report/1",
        "verb": "ponder",
        "verdict": "maybe",
        "seed": None,
        "seconds": None,
        "model": None,
        "before": None,
        "data": {},
        "task": None,
        "measures": [
            {
                "probe": "zen",
                "name": "inner_peace",
                "slice": "moon",
                "value": None,
                "low": None,
                "high": None,
                "rows": 3,
            },
            {"probe": "zen", "name": "worst_group_inner_peace", "slice": "all", "value": float("nan")},
        ],
        "gates": [
            {
                "probe": "zen",
                "measure": "inner_peace",
                "slice": "moon",
                "bound": {"around": [1, 2]},
                "verdict": "so_so",
            },
            {"probe": "zen", "measure": "inner_peace", "bound": None, "verdict": None},
        ],
        "findings": [
            {
                "kind": "restlessness",
                "probe": "zen",
                "title": "restlessness: {odd} %s",
                "verdict": "hmm",
                "severity": None,
                "slice": {
                    "rule": "moon",
                    "where": [{"column": "phase {0}", "op": "~", "value": [1, "a"]}],
                    "rows": None,
                },
                "measures": [],
                "evidence": [{"row_id": 4}],
                "remedies": ["sit_still"],
                "status": "pending",
            },
            {"kind": "blind_spot"},
        ],
        "exhibits": [
            {"probe": "zen", "form": "hologram", "data": {"title": "aura"}},
            {"probe": "zen", "form": "bars", "data": {}},
            {"probe": "zen", "form": "curve", "data": {"series": [{"points": [[None, 1], [1]]}]}},
            {"probe": "zen", "form": "matrix", "data": {"title": "odd", "rows": [], "columns": [], "values": []}},
            {
                "probe": "zen",
                "form": "table",
                "data": {"title": "t", "columns": ["a_b"], "rows": [[None], [True], [{"value": 3}]]},
            },
            {"probe": "zen", "form": "tokens", "data": {"title": "w", "tokens": ["<b>", "好"], "weights": [0.5, -1.0]}},
        ],
        "skipped": [
            {"probe": "aura", "needs": "data.chakra", "why": "raised ValueError: {x}", "hint": "Breathe."},
            {"probe": None},
        ],
        "notes": [{"code": "om", "depth": 3, "mood": "calm"}, {"code": "silence"}, {"code": "windowed"}, {}],
        "trials": [
            {
                "remedies": [{"name": "sit_still", "options": {"hours": 3}}],
                "decision": "postponed",
                "why": "full_moon",
                "targets": ["restlessness: {odd} %s"],
                "changes": [{}],
            },
            {},
        ],
        "versions": None,
        "chosen_among": None,
    }


def everything() -> dict[str, Json]:
    """All samples by name."""
    return {
        "diagnose_en": diagnose("en"),
        "diagnose_zh": diagnose("zh"),
        "prove_en": prove("en"),
        "prove_zh": prove("zh"),
        "align_en": align("en"),
        "align_zh": align("zh"),
        "healthy": healthy(),
        "unsure": unsure(),
        "many_classes": many_classes(),
        "foreign": foreign(),
        "empty": {},
    }
