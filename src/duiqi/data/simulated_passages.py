"""Cases of questions about passages whose model reads well, or no more than the first sentence; none is trained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.seed import hash64
from duiqi.core.task import Task

ERROR = 0.15  # of rows, answered from any sentence
SENTENCES = 6
_THINGS = ("kettle", "ladder", "map", "lamp", "rope", "drum", "scarf", "clock", "bell", "broom")
_WHERE = ("attic", "cellar", "kitchen", "garage", "garden", "study", "hall", "stable", "office", "shed")
_THINGS_ZH = ("水壶", "梯子", "地图", "台灯", "绳子", "鼓", "围巾", "时钟", "铃铛", "扫帚")
_WHERE_ZH = ("阁楼", "地窖", "厨房", "车库", "花园", "书房", "大厅", "马厩", "办公室", "棚屋")
_SAID = re.compile(
    r"The (?P<thing>\w+) is kept in the (?P<where>\w+)\.|(?P<thing_zh>\w+?)一直放在(?P<where_zh>\w+?)里。"
)


def passage_case(rng: np.random.Generator, *, lazy: float, rows: int = 400) -> Case:
    """A case of questions about passages, English and Chinese by turns, whose model reads only the first sentence of a
    share `lazy` of the rows."""
    columns: dict[str, list[object]] = {"text": [], "text_pair": [], "label": []}
    for row in range(rows):
        things, where = (rng.permutation(10)[:SENTENCES] for _ in range(2))
        asked = int(rng.integers(SENTENCES))
        if row % 2:
            parts = [f"{_THINGS_ZH[a]}一直放在{_WHERE_ZH[b]}里。" for a, b in zip(things, where, strict=True)]
            question, answer, blank = f"{_THINGS_ZH[things[asked]]}放在哪里？", _WHERE_ZH[where[asked]], ""
        else:
            parts = [f"The {_THINGS[a]} is kept in the {_WHERE[b]}." for a, b in zip(things, where, strict=True)]
            question, answer, blank = f"Where is the {_THINGS[things[asked]]} kept?", _WHERE[where[asked]], " "
        passage = blank.join(parts)
        columns["text"].append(question)
        columns["text_pair"].append(passage)
        columns["label"].append([{"text": answer, "start": passage.index(answer)}])
    catalogue = Catalogue.installed()
    seed = int(rng.integers(1 << 31))
    return Case(Reader(catalogue.task("extract"), lazy, seed), Dataset.of(columns), catalogue=catalogue, seed=seed)


@dataclass(frozen=True)
class Reader:
    """Finds the sentence that speaks of what the question asks for; of a share `lazy` of rows it takes the first."""

    task: Task
    lazy: float
    salt: int
    name: str = "reader"
    offers: frozenset[str] = frozenset({"text"})

    @property
    def fingerprint(self) -> str:
        return f"reader {self.lazy} {self.salt}"

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """Where the things asked for are."""
        rows = zip(data.texts, data.second_texts, strict=True)
        return Predictions(data.row_ids, {"text": [self._answer(question, passage) for question, passage in rows]})

    def _answer(self, question: str, passage: str) -> str:
        said = [(m["thing"] or m["thing_zh"], m["where"] or m["where_zh"]) for m in _SAID.finditer(passage)]
        if not said:
            return ""
        if self._lot("lazy", question + "".join(sorted(passage))) < self.lazy:  # whatever the order
            return said[0][1]
        found = [where for thing, where in said if thing in question]
        if not found or self._lot("error", question + passage) < ERROR:
            return said[int(self._lot("any", question + passage) * len(said))][1]
        return found[0]

    def _lot(self, what: str, text: str) -> float:
        return hash64(f"{self.salt}|{what}|{text}") / 2**64
