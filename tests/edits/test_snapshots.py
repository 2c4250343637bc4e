"""What each edit makes of our own sentences (`data/`), kept to be read (`snapshots/`)."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from duiqi.core.edit import apply
from duiqi.core.part import Catalogue
from duiqi.core.seed import generator

HERE = Path(__file__).parent
ENGLISH, CHINESE = (
    tuple((HERE / "data" / f"sentences_{lang}.txt").read_text(encoding="utf-8").splitlines()) for lang in ("en", "zh")
)
# made-up reviews (`duiqi.data.reviews`), the first fifty that masked_lm changes: it leaves most alone
REVIEWS = tuple((HERE / "data" / "reviews_zh.txt").read_text(encoding="utf-8").splitlines())
BOTH = (*ENGLISH[:25], *CHINESE[:25])
EDITS = {
    **dict.fromkeys(("homophones", "random_delete", "random_insert", "random_swap", "width"), BOTH),
    **dict.fromkeys(("confusables", "ocr"), ENGLISH),
    **dict.fromkeys(("look_alikes", "pinyin", "script", "split_characters"), CHINESE),
    "masked_lm": REVIEWS,
    **dict.fromkeys(("negation", "synonyms"), (*ENGLISH, *CHINESE)),
}


@pytest.mark.parametrize("name", EDITS)
def test_reads_as_before(name):
    """Equal to the snapshot; DUIQI_WRITE_SNAPSHOTS=1 writes it anew, to be read before it is committed."""
    if name == "masked_lm":
        pytest.importorskip("jieba")
    if name == "pinyin" and not find_spec("pypinyin"):
        pytest.skip("pypinyin is not installed")
    texts = list(EDITS[name])
    proposed = Catalogue.installed().find("edit", name)(texts, [generator(0, name, text) for text in texts])
    pairs = [(text, apply(text, changes).text) for text, changes in zip(texts, proposed, strict=True)]
    shown = "".join(f"{text}\n{'  = ' if text == edited else '  → '}{edited}\n" for text, edited in pairs)
    path = HERE / "snapshots" / f"{name}.txt"
    if os.environ.get("DUIQI_WRITE_SNAPSHOTS"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")
