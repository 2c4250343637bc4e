import re
from collections import defaultdict
from itertools import combinations, pairwise

import numpy as np
import pytest

from duiqi.core.candidates import GRAMS, NEARLY, QUANTILES, candidates
from duiqi.core.dataset import Dataset
from duiqi.core.slice import CJK
from duiqi.data.readable_slices import of_little_meaning

ENGLISH = (
    *("the kettle", "a phone", "don't", "rock’n’roll", "Café", "Straße 9", "it’s", "we_go", "no one", "NOT", "İzmir"),
    *("the", "of", "and", "it", "was", "is", "fine", "broke", "works", "never", "two", "ΟΔΟΣ", "42", "north-west"),
)
CHINESE = (
    *(
        "酒店的房间",
        "酒店",
        "房间",
        "服务员",
        "服务",
        "早餐",
        "不好",
        "很好",
        "没有",
        "三个",
        "的",
        "了",
        "iPhone 手机",
        "手机",
    ),
    *("屏幕", "电池不耐用", "电池", "物流", "快递员", "价格", "Wi-Fi", "!", "五星级酒店"),
)


def rows_of(fragments: tuple[str, ...], join: str, n: int = 2000) -> Dataset:
    """Texts of some fragments, the first ones common and the last ones rare, and a column."""
    rng = np.random.default_rng(0)
    share = np.linspace(0.4, 0.01, len(fragments))
    held = rng.random((n, len(fragments))) < share
    held[:, 0] |= ~held.any(axis=1)
    texts = [join.join(fragments[at] for at in rng.permutation(np.flatnonzero(row))) for row in held]
    return Dataset.of({"text": texts, "shop": rng.choice(["north", "south", ""], n).tolist()}, groups=("shop",))


def plainly(data: Dataset, low: int, high: float) -> set[frozenset[int]]:
    """The rows of all slices, by definition: every word and run in every row, every two slices held together."""
    function_words, edges = of_little_meaning()
    word_of = rf"[{CJK}]|[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)*"
    cut = [[word.casefold() for word in re.findall(word_of, text)] for text in data.texts]
    worded, runs, shop, shapes = defaultdict(set), defaultdict(set), defaultdict(set), defaultdict(set)
    negated = r"(?i)\b(?:not|no|never|none|nobody|nothing|neither|nor|nowhere|cannot|without|hardly|barely)\b|n['’]t\b"
    number = r"\d|[一二三四五六七八九十百千万亿两]+[个只次天年月元块分名]"
    for row, text in enumerate(data.texts):
        for word in cut[row]:
            worded[word].add(row)
        for run in re.findall(f"[{CJK}]+", text):
            for size in GRAMS:
                for at in range(len(run) - size + 1):
                    runs[run[at : at + size]].add(row)
        shop[data.group("shop")[row]].add(row)
        shapes["negation", bool(re.search(negated + "|[不没沒无無未非莫勿别別]", text))].add(row)
        shapes["number", bool(re.search(number, text))].add(row)
    length = np.array([len(each) for each in cut])
    cuts = sorted({int(each) for each in np.quantile(length, QUANTILES)})
    for below, above in [(-1, c) for c in cuts] + [(c, 10**9) for c in cuts] + list(pairwise(cuts)):
        shapes["length", below, above] = set(np.flatnonzero((length > below) & (length <= above)).tolist())
    del shop[""]
    worded = {w: r for w, r in worded.items() if not re.search(f"[{CJK}]", w) and re.findall(word_of, w) == [w]}
    runs = {
        run: rows for run, rows in runs.items() if len(rows) >= low and run[0] not in edges and run[-1] not in edges
    }
    longer = [(part, len(rows)) for run, rows in runs.items() if len(run) > 2 for part in (run[1:], run[:-1])]
    runs = {run: rows for run, rows in runs.items() if all(p != run or m < NEARLY * len(rows) for p, m in longer)}
    ranked = [(0, "shop", rows) for rows in shop.values()]
    ranked += [(4 if word in function_words else 1, "word", rows) for word, rows in worded.items()]
    ranked += [(2 if {*edges, *function_words} & {*run} else 1, "word", rows) for run, rows in runs.items()]
    ranked += [(3, name[0], rows) for name, rows in shapes.items()]
    singles: dict[frozenset[int], tuple[int, str]] = {}
    for rank, about, rows in sorted(ranked, key=lambda each: each[0]):
        if low <= len(rows) <= high:
            singles.setdefault(frozenset(rows), (rank, about))
    both = set()
    for (one, (rank, about)), (two, (other_rank, other)) in combinations(singles.items(), 2):
        apart = max(rank, other_rank) < 4 and (about != other or about == "word")
        if apart and low <= len(one & two) <= NEARLY * min(len(one), len(two)):
            both.add(one & two)
    return {*singles, *both}


@pytest.mark.parametrize(("fragments", "join"), [(ENGLISH, " "), (CHINESE, "，"), (CHINESE, "")])
def test_slices_and_their_rows_are_those_of_the_plain_way(fragments: tuple[str, ...], join: str):
    data = rows_of(fragments, join)
    function_words, edges = of_little_meaning()
    found = candidates(data, most=10**6, function_words=function_words, edges=edges)
    held = found.rows.toarray() > 0
    masks = {each: each.mask(data) for each in {condition for slice in found.slices for condition in slice.where}}
    for slice, inside in zip(found.slices, held, strict=True):
        assert (np.all([masks[each] for each in slice.where], axis=0) == inside).all(), slice.rule
    rows = [frozenset(np.flatnonzero(inside).tolist()) for inside in held]
    assert len(set(rows)) == len(rows) > 100
    assert set(rows) == plainly(data, 30, 1600)


def test_chinese_words_are_found_in_rows_of_characters_and_in_second_texts():
    tokens = [[*f"{'甲乙丙丁'[at % 4]}{'北京' if at % 2 else '上海'}{'春夏秋冬天'[at % 5]}"] for at in range(60)]
    tagged = Dataset.of({"tokens": tokens, "label": [["O"] * 4] * 60})
    rules = {each.rule for each in candidates(tagged).slices}
    assert {"text has '北京'", "text has '上海'"} <= rules
    pairs = Dataset.of(
        {"text": ["a kettle"] * 60, "text_pair": ["it broke" if at % 2 else "it works" for at in range(60)]}
    )
    broke = next(each for each in candidates(pairs).slices if each.rule == "text_pair has 'broke'")
    assert broke.mask(pairs).tolist() == [bool(at % 2) for at in range(60)]
