"""Laws that hold for every edit of words, shapes, sounds and scripts, on any text."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.edit import apply, edit_dataset
from duiqi.core.errors import DataError, DependencyError, OptionError
from duiqi.core.part import Catalogue
from duiqi.data.denied_chinese import Chinese
from duiqi.data.denied_english import English
from duiqi.data.negations import negates, pattern
from duiqi.data.synonyms import shipped
from duiqi.data.words import spans

CATALOGUE = Catalogue.installed()
NAMES = [
    "confusables", "homophones", "look_alikes", "negation", "ocr", "random_delete", "random_insert", "random_swap",
    "script", "split_characters", "synonyms", "width", *(["pinyin"] if find_spec("pypinyin") else []),
]  # fmt: skip
RATED = [name for name in NAMES if "rate" in CATALOGUE.find("edit", name).options]
ENGLISH = "a an big movie buys don't it's not is never their to 7:45 XR-2 T-shirt ,.!?()- \n"
CHINESE = "这 个 水壶 不 没有 非常 高兴 立刻 好 的 明 他 ，。！ 發現 ＡＢ１ é 🙂"
PIECES = st.sampled_from([*ENGLISH.split(" "), *CHINESE.split(" ")])
texts = st.lists(st.lists(PIECES, max_size=14).map(" ".join) | st.lists(PIECES, max_size=14).map("".join), max_size=4)


# They have a character of negation and deny nothing.
NO_DENIAL = re.compile("非常|特别|未来|别致|无聊|别人|他人|旁人|差别|区别")


def denials(text, without=NO_DENIAL):
    return sorted(match[0].lower() for match in pattern().finditer(without.sub("好", text)))


def changes(name, text, seed=0, **options):
    return CATALOGUE.find("edit", name)([text], [np.random.default_rng(seed)], **options)[0]


def edited(name, text, seed=0, **options):
    return apply(text, changes(name, text, seed, **options)).text


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)  # the first call reads the lists
@given(rows=texts, seed=st.integers(0, 99))
def test_offsets_fit_and_a_row_hangs_on_its_own_generator_only(name, rows, seed):
    part = CATALOGUE.find("edit", name)
    proposed = part(rows, [np.random.default_rng([seed, i]) for i in range(len(rows))])
    for i, (text, each) in enumerate(zip(rows, proposed, strict=True)):
        new = apply(text, each).text  # raises where changes overlap or lie outside
        assert all(text[change.start : change.end] != change.new for change in each)
        assert part([text], [np.random.default_rng([seed, i])]) == [each]
        assert not text.strip() or new.strip()


@pytest.mark.parametrize("name", RATED)
@settings(deadline=None)  # the first call reads the lists
@given(rows=texts)
def test_at_rate_0_nothing_changes_and_at_rate_1_no_less_than_at_the_default(name, rows):
    for text in rows:
        assert changes(name, text, rate=0.0) == []
        few, all_of_them = changes(name, text), changes(name, text, rate=1.0)
        assert len(few) <= len(all_of_them)
        assert bool(few) == bool(all_of_them)  # one at least wherever there is a place


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("negation", "script", "width")])
@settings(deadline=None)  # the first call reads the lists
@given(rows=texts, seed=st.integers(0, 9))
def test_negations_are_neither_lost_nor_made(name, rows, seed):
    without = NO_DENIAL if name in ("synonyms", "random_insert") else re.compile("(?!)")
    for text in rows:
        assert denials(text, without) == denials(edited(name, text, seed), without)


@pytest.mark.parametrize("seed", range(20))
def test_what_a_negation_denies_stays_behind_it(seed):
    for text, kept in (("it is not good but cheap", "not good"), ("这个不便宜，但是质量好", "不便宜")):
        for name in ("random_swap", "random_delete", "random_insert"):
            assert kept in edited(name, text, seed, rate=0.5)


@given(st.text(st.sampled_from("aZ09!~，。！ＡＺ０９～ 好\n"), max_size=30))
def test_width_twice_is_as_before(text):
    assert edited("width", edited("width", text)) == text
    assert edited("width", edited("width", text, to="full"), to="half") == edited("width", text, to="half")


def test_width_by_hand():
    assert edited("width", "iPhone 12, 好！") == "ｉＰｈｏｎｅ １２， 好!"
    assert edited("width", "A1!", kinds=("digits",)) == "A１!"
    assert edited("width", "A1!", kinds=()) == "A1!"


def test_script_by_hand_and_back():
    assert edited("script", "头发和发现，面包，皇后在后面") == "頭髮和發現，麵包，皇后在後面"
    assert edited("script", "頭髮和發現") == "头发和发现"
    assert edited("script", "头发", to="simplified") == "头发"
    assert edited("script", "English only") == "English only"
    text = "房间很干净，服务员把干部的头发整理得里外都干净"
    assert edited("script", edited("script", text)) == text


def test_swaps_and_deletions_move_nothing_else():
    text = "The kettle boils water in a minute at 7:45"
    for seed in range(30):
        swapped = edited("random_swap", text, seed, rate=0.3)
        assert sorted(swapped.split()) == sorted(text.split())
        assert swapped != text
        fewer = edited("random_delete", text, seed, rate=0.3).split()
        assert len(fewer) == 9 - 3  # 9 words, 0.3 of them: 2.7
        rest = iter(text.split())
        assert all(word in rest for word in fewer)  # in the old order
    assert edited("random_delete", "kettle", rate=1.0) == "kettle"


def test_swapped_words_stand_near_each_other():
    text = " ".join(f"w{i}" for i in range(40))
    for seed in range(10):
        for change in changes("random_swap", text, seed, rate=0.2, reach=2):
            assert text[change.start : change.end].count(" ") <= 2


def test_inserted_words_are_synonyms_of_words_that_are_there():
    for seed in range(10):
        (change,) = changes("random_insert", "I saw a movie yesterday evening", seed)
        assert change.new == "film "
        assert change.start == change.end
    assert {change.new for seed in range(20) for change in changes("random_insert", "他立刻回家", seed)} == {
        "立即",
        "马上",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I bought a film", "I purchased a movie"),
        ("Movies are fun", "Films are fun"),
        ("BUYING IT", "PURCHASING IT"),
        ("an automobile", "a car"),
        ("A problem", "An issue"),
        ("the Movie Channel", "the Movie Channel"),  # a capital inside a sentence: a name
        ("a film-maker's photo-shoot", "a film-maker's photo-shoot"),
        ("they allow it", "they permit it"),
        ("he prevented it", "he stopped it"),
        ("everyone's children", "everyone's children"),
        ("他晓得路", "他知道路"),
    ],
)
def test_synonyms_by_hand(text, expected):
    assert edited("synonyms", text, rate=1.0) == expected


def test_the_lists_that_come_with_duiqi():
    folder = files("duiqi.data").joinpath("lexicons")
    for lang in ("en", "zh"):
        tables = tomllib.loads(folder.joinpath(f"synonyms_{lang}.toml").read_text(encoding="utf-8"))
        assert sum(len(said.strip().splitlines()) for said in tables.values()) >= 300
    for own, others in shipped().words.items():
        assert own not in others
        assert not any(denials(word) for word in (own, *others))


def test_tables_have_neither_negations_nor_numerals_and_are_large_enough():
    folder = files("duiqi.edits").joinpath("data")
    read = {
        name: tomllib.loads(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
        for name in ("look_alikes", "split_characters", "homophones")
    }
    alike = set("".join(read["look_alikes"]["groups"].split()))
    split = dict(line.split() for line in read["split_characters"]["characters"].strip().splitlines())
    sounds = ["".join(said.split()) for said in read["homophones"]["chinese"].values()]
    assert len(alike) >= 300
    assert len(split) >= 200
    assert all(len(parts) >= 2 and whole not in parts for whole, parts in split.items())
    assert len("".join(sounds)) == len(set("".join(sounds)))  # a character stands under one reading
    for characters in (alike, {*split, *"".join(split.values())}, {*"".join(sounds)}):
        assert not characters & set("不没沒无無未非别別莫勿否一二三四五六七八九十百千万亿两")


@pytest.mark.skipif(not find_spec("pypinyin"), reason="pypinyin is not installed")
def test_the_table_of_sounds_agrees_with_pypinyin():
    from pypinyin import Style, pinyin

    said = tomllib.loads(files("duiqi.edits").joinpath("data", "homophones.toml").read_text(encoding="utf-8"))
    for syllable, groups in said["chinese"].items():
        for group in groups.split():
            tones = []
            for character in group:
                readings = pinyin(character, style=Style.TONE3, heteronym=True, neutral_tone_with_five=True)[0]
                assert syllable in {reading[:-1].replace("ü", "v") for reading in readings}, character
                tones.append({reading[-1] for reading in readings if reading[:-1].replace("ü", "v") == syllable})
            assert set.intersection(*tones), (syllable, group)


def test_shapes_and_sounds_by_hand():
    assert edited("split_characters", "好", rate=1.0) == "女子"
    assert {edited("ocr", "rn", seed) for seed in range(20)} == {"m"}
    assert {edited("ocr", "5", seed) for seed in range(20)} == {"S"}
    assert edited("homophones", "Their YOUR", rate=1.0) in {f"{a} YOU'RE" for a in ("There", "They're")}
    assert edited("homophones", "their's not Theirs", rate=1.0) == "their's not Theirs"
    assert edited("homophones", "师", same_tone=True) in set("诗失施湿")
    assert edited("homophones", "啡", same_tone=True) == "飞"
    assert edited("look_alikes", "己") in set("已巳")
    twin = edited("confusables", "a")
    assert twin == "\u0430"  # Cyrillic
    for name in ("split_characters", "look_alikes"):
        assert changes(name, "no Chinese here", rate=1.0) == []
    for name in ("ocr", "confusables"):
        assert changes(name, "没有字母", rate=1.0) == []


@pytest.mark.skipif(not find_spec("pypinyin"), reason="pypinyin is not installed")
def test_pinyin_by_hand():
    assert edited("pinyin", "质量好，银行", rate=1.0) == "zhilianghao，yinhang"
    assert edited("pinyin", "女", rate=1.0) == "nv"
    assert edited("pinyin", "iPhone手机", rate=1.0) == "iPhone shouji"
    assert edited("pinyin", "不好", rate=1.0).startswith("不")


def test_a_missing_package_is_named_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    with pytest.raises(DependencyError, match="pypinyin") as caught:
        edited("pinyin", "质量")
    assert "duiqi[zh]" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The room is clean.", {"The room is not clean.", "The room isn't clean."}),
        ("The room isn't clean.", {"The room is clean."}),
        ("It works well.", {"It does not work well.", "It doesn't work well."}),
        ("It doesn't work well.", {"It works well."}),
        ("She bought two.", {"She did not buy two.", "She didn't buy two."}),
        ("She didn't buy two.", {"She bought two."}),
        ("I have a car.", {"I do not have a car.", "I don't have a car."}),
        ("I have seen it.", {"I have not seen it.", "I haven't seen it."}),
        ("You can go now.", {"You cannot go now.", "You can't go now."}),
        ("I won't go there.", {"I will go there."}),
        ("I’m happy.", {"I’m not happy."}),
        ("Don't buy it.", {"Buy it."}),
        ("Buy this one.", {"Don't buy this one."}),
        ("Is it good?", {"Isn't it good?"}),
        ("I never go there.", {"I go there."}),
        ("It no longer works.", {"It still works."}),
        ("I don't have any money.", {"I don't have any money."}),
        ("It is not only cheap.", {"It is not only cheap."}),
        ("The will of the can.", {"The will of the can."}),
        ("How good is that?", {"How good is that?"}),
        ("房间很干净。", {"房间不干净。", "房间不太干净。"}),
        ("房间不干净。", {"房间很干净。"}),
        ("我喜欢它。", {"我不喜欢它。"}),
        ("他是老师。", {"他不是老师。"}),
        ("还是算了。", {"还是算了。"}),
        ("我没收到货。", {"我收到了货。"}),
        ("我收到了货。", {"我没收到货。"}),
        ("房间没有窗户。", {"房间有窗户。"}),
        ("质量不错。", {"质量不错。"}),
        ("字看不清楚。", {"字看得清楚。"}),
        ("一点也不好。", {"一点也不好。"}),
    ],
)
def test_negation_by_hand(text, expected):
    assert {edited("negation", text, seed) for seed in range(30)} == expected


@settings(deadline=None)  # the first call reads the lists
@given(rows=texts)
def test_negation_goes_the_way_that_is_asked_for(rows):
    for text in rows:
        before = len(pattern().findall(text))
        assert len(pattern().findall(edited("negation", text, way="add"))) >= before
        assert len(pattern().findall(edited("negation", text, way="remove"))) <= before


def test_an_edit_that_turns_labels_is_refused_where_they_are_kept():
    from duiqi.core.edit import keeping

    part = CATALOGUE.find("edit", "negation")
    assert part.preserves == ()
    with pytest.raises(OptionError, match="negation"):
        keeping("label", [part])


@pytest.mark.parametrize("name", ["random_swap", "random_delete", "random_insert", "synonyms"])
def test_entities_and_spans_stay_whole(name):
    tokens = ["Yesterday", "the", "big", "movie", "began", "in", "New", "York", "and", "everyone", "rushed", "home"]
    tags = ["O"] * 6 + ["B-LOC", "I-LOC"] + ["O"] * 4
    tagged = Dataset.of({"tokens": [tokens] * 40, "label": [tags] * 40})
    for row_tokens, row_tags in zip(*(edit_dataset(tagged, CATALOGUE.find("edit", name), seed=1, rate=0.5).values(c)
                                      for c in ("tokens", "label")), strict=True):  # fmt: skip
        found = [(token, tag) for token, tag in zip(row_tokens, row_tags, strict=True) if tag != "O"]
        assert found == [("New", "B-LOC"), ("York", "I-LOC")]
        assert "New York" in " ".join(row_tokens)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "\n\nfilm, movie\nfilm, movie\n\n# note\nfilm, film, movie\n"),
        ("a.toml", 'noun = [["film", "movie"], ["film", "movie"]]\n'),
        ("a.toml", 'word = """\n\nfilm, movie\n\n"""\n'),
        ("a.jsonl", '{"synset": "1-n", "pos": "n", "lemmas": ["film", "movie"]}\n\n'),
    ],
)
def test_lexicons_with_empty_lines_and_duplicates(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert edited("synonyms", "a film", lexicon=path) == "a movie"
    assert edited("random_insert", "film", lexicon=path) == "movie film"


def test_a_word_in_several_groups_is_replaced_by_what_all_of_them_have(tmp_path):
    path = tmp_path / "cilin.txt"
    path.write_text("Aa01A01= 快乐 欢乐 开心\nAa01A02= 快乐 欢乐\nAa01A03# 快乐 难过\n", encoding="utf-8")
    assert {edited("synonyms", "快乐", seed, lexicon=path) for seed in range(9)} == {"欢乐"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.txt", None, "none.txt"),
        ("empty.txt", b"\n\n", "given none"),
        ("bad.txt", b"\xff\xfe\x00", "UTF-8"),
        ("bad.toml", b"noun = [", "TOML"),
        ("bad.toml", b'kind = [["a", "b"]]', "kind"),
        ("bad.jsonl", b'{"words": 1}', "line 1"),
    ],
)
def test_a_lexicon_that_cannot_be_used_is_a_clear_error(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        edited("synonyms", "film", lexicon=path)
    assert caught.value.hint


def test_words_are_those_of_jieba():
    jieba = pytest.importorskip("jieba")
    for run in ("这个水壶非常便宜我很高兴立刻购买了", "南京市长江大桥", "结婚的和尚未结婚的", "啊"):
        assert [run[slice(*span)] for span in spans(run)] == list(jieba.cut(run, HMM=False))
    assert [slice(*span) for span in spans("a T-shirt, 7:45.")] == [slice(0, 1), slice(2, 9), slice(11, 15)]


def test_rules_of_negation_are_sound():
    lists = tomllib.loads(files("duiqi.data").joinpath("lexicons", "denials.toml").read_text(encoding="utf-8"))
    english, chinese = English(lists["english"]), Chinese(lists["chinese"])
    for rules, text in ((english, "it is good"), (chinese, "房间很干净")):
        (clause,) = rules.clauses(text)
        for change in rules.added(text, clause):
            new = apply(text, [change]).text
            assert negates(new)
            (again,) = rules.clauses(new)
            assert text in {apply(new, [back]).text for back in rules.removed(new, again)}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("en/wordnet_synsets.jsonl.gz", "He asked two physicians", "doctors"),
        ("zh/synonyms_cilin.txt.gz", "医生来了", "大夫"),
    ],
)
def test_public_lexicons_are_read(file, text, expected):
    path = Path(__file__).parents[3] / "shared" / "data" / "lexicons" / file
    if not path.is_file():
        pytest.skip(f"needs the data set {path}")
    assert any(expected in edited("synonyms", text, seed, rate=1.0, lexicon=path) for seed in range(20))
