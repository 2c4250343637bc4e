"""The command line: words into one call of one verb, and its result onto the screen."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from duiqi.config import read_config, read_gates, read_policy
from duiqi.core.errors import DuiqiError, OptionError

if TYPE_CHECKING:
    from duiqi.show.sentences import Sentences

app = typer.Typer(
    name="duiqi",
    help="Find where a language model is misaligned with your data, repair it, and prove the repair. (对齐)",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A folder, hub:NAME, default, or default-zh; for "
                                      "diagnose and prove also a file of answers or an address (http://…), for explain "
                                      "an address that names classes.")]  # fmt: skip
Data = Annotated[str, typer.Argument(metavar="DATA", help="A csv, tsv, json, jsonl, parquet, xlsx or CoNLL file, a "
                                     "folder with train/dev/test files, or hub:NAME.")]  # fmt: skip
Task = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="What is asked of the model, such as classify, classify_pair or tag (duiqi parts task "
        "lists all). [default: by the form of the rows]",
    ),
]
Text = Annotated[str | None, typer.Option("--text", help="Column with the text.")]
TextPair = Annotated[str | None, typer.Option("--text-pair", help="Column with a second text.")]
Tokens = Annotated[str | None, typer.Option("--tokens", help="Column with the words of each row, as a list.")]
Choices = Annotated[str | None, typer.Option("--choices", help="Column with the choices of each row, as a list.")]
Spans = Annotated[
    str | None, typer.Option("--spans", help="Column with two marked parts of each text, [[start, end], [start, end]].")
]
Label = Annotated[str | None, typer.Option("--label", help="Column with the label.")]
Group = Annotated[list[str] | None, typer.Option("--group", help="Column to be fair to; may be given again.")]
Id = Annotated[str | None, typer.Option("--id", help="Column with your own row ids.")]
Split = Annotated[str | None, typer.Option("--split", help="Column that says train, dev or test.")]
Cluster = Annotated[str | None, typer.Option("--cluster", help="Column of what belongs together (author, document).")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="What files are in that are not UTF-8: gb18030, "
                                              "big5 … [default: by their characters]")]  # fmt: skip
Only = Annotated[list[str] | None, typer.Option("--only", help="Run just this probe; may be given again.")]
With = Annotated[list[str] | None, typer.Option("--with", help="Try this remedy; a+b tries two at once.")]
Budget = Annotated[float | None, typer.Option("--budget", min=0.0, help="Minutes. [default: 12]")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for report and model.")]
Part = Annotated[str | None, typer.Option("--part", help="Which part of the data: train, dev, test or all.")]
Sources = Annotated[list[str], typer.Argument(metavar="SOURCE…", help="Files, folders, hub:NAME, or - for what comes "
                                              "in on stdin.")]  # fmt: skip
Column = Annotated[list[str] | None, typer.Option("--column", metavar="OLD=NEW", help="Rename a column; may be given "
                                                  "again.")]  # fmt: skip
LabelName = Annotated[list[str] | None, typer.Option("--label-name", metavar="OLD=NEW", help="Rename a label; may be "
                                                     "given again.")]  # fmt: skip
STEP_HELP = (
    "clean, simplify, language, length, boilerplate, duplicates, private, harmful, balance (training "
    "rows, after the parts are made) or none; may be given again. "
    "[default: clean]"
)
RULES_HELP = "Python file of functions (text) -> class or None that label rows without people."
METHOD_HELP = (
    "kernel_shap, occlusion, lime, integrated_gradients; several divided by commas or given again. "
    "[default: the first two and the last]"
)
Steps = Annotated[list[str] | None, typer.Option("--step", help=STEP_HELP)]
Dev = Annotated[float | None, typer.Option("--dev", help="Share of dev. [default: 0.15, at most 2,000 rows]")]
Test = Annotated[float | None, typer.Option("--test", help="Share of test. [default: 0.15, at most 5,000 rows]")]
Seed = Annotated[int | None, typer.Option("--seed", help="One seed for everything. [default: 0]")]
Threads = Annotated[int | None, typer.Option("--threads", help="Processor cores to use.")]
Device = Annotated[str | None, typer.Option("--device", help="cpu or cuda. [default: cpu]")]
Reference = Annotated[list[str] | None, typer.Option("--reference", help="NAME=DATA: other rows; may be given again.")]
Gates = Annotated[Path | None, typer.Option("--gates", help="Toml file with bounds on measures.")]
Policy = Annotated[Path | None, typer.Option("--policy", help="Toml file with rules for what a model may answer.")]
Parts = Annotated[list[Path] | None, typer.Option("--parts", help="Python file with parts of your own.")]
Lang = Annotated[str | None, typer.Option("--lang", help="Language of report and screen: en or zh. [default: en]")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")]
NoRows = Annotated[bool, typer.Option("--no-rows", help="Write a report without the text of any row.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")]


@app.command()
def align(
    model: Model, data: Data, task: Task = None, text: Text = None, text_pair: TextPair = None,
    tokens: Tokens = None, choices: Choices = None, spans: Spans = None, label: Label = None,
    group: Group = None, id: Id = None, split: Split = None, cluster: Cluster = None,
    encoding: Encoding = None, reference: Reference = None, with_: With = None,
    budget: Budget = None, out: Out = None, seed: Seed = None, threads: Threads = None, device: Device = None,
    gates: Gates = None, policy: Policy = None, parts: Parts = None, lang: Lang = None, json_: Json = False,
    quiet: Quiet = False, no_rows: NoRows = False, dry_run: DryRun = False,
) -> None:  # fmt: skip
    """Find, repair and prove in one go: the main job. Writes report and model to --out (default duiqi-out)."""
    _report("align", locals(), ("reference", "with_", "budget"), out="duiqi-out")


@app.command()
def diagnose(
    model: Model, data: Data,
    before: Annotated[str | None, typer.Option("--before", help="An earlier model to compare with.")] = None,
    reference: Reference = None, only: Only = None, part: Part = None,
    task: Task = None, text: Text = None, text_pair: TextPair = None, tokens: Tokens = None, choices: Choices = None,
    spans: Spans = None,
    label: Label = None, group: Group = None, id: Id = None, split: Split = None, cluster: Cluster = None,
    encoding: Encoding = None,
    out: Out = None, seed: Seed = None, threads: Threads = None, device: Device = None, gates: Gates = None,
    policy: Policy = None, parts: Parts = None, lang: Lang = None, json_: Json = False, quiet: Quiet = False,
    no_rows: NoRows = False, dry_run: DryRun = False,
) -> None:  # fmt: skip
    """Say where a model is misaligned, and what treats it."""
    _report("diagnose", locals(), ("before", "reference", "only", "part"))


@app.command()
def repair(
    model: Model, data: Data, reference: Reference = None, with_: With = None,
    task: Task = None, text: Text = None, text_pair: TextPair = None, tokens: Tokens = None, choices: Choices = None,
    spans: Spans = None,
    label: Label = None, group: Group = None, id: Id = None, split: Split = None, cluster: Cluster = None,
    encoding: Encoding = None,
    budget: Budget = None, out: Out = None, seed: Seed = None, threads: Threads = None, device: Device = None,
    gates: Gates = None, policy: Policy = None, parts: Parts = None, lang: Lang = None, json_: Json = False,
    quiet: Quiet = False, no_rows: NoRows = False, dry_run: DryRun = False,
) -> None:  # fmt: skip
    """Try remedies on a model and keep what is proven to help on dev."""
    _report("repair", locals(), ("reference", "with_", "budget"), out="duiqi-out")


@app.command()
def prove(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="The model before.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The model after.")],
    data: Data, reference: Reference = None, only: Only = None, part: Part = None,
    margin: Annotated[float, typer.Option("--margin", help="By how much the main metric may be worse.")] = 0.01,
    task: Task = None, text: Text = None, text_pair: TextPair = None,
    tokens: Tokens = None, choices: Choices = None, spans: Spans = None, label: Label = None, group: Group = None,
    id: Id = None, split: Split = None, cluster: Cluster = None,
    encoding: Encoding = None, out: Out = None, seed: Seed = None,
    threads: Threads = None, device: Device = None, gates: Gates = None, policy: Policy = None, parts: Parts = None,
    lang: Lang = None, json_: Json = False, quiet: Quiet = False, no_rows: NoRows = False, dry_run: DryRun = False,
) -> None:  # fmt: skip
    """Compare two models on rows that neither has seen, row by row."""
    _report("prove", locals(), ("reference", "only", "part", "margin"))


@app.command()
def prepare(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", help="Folder for the rows, prepare.json and prepare.html.")],
    task: Task = None, text: Text = None, text_pair: TextPair = None, tokens: Tokens = None, choices: Choices = None,
    spans: Spans = None, label: Label = None, group: Group = None, id: Id = None, split: Split = None,
    cluster: Cluster = None,
    encoding: Encoding = None, column: Column = None, label_name: LabelName = None, dev: Dev = None, test: Test = None,
    step: Steps = None, form: Annotated[str, typer.Option("--form", help="jsonl, csv or parquet.")] = "jsonl",
    stdin: Annotated[str, typer.Option("--stdin", help="What - is: jsonl, csv, tsv, json, conll.")] = "jsonl",
    originals: Annotated[bool, typer.Option(help="Keep the sources, packed, beside what was made of them.")] = True,
    restore: Annotated[bool, typer.Option("--restore", help="Write sources of a prepared folder to --out.")] = False,
    seed: Seed = None, lang: Lang = None, json_: Json = False, quiet: Quiet = False, no_rows: NoRows = False,
) -> None:  # fmt: skip
    """Bring raw rows of several files into one folder with train, dev and test; say what was done to which rows.

    Where a column is called differently in different sources, name all, divided by commas: --text body,review.
    """
    said = dict(locals())
    with_errors(lambda: _restore(sources, out, quiet) if restore else _prepare(said), BEGINS_AGAIN, lang)


@app.command("label")
def label_(
    model: Model, data: Data,
    pool: Annotated[Path, typer.Option("--pool", metavar="ROWS", help="Rows without labels, in the columns of DATA.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the chosen rows and the report.")],
    rows: Annotated[int, typer.Option("--rows", help="How many rows to label.")] = 100,
    by: Annotated[str, typer.Option("--by", help="margin, uncertainty, core_set or worst_slice.")] = "margin",
    rules: Annotated[Path | None, typer.Option("--rules", metavar="FILE", help=RULES_HELP)] = None,
    self_label: Annotated[bool, typer.Option("--self-label", help="So does the model where it is sure.")] = False,
    right: Annotated[float, typer.Option("--right", help="Share of such labels that must be right.")] = 0.95,
    task: Task = None, text: Text = None, text_pair: TextPair = None, tokens: Tokens = None, label: Label = None,
    group: Group = None, id: Id = None, split: Split = None,
    encoding: Encoding = None, seed: Seed = None, threads: Threads = None,
    device: Device = None, parts: Parts = None, lang: Lang = None, json_: Json = False, quiet: Quiet = False,
    no_rows: NoRows = False,
) -> None:  # fmt: skip
    """Say which rows of a pool people should label next, and write them out for a spreadsheet and for Label Studio.

    What they filled in is read back by duiqi prepare.
    """
    said = dict(locals())
    with_errors(lambda: _label(said), BEGINS_AGAIN, lang)


@app.command("explain")
def explain_(
    model: Model,
    texts: Annotated[list[str], typer.Argument(metavar="TEXT…", help="Texts, or one file or folder of rows.")],
    method: Annotated[list[str] | None, typer.Option("--method", help=METHOD_HELP)] = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Questions a text. [default: by its length]")] = None,
    scale: Annotated[str, typer.Option("--scale", help="log_odds or probability.")] = "log_odds",
    class_: Annotated[str | None, typer.Option("--class", help="Class to explain. [default: the answer]")] = None,
    word: Annotated[str | None, typer.Option("--word", help="Word whose tag to explain.")] = None,
    train: Annotated[str | None, typer.Option("--train", metavar="DATA", help="Rows the model was trained on.")] = None,
    counterfactual: Annotated[bool | None, typer.Option(help="Look for the smallest edit that turns it.")] = None,
    rows: Annotated[int, typer.Option("--rows", help="How many rows of a file to explain.")] = 200,
    task: Task = None, text: Text = None, text_pair: TextPair = None, tokens: Tokens = None, choices: Choices = None,
    label: Label = None, id: Id = None, split: Split = None, encoding: Encoding = None, out: Out = None,
    seed: Seed = None, threads: Threads = None, device: Device = None, parts: Parts = None, lang: Lang = None,
    json_: Json = False, quiet: Quiet = False, no_rows: NoRows = False,
) -> None:  # fmt: skip
    """Say which words speak for the model's answers, and what would turn them."""
    said = dict(locals())
    with_errors(lambda: _explain(said), BEGINS_AGAIN, lang)


@app.command()
def parts(
    what: Annotated[str | None, typer.Argument(metavar="[ROLE|NAME]", help="A role or the name of a part.")] = None,
    parts: Parts = None,
    json_: Json = False,
) -> None:
    """List parts, or show the page of one: metrics, edits, attacks, tasks, probes, remedies, steps of prepare."""
    from duiqi.catalogue import list_parts, page

    with_errors(lambda: _print_parts(list_parts(what, parts or ()), page(what, parts or ()), json_))


@app.command()
def demo(
    lang: Lang = None, seed: Seed = None, out: Out = None, threads: Threads = None,
    clean: Annotated[bool, typer.Option("--clean", help="The same rows without planted misalignments.")] = False,
    json_: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Plant misalignments in made-up reviews, find them, repair them, and say what came of it."""

    def call() -> int:
        from duiqi.demo import demo as run

        with Screen(quiet or json_, lang or "en") as screen:
            report = run(
                seed=seed or 0, lang=_language(lang or "en"), out=out or Path("duiqi-out-demo"), clean=clean,
                threads=threads, progress=screen.progress,
            )  # fmt: skip
        _show(report, lang or "en", json_, quiet, out or Path("duiqi-out-demo"))
        return report.exit_code

    with_errors(call, lang=lang)


@app.command()
def doctor(json_: Json = False) -> None:
    """Check this machine: versions, the default model, speed, memory, optional packages."""

    def call() -> int:
        from duiqi.doctor import doctor as examine_machine

        said = examine_machine()
        if json_:
            sys.stdout.write(json.dumps(said, ensure_ascii=False, indent=1) + "\n")
        else:
            for check in said["checks"]:
                mark = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}[check["state"]]
                typer.echo(f"{mark}  {check['name']}: {check['said']}")
        return 0 if all(check["state"] != "fail" for check in said["checks"]) else 1

    with_errors(call)


def main() -> None:
    """The entry point: one clear message and an exit code, never a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        raise SystemExit(app(standalone_mode=False))
    except typer.Abort:
        raise SystemExit(130) from None
    except Exception as error:
        if not hasattr(error, "format_message"):  # not a usage error of the command line itself
            raise
        _complain(f"{error.format_message()}", "See duiqi --help.")
        raise SystemExit(2) from None


GOES_ON, BEGINS_AGAIN = "goes_on", "begins_again"


def with_errors(call: Callable[[], int | None], interrupted: str = GOES_ON, lang: str | None = None) -> None:
    """Run a call; turn what it raises into a message and an exit code."""
    try:
        code = call() or 0
    except DuiqiError as error:
        _complain(str(error), error.hint, lang)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        words = _words(lang)
        _complain(words.say("error.interrupted"), words.say(f"error.{interrupted}"), lang)
        # An interrupt that came inside exec() of a string, as in the import of a data class, leaves a mark in the
        # interpreter by which `python -m` ends as killed (-2), whatever its exit code; the next exec() wipes it.
        exec("")
        raise typer.Exit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(0) from None
    raise typer.Exit(code)


def _complain(message: str, hint: str, lang: str | None = None) -> None:
    from duiqi.show.visible import visible

    sys.stderr.write(visible(_words(lang).complaint(message, hint)) + "\n")


def _words(lang: str | None) -> Sentences:
    """The sentences of the language asked for on the command line, else in duiqi.toml, else English ones."""
    from duiqi.show.sentences import LANGUAGES, Sentences

    with suppress(DuiqiError):  # the error that is being told
        lang = lang or read_config(Path.cwd()).get("lang")
    return Sentences.of(lang if lang in LANGUAGES else "en")


def _report(verb: str, said: dict[str, Any], own: tuple[str, ...], *, out: str | None = None) -> None:
    """Settle arguments, call the verb, show the report, leave with its exit code."""
    with_errors(lambda: _call(verb, said, own, out), lang=said.get("lang"))


def _call(verb: str, said: dict[str, Any], own: tuple[str, ...], out: str | None) -> int:
    import importlib

    config = read_config(Path.cwd())
    arguments = {"model": said.get("model"), "data": said["data"]}
    if verb == "prove":
        arguments = {"before": said["before"], "after": said["after"], "data": said["data"]}
    settled = settle(said, config, own)
    lang = _language(settled.pop("lang", None) or "en")
    target = settled.pop("out", None) or out
    if said["dry_run"]:
        return _dry_run(verb, {**arguments, **settled}, target)
    function = getattr(importlib.import_module(f"duiqi.{verb}"), verb)
    with Screen(said["quiet"] or said["json_"], lang) as screen:
        report = function(
            **arguments, **settled, out=target, lang=lang, rows=not said["no_rows"], progress=screen.progress
        )
    _show(report, lang, said["json_"], said["quiet"], target)
    return int(report.exit_code)


def settle(said: Mapping[str, Any], config: Mapping[str, Any], own: tuple[str, ...]) -> dict[str, Any]:
    """Arguments of the verb: what the command line says, else what `duiqi.toml` says, else left to the verb."""
    columns = (
        "text",
        "text_pair",
        "tokens",
        "choices",
        "spans",
        "label",
        "id",
        "split",
        "cluster",
        "encoding",
        "task",
        "seed",
        "threads",
        "device",
        "parts",
    )
    plain = (*own, *columns, "lang", "out")
    settled = {}
    for name in plain:
        key = name.rstrip("_")
        value = said.get(name) if said.get(name) is not None else config.get(key)
        if value is not None:
            settled[name] = value
    groups = said.get("group") or config.get("group")
    if groups:
        settled["groups"] = [groups] if isinstance(groups, str) else list(groups)
    if said.get("reference"):
        settled["reference"] = dict(_named(each) for each in settled["reference"])
    if isinstance(settled.get("parts"), str):
        settled["parts"] = [settled["parts"]]
    settled["gates"] = read_gates(said["gates"]) if said.get("gates") else config.get("gates", {})
    settled["policy"] = read_policy(said["policy"]) if said.get("policy") else config.get("policy", {})
    settled["options"] = config.get("options", {})
    return settled


def _named(said: str) -> tuple[str, str]:
    name, equals, value = said.partition("=")
    if not equals or not name or not value:
        raise OptionError(
            f"expected --reference NAME=DATA, given '{said}'", hint="For example --reference may=may.csv."
        )
    return name, value


def _prepare(said: Mapping[str, Any]) -> int:
    """Settle the arguments of `prepare`, call it, show what it says."""
    from duiqi.prepare import PAGE
    from duiqi.prepare import prepare as run

    config = read_config(Path.cwd())
    settled = settle(said, config, ())
    lang, out = _language(settled.pop("lang", None) or "en"), said["out"]
    roles = ("text", "text_pair", "tokens", "choices", "spans", "label", "id", "split", "cluster")
    arguments: dict[str, Any] = {role: _divided(settled[role]) for role in roles if role in settled}
    arguments |= {name: settled[name] for name in ("groups", "encoding", "task", "seed") if name in settled}
    arguments |= {name: said[name] for name in ("dev", "test", "form", "originals")}
    steps = said["step"] or list(dict.fromkeys(["clean", *config.get("steps", {})]))
    arguments |= {"steps": [each for each in steps if each != "none"], "step_options": config.get("steps", {})}
    for name, option in (("columns", "column"), ("labels", "label_name")):
        written = {old: str(new) for old, new in config.get(name, {}).items()}
        arguments[name] = {**written, **_renames(said[option] or [], f"--{option.replace('_', '-')}")}
    silent = said["quiet"] or said["json_"]
    with Screen(silent, lang) as screen, _stdin_as_file(said["sources"], said["stdin"]) as given:
        report = run(given, out=out, lang=lang, rows=not said["no_rows"], progress=screen.progress, **arguments)
    _show(report, lang, said["json_"], said["quiet"], None)
    if not silent:
        sys.stderr.write(f"\n{out / PAGE}\n")
    return int(report.exit_code)


def _label(said: Mapping[str, Any]) -> int:
    """Settle the arguments of `label`, call it, show what it says."""
    from duiqi.label import label as run

    settled = settle(said, read_config(Path.cwd()), ("pool", "rows", "by", "rules", "self_label", "right"))
    lang, out = _language(settled.pop("lang", None) or "en"), settled.pop("out")
    model, data, pool = said["model"], said["data"], str(settled.pop("pool"))
    with Screen(said["quiet"] or said["json_"], lang) as screen:
        report = run(
            model, data, pool=pool, out=out, lang=lang, report_rows=not said["no_rows"], progress=screen.progress,
            **settled,
        )  # fmt: skip
    _show(report, lang, said["json_"], said["quiet"], out)
    return int(report.exit_code)


def _explain(said: Mapping[str, Any]) -> int:
    """Settle the arguments of `explain`, call it, show what it says."""
    from duiqi.explain import explain as run

    own = ("method", "samples", "scale", "class_", "word", "train", "counterfactual", "rows")
    settled = settle(said, read_config(Path.cwd()), own)
    lang, out = _language(settled.pop("lang", None) or "en"), settled.pop("out", None)
    settled["method"] = [name for each in settled.get("method", ()) for name in _divided(each)]
    with Screen(said["quiet"] or said["json_"], lang) as screen:
        report = run(
            said["model"], *said["texts"], out=out, lang=lang, report_rows=not said["no_rows"],
            progress=screen.progress, **settled,
        )  # fmt: skip
    _show(report, lang, said["json_"], said["quiet"], out)
    return int(report.exit_code)


def _divided(names: Any) -> list[str]:
    """Names of columns, divided by commas on the command line, a list in duiqi.toml."""
    return names.split(",") if isinstance(names, str) else [str(name) for name in names]


def _restore(sources: list[str], out: Path, quiet: bool) -> int:
    from duiqi.prepare import restore as run

    if len(sources) != 1:
        raise OptionError(
            f"expected one prepared folder, given {len(sources)}", hint="duiqi prepare --restore DIR --out FOLDER"
        )
    made = run(sources[0], out=out)
    if not quiet:
        sys.stderr.write("".join(f"{path}\n" for path in made) or "All of them are there already.\n")
    return 0


def _renames(said: list[str], option: str) -> dict[str, str]:
    """Old and new names; `OptionError` where one is not OLD=NEW, or an old name is given two new ones."""
    found: dict[str, str] = {}
    for each in said:
        old, equals, new = each.partition("=")
        if not equals or not old or not new:
            raise OptionError(f"expected {option} OLD=NEW, given '{each}'", hint=f"For example {option} pos=positive.")
        if found.setdefault(old, new) != new:
            raise OptionError(
                f"expected one new name for '{old}', given '{found[old]}' and '{new}'", hint="Leave one of them out."
            )
    return found


@contextmanager
def _stdin_as_file(sources: list[str], form: str) -> Iterator[list[str]]:
    """The sources with what comes in on stdin as a file, since rows are read twice."""
    if "-" not in sources:
        yield sources
        return
    import shutil
    import tempfile

    if sources.count("-") > 1:
        raise OptionError("expected - once, given it more often", hint="stdin is read once.")
    from duiqi.data.formats import READERS

    if f".{form}" not in READERS:
        raise OptionError(
            f"expected --stdin among {', '.join(each[1:] for each in READERS)}, given '{form}'", hint="jsonl is usual."
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stdin.{form}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [str(path) if each == "-" else each for each in sources]


def _language(lang: str) -> str:
    if lang not in ("en", "zh"):
        raise OptionError(f"expected --lang en or zh, given '{lang}'", hint="These two are written.")
    return lang


def _dry_run(verb: str, arguments: Mapping[str, Any], out: Any) -> int:
    """What the command would do: the data as it was understood, the model, the place of the result."""
    from duiqi.run.plan_ahead import plan_ahead

    sys.stdout.write(json.dumps(plan_ahead(verb, arguments, out), ensure_ascii=False, indent=1) + "\n")
    return 0


def _show(report: Any, lang: str, as_json: bool, quiet: bool, out: Any) -> None:
    said = report.to_json()
    if as_json:
        sys.stdout.write(json.dumps(said, ensure_ascii=False, indent=1) + "\n")
        return
    if quiet:
        return
    from rich.console import Console

    from duiqi.show.terminal import print_report

    print_report(said, lang=lang, console=Console(highlight=False))
    if out is not None:
        sys.stderr.write(f"\n{Path(out) / 'report.html'}\n")


def _print_parts(listed: list[dict[str, Any]], shown: str | None, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps(listed, ensure_ascii=False, indent=1) + "\n")
    elif shown is not None:
        sys.stdout.write(shown + "\n")
    else:
        width = max((len(part["name"]) for part in listed), default=0)
        for part in listed:
            sys.stdout.write(f"{part['role']:<7} {part['name']:<{width}}  {part['summary']}\n")
    return 0


class Screen:
    """A progress bar on stderr for what takes more than a moment; silent when asked, plain when no terminal.

    An interrupt that some library swallowed (compiled code, a bare `except` while it is imported) is raised again at
    the next progress.
    """

    def __init__(self, quiet: bool, lang: str) -> None:
        self.quiet = quiet
        self.lang = lang
        self.interrupted = False
        self._bar: Any = None
        self._stages: dict[str, Any] = {}
        self._handler: Any = None

    @property
    def _words(self) -> Sentences:
        return _words(self.lang)

    def __enter__(self) -> Screen:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # ignored stays ignored
            self._handler = signal.signal(signal.SIGINT, self._interrupt)
        if not self.quiet:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            count = TextColumn("{task.completed:.0f}/{task.total:.0f}")
            columns = (TextColumn("{task.description}"), BarColumn(), count, TimeElapsedColumn(), TimeRemainingColumn())
            console = Console(stderr=True)
            if console.is_terminal:
                self._bar = Progress(*columns, console=console, transient=True)
                self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        if self._bar is not None:
            self._bar.stop()

    def _interrupt(self, _number: int, _frame: object) -> None:
        self.interrupted = True
        raise KeyboardInterrupt

    def progress(self, stage: str, done: int, total: int, facts: Mapping[str, Any]) -> None:
        """Show how far a stage is."""
        if self.interrupted:
            raise KeyboardInterrupt
        if self.quiet:
            return
        if self._bar is None:
            if stage not in self._stages:
                self._stages[stage] = sys.stderr.write(f"{self._words.stage(stage)} …\n")
            return
        what = self._words.stage(stage, str(facts.get("name", "")))
        if stage not in self._stages:
            self._stages[stage] = self._bar.add_task(what, total=max(total, 1))
        self._bar.update(self._stages[stage], completed=done, total=max(total, 1), description=what)
