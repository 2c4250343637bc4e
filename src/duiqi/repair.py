"""`repair`: try remedies one after the other and keep those that are proven to help."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Unpack

from duiqi.core.bundle import Bundle
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, DuiqiError, OptionError, OutputError, ResumeError
from duiqi.core.examine import examine, finding
from duiqi.core.measure import Change, Floats, Measure, critical
from duiqi.core.part import Part
from duiqi.core.plan import Plan, chained
from duiqi.core.report import Finding, Report
from duiqi.core.task import Task
from duiqi.diagnose import diagnose_case
from duiqi.run.carry import Bench, check_remedies
from duiqi.run.table import Settings, Source, Table, fingerprints, lay, provenance
from duiqi.run.workshop import Workshop
from duiqi.show.publish import publish

BUDGET = 12.0


@dataclass(frozen=True, eq=False)
class Proposal:
    """Remedies to try together, the findings they treat, and the plan they make."""

    remedies: tuple[Part, ...]
    findings: tuple[Finding, ...]
    plan: Plan

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.remedies)

    @property
    def sets_confidence(self) -> bool:
        """Whether all it changes is how sure the model says it is."""
        return not self.plan.trains and all(set(part.treats) == {"miscalibration"} for part in self.remedies)


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of a proposal: `decision` is "kept", "dropped", "unclear" or "skipped", `why` a code."""

    proposal: Proposal
    decision: str
    why: str
    targets: tuple[Change, ...] = ()
    guards: tuple[Change, ...] = ()
    factor: float = 1.0
    forecast: float = 0.0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        changes = [_change(each, self.factor, "target") for each in self.targets]
        changes += [_change(each, 1.0, "guard") for each in self.guards if each.verdict() in ("better", "worse")]
        return {
            "remedies": [{"name": name, "options": dict(options)} for name, options in self.proposal.plan.remedies],
            "decision": self.decision,
            "why": self.why,
            "targets": [finding.title for finding in self.proposal.findings],
            "changes": changes,
            "forecast_seconds": round(self.forecast, 1),
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True, eq=False)
class Repaired:
    """The model after all trials: `found` is the diagnosis on dev, `first` and `last` measure the same slices before
    any trial and now. `kept` is what the remedies kept so far do to the training rows; later trials do it too. `train`
    are the training rows as those that clean them left them."""

    bundle: Bundle
    model: Any
    found: Report
    first: Report
    last: Report
    trials: tuple[Trial, ...] = ()
    kept: Plan = field(default_factory=Plan)
    train: Dataset | None = None

    def to_report(self) -> Report:
        """The diagnosis with the status of each finding and the trials."""
        report = with_statuses(self.model.task, self.found, self.first, self.last)
        run = [trial for trial in self.trials if trial.decision != "skipped"]
        return report.with_facts(trials=[trial.to_json() for trial in self.trials], chosen_among=len(run))


def repair(
    model: str | Path,
    data: Source,
    *,
    with_: Sequence[str] = (),
    budget: float = BUDGET,
    out: str | Path = "duiqi-out",
    lang: str = "en",
    rows: bool = True,
    **settings: Unpack[Settings],
) -> Report:
    """Diagnose a model on dev, try remedies for what was found, and write the repaired model to `out`/model.

    A remedy is kept only if something it treats is proven better on dev and nothing is proven worse, corrected for all
    remedies tried on these rows. `with_` names the remedies to try ("a+b" tries two at once), else all that treat a
    finding are tried, the most harmful finding first. `budget` is in minutes; each trial is forecast before it starts.
    A `reference`, named other rows with labels, is what no remedy may make the model forget.
    What is shown is chosen on dev: only `prove` on rows put aside gives the numbers to quote.
    """
    from duiqi.core.folder import check_outside, check_writable
    from duiqi.model.open import find

    out = Path(out)
    check_writable(out)
    check_outside(out, [model, data])
    table = lay(data, settings, complete=True, model=model)
    check_remedies(table, with_)
    bundle = find(str(model))
    opened = table.open(bundle)
    dev, train = table.part("dev"), table.part("train")
    pins = {"verb": "repair", "model": bundle.fingerprint, "train": train.fingerprint, "dev": dev.fingerprint,
            "seed": table.seed, "with": list(with_), "budget": budget, "options": dict(table.options),
            "policy": dict(table.policy), "references": fingerprints(table.references)}  # fmt: skip
    shop = Workshop.open(out.with_name(out.name + ".work"), pins)
    bench = Bench(table, shop, opened.task, train, dev)
    repaired = repair_case(bench, bundle, opened, with_=with_, budget=budget)
    report = replace(repaired.to_report(), verb="repair")
    report = provenance(report, table, data=dev, model=repaired.model, before=opened)
    report = report.with_facts(seconds=round(shop.seconds(), 2))
    report = publish(report, out, lang=lang, rows=rows, model=repaired.bundle.path)
    shop.close()
    return report


def repair_case(
    bench: Bench,
    bundle: Bundle,
    opened: Any,
    *,
    with_: Sequence[str] = (),
    budget: float = BUDGET,
    reserve: float = 0.0,
    most_trials: int | None = None,
    among: Sequence[str] = (),
) -> Repaired:
    """The loop on opened values; `reserve` seconds of the budget are left for what comes after.

    At most `most_trials` remedies that train are tried, of those named in `among` where some are; those that only
    finish do not count.
    """
    table, origin = bench.table, bench.origin
    start = cache(lambda: table.open_body(origin)) if origin is not None else None
    case = table.case(opened, bench.dev, start=start)
    found = diagnose_case(table, case)
    slices = tuple({f.slice.rule: f.slice for f in found.findings if f.slice.where}.values())
    case = replace(case, slices=slices, before=opened if case.references else None)
    first = _examine(table, case)
    state = Repaired(bundle, opened, found, first, first, train=case.train)
    for proposal in proposals(case, found.findings, with_, table.options):
        allowed = not among or proposal.name in among
        if with_ or (proposal.plan.trains and allowed):
            state = _try(bench, case, state, proposal, budget * 60 - reserve, most_trials)
    if not with_:  # confidence is set last: everything else moves it
        for sets_confidence in (False, True):
            state = _finish(bench, case, state, sets_confidence=sets_confidence)
    return state


def _finish(bench: Bench, case: Case, state: Repaired, *, sets_confidence: bool) -> Repaired:
    """The state after the remedies that do not train. They cost nothing, so doubts are enough to try them."""
    doubts = _doubts(bench.table, case.with_predictor(state.model), state.last)
    for proposal in proposals(case, [*state.last.findings, *doubts], (), bench.table.options):
        if not proposal.plan.trains and proposal.sets_confidence is sets_confidence:
            state = _try(bench, case, state, proposal, math.inf, None)
    return state


def _try(
    bench: Bench, case: Case, state: Repaired, proposal: Proposal, budget: float, most_trials: int | None
) -> Repaired:
    """One trial: the state after it, with the trial noted."""
    table, shop, number = bench.table, bench.shop, len(state.trials)
    plan = replace(proposal.plan, data=chained(state.kept.data, proposal.plan.data)) if proposal.plan.trains else None
    plan = plan or proposal.plan
    begun, forecast = shop.seconds(), 0.0
    try:
        why, forecast = _reason_to_skip(bench, state, proposal, plan, budget)
        if not why and most_trials is not None and plan.trains and _trained(state) >= most_trials:
            why = "most_trials"
        if not why:
            begun = shop.seconds()
            bundle = bench.carry_out(plan, state.bundle, f"{number}-{proposal.name}", proposal.findings)
    except (KeyboardInterrupt, MemoryError, OutputError, ResumeError):
        raise
    except Exception as error:  # not for this model, or not on these rows: the run goes on and the report says so
        said = str(error) if isinstance(error, DuiqiError) else f"{type(error).__name__}: {error}"
        why = f"{'unsuited' if isinstance(error, DataError) else 'raised'}:{said}"
    if why:
        return replace(state, trials=(*state.trials, Trial(proposal, "skipped", why, forecast=forecast)))
    model, train = table.open(bundle), state.train
    if proposal.plan.cleans and proposal.plan.data is not None and train is not None:
        train = bench.made(proposal.plan.data, train)
    report = _examine(table, case.with_predictor(model, train=train))
    trial = judge_trial(case.task, proposal, state.last, report, state.trials)
    trial = replace(trial, forecast=forecast, seconds=shop.say(f"took:{number}", round(shop.seconds() - begun, 1)))
    shop.mark(f"trial {number}")
    shop.say(f"decision:{number}", trial.decision)
    state = replace(state, trials=(*state.trials, trial))
    if trial.decision != "kept":
        return state
    return replace(
        state,
        bundle=bundle,
        model=model,
        last=report,
        kept=Plan(data=plan.data) if plan.trains else state.kept,
        train=train,
    )


def _doubts(table: Table, case: Case, report: Report) -> list[Finding]:
    """What would be findings, were the rows enough to tell."""
    kinds = {order.probe.name: str(order.probe.kind) for order in table.orders(case)}
    return [finding(case, r, kinds[r.measure.probe]) for r in report.rulings if r.verdict == "unclear"]


def _trained(state: Repaired) -> int:
    return sum(trial.decision != "skipped" and trial.proposal.plan.trains for trial in state.trials)


def _reason_to_skip(bench: Bench, state: Repaired, proposal: Proposal, plan: Plan, budget: float) -> tuple[str, float]:
    """Why a proposal is not worth its time, or "", and the forecast in seconds. Decisions on time are journalled."""
    still = {finding.title for finding in state.last.findings}
    if plan.trains and proposal.findings and not any(each.title in still for each in proposal.findings):
        return "already_repaired", 0.0
    number = len(state.trials)
    forecast = bench.shop.decide(f"forecast:{number}", lambda: bench.forecast(plan, state.bundle))
    left = budget - bench.shop.seconds()
    return bench.shop.decide(f"skip:{number}", lambda: "budget" if forecast > left else ""), forecast


def proposals(
    case: Case, findings: Sequence[Finding], with_: Sequence[str], options: Mapping[str, Mapping[str, Any]]
) -> list[Proposal]:
    """What to try: those that begin training again first, then those for the most harmful findings.

    Remedies that treat nothing found are left out, those that are tried on request, and those without an option that
    only the user can give, unless they are asked for.
    """
    named = [[case.catalogue.find("remedy", name) for name in each.split("+")] for each in with_]
    groups = named or [
        [part] for part in case.catalogue.all("remedy")
        if _wanted(part, findings) and not part.lacking(options.get(part.name, {})) and not part.facts.get("on_request")
    ]  # fmt: skip
    groups = [parts for parts in groups if all(case.has(need) for part in parts for need in part.needs)]
    plans = {part.name: _planned(case, part, findings, options) for parts in groups for part in parts}
    made = [_proposal(tuple(parts), findings, plans) for parts in groups]

    def order(proposal: Proposal) -> tuple[bool, float]:
        return (not proposal.plan.restart, -_harm(proposal))

    return made if named else sorted(made, key=order)


def _wanted(part: Part, findings: Sequence[Finding]) -> bool:
    return any(finding.kind in part.treats for finding in findings)


def _planned(case: Case, part: Part, found: Sequence[Finding], options: Mapping[str, Mapping[str, Any]]) -> Plan:
    """The plan of one remedy for the findings that it treats; all proposals with it share the plan, and its rows."""
    given = options.get(part.name, {})
    made = part(case, _treated(part, found), **given)
    if not isinstance(made, Plan):
        raise OptionError(f"expected a Plan from the remedy {part.name}, given {type(made).__name__}", hint="Mend it.")
    return replace(made, remedies=((part.name, {**made.training, **given}),))


def _treated(part: Part, found: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(f for f in found if f.kind in part.treats)


def _proposal(parts: tuple[Part, ...], found: Sequence[Finding], plans: Mapping[str, Plan]) -> Proposal:
    plan = Plan()
    treated: list[Finding] = []
    for part in parts:
        treated += [f for f in _treated(part, found) if f not in treated]
        plan = plan | plans[part.name]
    return Proposal(parts, tuple(treated), plan)


def _harm(proposal: Proposal) -> float:
    return max((finding.severity for finding in proposal.findings), default=0.0)


def _examine(table: Table, case: Case) -> Report:
    return examine(case, table.orders(case), gates=table.gates)


def judge_trial(task: Task, proposal: Proposal, before: Report, after: Report, earlier: Sequence[Trial]) -> Trial:
    """Kept: a target proven better, nothing proven worse. Dropped: something worse. Unclear: neither can be told.

    Targets are corrected by max-T over the targets of all trials so far on these rows (STATISTICS, section 5), guards
    among themselves.
    """
    found = [change for finding in proposal.findings if (change := _target(task, finding, before, after))]
    targets = tuple({(c.after.name, c.after.digest): c for c in found}.values())
    if not targets:
        targets = tuple(_pairs(before, after, lambda m: _overall(task, m)))
    tried: list[Floats] = [change.draws for trial in earlier for change in trial.targets]
    factor = critical(tried + [change.draws for change in targets])
    guards = _guards(task, before, after, confidence=proposal.sets_confidence)
    guarding = critical([change.draws for change in guards])
    verdicts = [change.verdict(factor=factor) for change in targets]
    worse = [change for change in guards if change.verdict(factor=guarding) == "worse"]
    if worse:
        decision, why = "dropped", f"worse:{worse[0].after.name}"
    elif "better" in verdicts:
        decision, why = "kept", "better"
    else:
        decision, why = "unclear", "not_proven"
    return Trial(proposal, decision, why, targets, guards, factor)


def _guards(task: Task, before: Report, after: Report, *, confidence: bool) -> tuple[Change, ...]:
    """What must not get worse: how often the model is right, on all rows and on every slice, group and edit, and what
    metrics say of themselves that they guard, such as how often a rule of the policy is broken.

    Of a gap or difference its levels count, not their distance: a gap also grows when the stronger side gains more.
    Levels that are rows with other people in them are no sides of which each could be right: their worst counts.
    How sure the model says it is counts only for what changes nothing else (`confidence`): it is set anew at the end.
    What is held against the references (claims of the model's own) counts where the model is then proven beyond what
    its gate allows: one that wrote nonsense before claims nothing, and the references themselves claim something.
    """
    always = (task.primary, task.row_metric, "macro_f1")
    beyond = {ruling.measure.name for ruling in after.rulings if ruling.verdict == "fail"}
    changes: list[Change] = []
    for change in _pairs(before, after, lambda m: not m.metric.facts.get("shape")):
        now, then = change.after, change.before
        if now.across is not None and now.across.by == "references" and now.name not in beyond:
            continue
        if now.across is not None and not now.across.slices:
            levels = range(1 if now.across.reduce == "difference" else len(now.across.levels))
            changes += [now.level(at) - then.level(at) for at in levels]
        elif confidence or now.across or now.metric.name in always or now.metric.facts.get("guards"):
            changes.append(change)
    return tuple({(each.after.name, each.after.digest): each for each in changes}.values())


def _target(task: Task, finding: Finding, before: Report, after: Report) -> Change | None:
    """The change a finding asks for: of the rows right in its slice, or of its own measure where it is about all; of
    what is wrong with rows, where they were not cleaned, what the model is chosen by."""
    wanted = finding.ruling.measure

    def own(measure: Measure) -> bool:
        if finding.slice.where and wanted.metric.facts.get("about") != "versions":
            return measure.name == task.row_metric and measure.slice.rule == finding.slice.rule
        return (measure.name, measure.slice.rule) == (wanted.name, wanted.slice.rule)

    change = next(iter(_pairs(before, after, own)), None)
    if wanted.of_rows and (change is None or not change.draws.any()):
        return next(iter(_pairs(before, after, lambda m: _overall(task, m))), None)
    return change


def _overall(task: Task, measure: Measure) -> bool:
    return measure.name == task.primary and measure.slice.rule == "all"


def _pairs(before: Report, after: Report, meant: Any) -> list[Change]:
    pairs = [(measure, before.find(measure)) for measure in after.measures if meant(measure)]
    return [now - then for now, then in pairs if then is not None and now.digest == then.digest]


def with_statuses(task: Task, found: Report, first: Report, last: Report) -> Report:
    """The diagnosis with the status of each finding: "repaired" (its gate no longer fails and the change is proven),
    "improved" (proven, but the gate still fails), "remaining" or "unclear"."""
    still = {finding.title for finding in last.findings}

    def status(finding: Finding) -> str:
        change = _target(task, finding, first, last)
        better = change is not None and change.verdict() == "better"
        if finding.title in still:
            return "improved" if better else "remaining"
        return "repaired" if better else "unclear"

    return replace(found, findings=tuple(replace(each, status=status(each)) for each in found.findings))


def _change(change: Change, factor: float, role: str) -> dict[str, Any]:
    measure, interval = change.after, change.stretched(factor)
    said = {"probe": measure.probe, "measure": measure.name, "slice": measure.slice.rule, "role": role}
    said |= {"level_of": measure.level_of} if measure.level_of else {}
    for name, side in (("before", change.before), ("after", change.after)):
        said[name] = {"value": side.to_json()["value"], **side.interval.to_json()}  # type: ignore[assignment]
    value = change.value if math.isfinite(change.value) else None
    return {**said, "change": {"value": value, **interval.to_json()}, "verdict": change.verdict(factor=factor)}
