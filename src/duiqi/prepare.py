"""`prepare`: from raw rows of several sources to a folder with train, dev and test, and a page that says what was
done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.exhibit import Exhibit
from duiqi.core.folder import check_replaceable, sha256, swapped_in, write_json
from duiqi.core.progress import Progress, silent
from duiqi.core.report import Report, without_rows

if TYPE_CHECKING:
    from duiqi.data.collect import Collected
    from duiqi.data.ledger import Ledger
    from duiqi.data.step import Step

MANIFEST, PAGE = "prepare.json", "prepare.html"
LABELS_SHOWN = 20
Names = str | Sequence[str]


def prepare(
    sources: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    text: Names = (),
    text_pair: Names = (),
    tokens: Names = (),
    choices: Names = (),
    spans: Names = (),
    label: Names = (),
    groups: Names = (),
    id: Names = (),
    split: Names = (),
    time: Names = (),
    cluster: Names = (),
    weight: Names = (),
    encoding: str | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    dev: float | None = None,
    test: float | None = None,
    steps: Sequence[str] = ("clean",),
    step_options: Mapping[str, Mapping[str, Any]] | None = None,
    form: str = "jsonl",
    originals: bool = True,
    seed: int = 0,
    lang: str = "en",
    rows: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Bring files of several forms into one data set: `out`/train, dev and test, with prepare.json and prepare.html.

    `sources` are files, folders or `hub:NAME`. Roles are guessed for each source as the other verbs do; where a column
    is called differently in different sources, a role takes several names. `columns` renames columns (old → new) and
    `labels` labels (old → new), in whatever source has them. Files named train, dev or test and split columns keep
    their rows' parts; missing parts are made, as `align` makes them or with the shares `dev` and `test` (0: none).
    Above 200,000 rows a row's part hangs on a hash of its input, so that memory does not grow with the rows.

    `steps` are taken in their order: clean (wrong encodings, HTML, shapeless characters, widths, long runs of signs,
    blanks), simplify (traditional to simplified characters), language, length, boilerplate, duplicates, private
    (phone numbers and other identifiers of people masked, hashed or dropped), harmful (rows with harmful content) and
    balance (training rows in even or named shares of labels or groups, always taken last, when it is settled which
    rows are for training), with `step_options` by the step's name (see `duiqi.data.steps`).

    Labels that people wrote on rows that `label` handed out are read as the classes known from its report
    beside them or from the other sources: case, width and blanks do not count. What is no such class is an error,
    unless `labels` says what it is; {"neutral": "neutral"} says that it is new on purpose.

    Files may be in UTF-8, UTF-16, GB18030 (GBK), Big5 or Windows-1252; what is not UTF-8 is told by its characters
    and said in a note, and `encoding` names it where they do not tell (`duiqi.data.encoding`). UTF-8 is written.

    Every row says in the column `origin` where it is from. Rows without a text or a label are left out; they, and rows
    that were changed, stand in changes.jsonl with the reason. `originals/` holds the sources byte for byte (`restore`
    gives them back) unless `originals` is false: what the step private masked is still in them. Equal sources and
    options give equal bytes. Raises `DataError` where sources do not go together and `OptionError` for what cannot be
    done.
    """
    from duiqi.data.by_hand import with_classes
    from duiqi.data.collect import Asked, check_renames, collect, find_sources
    from duiqi.data.ledger import Ledger
    from duiqi.data.parting import Output, look, write
    from duiqi.data.step import redacted, through
    from duiqi.data.steps import steps_of
    from duiqi.data.write import check_form
    from duiqi.run.persons import persons_of

    out, told = Path(out), progress or silent
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    if not given:
        raise OptionError("expected at least one source, given none", hint="duiqi prepare a.csv b.jsonl --out DIR")
    check_form(form)
    taken = steps_of(steps, step_options or {})
    for _, step in taken:
        step.ready(seed, persons_of)
    early = [(name, step) for name, step in taken if not step.after_parts]
    late = [(name, step) for name, step in taken if step.after_parts]
    shares = _shares(dev, test)
    _check_task(task)
    named = {
        "text": text, "text_pair": text_pair, "tokens": tokens, "choices": choices, "spans": spans, "label": label,
        "id": id, "split": split, "time": time, "cluster": cluster, "weight": weight,
    }  # fmt: skip
    roles = {role: _listed(names) for role, names in named.items() if names}
    asked = Asked(roles, _listed(groups), columns or {}, labels or {}, as_texts=task in ("generate", "rank"))
    check_renames(asked)
    found = find_sources(given, encoding)
    _check_out(out, [source.path for source in found if source.path])
    collected = with_classes(collect(found, asked, lambda done, total: told("looking", done, total, {})))
    look(early, lambda name: collected.pieces(lambda done, total: told(name, done, total, {})))
    with swapped_in(out) as aside:
        with closing(Ledger.open(aside)) as ledger:
            read = collected.pieces(lambda done, total: told("writing", done, total, {}))
            pieces = (redacted(through(piece, early), taken) for piece in read)
            output = Output(aside, form, shares, seed, early, late, told)
            notes = [*write(output, collected, pieces, ledger), *(note for _, step in taken for note in step.notes)]
            _check_renamed(collected, ledger)
        options = {
            "form": form, "originals": originals, "shares": shares, "seed": seed, "roles": roles, "task": task,
            "encoding": encoding,
            "steps": {name: _shown_options(step, (step_options or {}).get(name, {})) for name, step in taken},
            "groups": list(asked.groups), "columns": dict(asked.columns), "labels": dict(asked.labels),
        }  # fmt: skip
        if any(step == "private" for _, step, _, _ in ledger.changes):
            notes = [*notes, {"code": "private_told"}, *([{"code": "private_originals"}] if originals else [])]
        report = _report(collected, ledger, aside, notes, options)
        _finish(report, collected, aside, lang=lang, rows=rows, originals=originals)
    return report


def _shown_options(step: Step, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that may be written down; numbers that are none, as JSON has no others."""
    from duiqi.data.write import written

    return dict(json.loads(written({name: value for name, value in given.items() if name not in step.hidden})))


def restore(prepared: str | Path, *, out: str | Path) -> list[Path]:
    """The sources of a prepared folder, byte for byte, written into the folder `out`; the files that were made."""
    from duiqi.data.originals import restore as give_back

    manifest = Path(prepared) / MANIFEST
    if not manifest.is_file():
        raise DataError(
            f"expected a folder that duiqi prepare made, given {prepared}, which has no {MANIFEST}",
            hint="Give the folder that --out named.",
        )
    try:
        sources = [dict(each) for each in json.loads(manifest.read_text(encoding="utf-8"))["sources"]]
        given = [{"name": each["name"], "sha256": each["sha256"]} for each in sources if "sha256" in each]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(
            f"expected {manifest} as duiqi prepare wrote it, given another ({type(error).__name__}: {error})",
            hint="Prepare the sources again.",
        ) from error
    return give_back(given, Path(prepared), Path(out))


def _listed(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _shares(dev: float | None, test: float | None) -> dict[str, float]:
    """The shares that were asked for, checked."""
    shares = {name: share for name, share in (("dev", dev), ("test", test)) if share is not None}
    if not all(share >= 0 for share in shares.values()) or not sum(shares.values()) < 1:
        raise OptionError(
            f"expected shares of dev and test from 0 and below 1 together, given {dev} and {test}",
            hint="The rest is for training, for example --dev 0.15 --test 0.15.",
        )
    return shares


def _check_task(task: str | None) -> None:
    from duiqi.core.part import Catalogue

    if task is not None:
        Catalogue.installed().find("task", task)


def _check_out(out: Path, sources: Sequence[Path]) -> None:
    """`OutputError` where the folder cannot be written, or holds a source or other files: it is replaced as a whole."""
    from duiqi.data import ledger, originals
    from duiqi.data.parting import PARTS
    from duiqi.data.write import FORMS

    ours = {MANIFEST, PAGE, ledger.FILE, originals.FOLDER, *(f"{part}.{form}" for part in PARTS for form in FORMS)}
    check_replaceable(out, ours, sources, made=MANIFEST)


def _check_renamed(collected: Collected, ledger: Ledger) -> None:
    """`OptionError` where a label to rename is none that a row has."""
    strange = next((old for old in collected.asked.labels if old not in collected.met), None)
    if strange is not None:
        known = sorted({label for counts in ledger.labels.values() for label in counts})
        raise OptionError(
            f"expected labels to rename that some row has, given '{strange}'; labels are {', '.join(known[:20])}",
            hint=nearest(strange, known),
        )


# What is said of it


def _report(
    collected: Collected, ledger: Ledger, folder: Path, notes: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> Report:
    from duiqi.data.parting import PARTS
    from duiqi.run.workshop import versions

    dropped = ledger.dropped
    sources = []
    for reading in collected.readings:
        source = reading.source
        said: dict[str, Any] = {"name": source.name, "rows": reading.rows, "dropped": dropped[source.name],
                                "part": source.part, "columns": dict(reading.renamed)}  # fmt: skip
        if source.path:
            said |= {"bytes": source.path.stat().st_size, "sha256": sha256(source.path)}
        sources.append(said)
    files = {part: folder / f"{part}.{options['form']}" for part in PARTS if ledger.rows[part]}
    parts = [{"name": part, "rows": ledger.rows[part], "file": path.name, "sha256": sha256(path)}
             for part, path in files.items()]  # fmt: skip
    steps = [{"source": source, "step": step, "reason": reason, "dropped": gone, "done": _done(reason, gone),
              "rows": count} for (source, step, reason, gone), count in sorted(ledger.changes.items())]  # fmt: skip
    return Report(
        "prepare",
        seed=options["seed"],
        exhibits=tuple(_exhibits(sources, steps, ledger)),
        notes=(*collected.notes, *ledger.notes, *notes),
        facts={
            "data": {"name": "rows", "rows": sum(ledger.rows.values())},
            "sources": sources,
            "options": options,
            "steps": steps,
            "parts": parts,
            "chinese": ledger.chinese * 2 > sum(ledger.read.values()),
            "versions": versions(),
        },
    )


def _exhibits(
    sources: Sequence[Mapping[str, Any]], steps: Sequence[Mapping[str, Any]], ledger: Ledger
) -> Iterator[Exhibit]:
    from duiqi.data.parting import PARTS

    named = any(each["part"] for each in sources)
    rows = [
        [each["name"], each["rows"], each["rows"] - each["dropped"], *([each["part"] or "–"] if named else [])]
        for each in sources
    ]
    columns = ["file", "rows", "kept", *(["part"] if named else [])]
    yield Exhibit("table", {"title": "sources", "columns": columns, "rows": rows})
    done = [[each["source"], each["reason"], each["done"], each["rows"]] for each in steps]
    if done:
        yield Exhibit("table", {"title": "changes", "columns": ["file", "reason", "done", "rows"], "rows": done})
    renamed = [[each["name"], old, new] for each in sources for old, new in each["columns"].items() if old != new]
    if renamed:
        yield Exhibit("table", {"title": "columns", "columns": ["file", "column", "becomes"], "rows": renamed})
    parts = [part for part in PARTS if ledger.rows[part]]
    counted = {label for part in parts for label in ledger.labels.get(part, ())}
    if 1 < len(counted) <= max(LABELS_SHOWN, sum(ledger.rows.values()) // 10):
        most = sorted(counted, key=lambda label: (-sum(ledger.labels[part][label] for part in parts), label))
        shown = [[label, *(ledger.labels[part][label] for part in parts)] for label in most[:LABELS_SHOWN]]
        said = {"title": "labels_by_part", "columns": ["label", *(f"rows_of_{part}" for part in parts)], "rows": shown}
        yield Exhibit("table", {**said, "total": len(most)})


def _done(reason: str, gone: bool) -> str:
    from duiqi.data.balance_rows import REPEATED

    return "left_out" if gone else "added" if reason == REPEATED else "changed"


def _finish(report: Report, collected: Collected, folder: Path, *, lang: str, rows: bool, originals: bool) -> None:
    """Manifest, page and the sources as they were."""
    from duiqi.data.originals import keep
    from duiqi.show.html import render

    if originals:
        for reading in collected.readings:
            if reading.source.path:
                keep(reading.source.path, reading.source.name, folder)
    said = report.to_json() if rows else without_rows(report.to_json())
    write_json(folder / MANIFEST, said)
    (folder / PAGE).write_text(render(said, lang=lang), encoding="utf-8")
