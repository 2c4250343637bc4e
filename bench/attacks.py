"""Claims: deepwordbug is at least 30 times as fast as TextAttack's recipe of that name, and turns as many answers,
within 3 points, on at least 1,000 texts.

What would make this unfair, and how it is met: another model or other texts (both sides read one folder and the same
rows, all answered rightly) · other words left alone (TextAttack is given our stop words: its own ask for a download) ·
a slow way to ask on their side (two ways are shown: its own wrapper, which pads every question to 512 tokens, on a few
texts; and the same network padded to the longest of a batch, on all of them) · a busy machine (seconds of the processor
are counted, both sides in one run, one thread each).

TextAttack 0.3.11 does not fit transformers 5: it runs in an environment of its own.

    python -m venv PEER && PEER/bin/pip install torch 'transformers<5' textattack
    python bench/attacks.py --peer PEER/bin/python [--texts 1000] [--slow 10] [--model FOLDER]
    python bench/attacks.py --all [--texts 200] [--lexicon]     every attack of ours, English and Chinese;
                                                     --lexicon: with the synonyms of WordNet and Cilin
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.bundle import Step
from duiqi.core.case import Case
from duiqi.core.part import Catalogue
from duiqi.data.attackable import content_words
from duiqi.data.attacking import Attacked, attacked
from duiqi.data.words import spans
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from fit import footer, opened, read

LEXICONS = {"default": "en/wordnet_synsets.jsonl.gz", "default-zh": "zh/synonyms_cilin.txt.gz"}
PEER = Path(__file__).parent / "attacks_peer.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--model", default="", help="a model of sst2 (default: trained here); with --all a folder of models"
    )
    parser.add_argument("--rows", type=int, default=3000, help="training rows")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=10, help="texts for the peer's own wrapper")
    parser.add_argument("--peer", default="", help="a Python with textattack")
    parser.add_argument("--all", action="store_true", help="every attack, no peer")
    parser.add_argument("--lexicon", action="store_true", help="synonyms of WordNet and Cilin")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.all:
            for name, body, attacks in (
                ("sst2", "default", ("deepwordbug", "textfooler", "pwws")),
                ("waimai-10k", "default-zh", ("chinese_characters", "textfooler", "pwws", "bert_attack")),
            ):
                model = given.model and str(Path(given.model) / name)
                case = case_of(given.data / name, body, model, given.rows, Path(folder))
                options = {"lexicon": given.data / "lexicons" / LEXICONS[body]} if given.lexicon else {}
                for attack in ("textfooler", "pwws") if given.lexicon else attacks:
                    found, seconds = ours(case, attack, given.texts, **options)
                    print(line(f"{name} {attack}", found, seconds), flush=True)
                print(footer(case.data))
            return
        case = case_of(given.data / "sst2", "default", given.model, given.rows, Path(folder))
        found, seconds = ours(case, "deepwordbug", given.texts)
        print(line("duiqi", found, seconds))
        if given.peer:
            texts = [case.data.texts[each.row] for each in found.outcomes]
            labels = [int(case.truth[each.row]) for each in found.outcomes]
            turned = np.array([each.turned for each in found.outcomes])
            peers(given, case, texts, labels, turned, seconds / len(texts))
        print(footer(case.data))


def case_of(data: Path, body: str, path: str, rows: int, folder: Path) -> Case:
    """The test rows and a model that has learned some training rows, trained here unless there is one at `path`."""
    train, test = read(data, "train", rows), read(data, "test")
    if not path:
        made = fit(find(body), train, task=opened(train), out=folder / data.name, step=Step("finetune"), epochs=2)
        path = str(made.path)
    start = open_model(find(body), opened(train))
    return Case(open_model(find(path)), test, catalogue=Catalogue.installed(), start=lambda: start)


def ours(case: Case, attack: str, most: int, **options: Any) -> tuple[Attacked, float]:
    """The attack on rows that are answered rightly, and seconds of the processor, the rows as they are included."""
    right = np.flatnonzero(case.right)
    rows = np.sort(np.random.default_rng(0).permutation(right)[:most])
    part = case.catalogue.find("attack", attack)
    case = case.with_predictor(open_model(case.predictor.bundle))  # type: ignore[attr-defined]
    start = time.process_time()
    return attacked(case, part, rows, queries=2000, **options), time.process_time() - start


def line(name: str, found: Attacked, seconds: float) -> str:
    turned = [each.turned for each in found.outcomes]
    changed = np.mean([each.changed for each in found.outcomes if each.turned] or [np.nan])
    asked = np.mean([each.queries for each in found.outcomes])
    return (
        f"{name}: {np.mean(turned):.3f} of {len(turned)} right answers turned, {changed:.1%} of the words changed, "
        f"{asked:.0f} questions and {seconds / len(turned):.3f} s a text"
    )


def peers(given: Any, case: Case, texts: list[str], labels: list[int], turned: Any, own: float) -> None:
    """The peer in its environment, its own wrapper on a few texts and a quick one on all."""
    kept = {text[slice(*place)].lower() for text in texts for place in set(spans(text)) - set(content_words(text))}
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "corpora" / "stopwords" / "english"  # where nltk looks, which textattack imports
        words.parent.mkdir(parents=True)
        words.write_text("\n".join(sorted(kept)), encoding="utf-8")
        file = Path(folder) / "rows.json"
        model = str(case.predictor.bundle.path)  # type: ignore[attr-defined]
        file.write_text(json.dumps({"model": model, "texts": texts, "labels": labels, "slow": given.slow}))
        environment = {**os.environ, "NLTK_DATA": folder, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        done = subprocess.run([given.peer, str(PEER), str(file)], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    theirs = np.array(told["turned"])
    draws = np.random.default_rng(0).integers(0, len(theirs), (2000, len(theirs)))
    change = (turned[draws].mean(axis=1) - theirs[draws].mean(axis=1)) * 100
    low, high = np.percentile(change, [2.5, 97.5])
    print(f"TextAttack {told['version']}: {theirs.mean():.3f} of {len(theirs)} turned, {told['quick']:.3f} s a text "
          f"padded to the batch, {told['slow']:.2f} s with its own wrapper ({given.slow} texts)")  # fmt: skip
    faster = f"{told['slow'] / own:.0f} times as fast as its wrapper, {told['quick'] / own:.1f} times as the quick one"
    gap = (turned.mean() - theirs.mean()) * 100
    print(f"duiqi minus TextAttack: {gap:+.1f} points ({low:+.1f} to {high:+.1f}); {faster}")


if __name__ == "__main__":
    main()
