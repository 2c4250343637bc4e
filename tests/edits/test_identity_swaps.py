"""Who a text speaks of: swaps by hand in both languages, the laws of swapping, and outputs that were read by eye."""

import os
import re
import tomllib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.edit import apply, edit_dataset
from duiqi.core.errors import OptionError
from duiqi.core.part import Catalogue
from duiqi.core.seed import generator
from duiqi.data.identities import changes, families, find, versions
from duiqi.data.identity_words import ATTRIBUTES, lexicon

SNAPSHOTS = Path(__file__).parent / "snapshots"
PART = Catalogue.installed().find("edit", "identity_swaps")
GENDER = ("gender",)


def swapped(text, *attributes, seed=0):
    options = {"attributes": attributes} if attributes else {}
    return apply(text, PART([text], [np.random.default_rng(seed)], **options)[0]).text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_outputs_look_as_before(lang):
    """Every other line of a snapshot is a sentence, the line below it what became of it."""
    path = SNAPSHOTS / f"identity_swaps.{lang}.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if not line.startswith("→ ")]
    made = PART(texts, [generator(0, lang, row) for row in range(len(texts))])
    shown = "".join(f"{text}\n→ {apply(text, each).text}\n" for text, each in zip(texts, made, strict=True))
    if os.environ.get("DUIQI_WRITE_SNAPSHOTS"):
        path.write_text(shown, encoding="utf-8")
    assert len(texts) == 50
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He lost his keys.", "She lost her keys."),
        ("She lost her keys.", "He lost his keys."),
        ("I saw her yesterday.", "I saw him yesterday."),
        ("I saw her mother yesterday.", "I saw his father yesterday."),
        ('She saw his "friends" and told her so.', 'He saw her "friends" and told him so.'),
        ("It shows her having fun with her having-fun face.", "It shows him having fun with his having-fun face."),
        ("Let her go.", "Let him go."),
        ("We heard her singing, and loved her singing voice.", "We heard him singing, and loved his singing voice."),
        ("We gave her flowers for her birthday.", "We gave him flowers for his birthday."),
        ("They called her Nancy Drew.", "They called him Matthew Drew."),
        ("The pen is hers; that one is his.", "The pen is his; that one is hers."),
        ("A friend of his said so, and his friend agreed.", "A friend of hers said so, and her friend agreed."),
        ("I thanked her warmly for her warmly lit room.", "I thanked him warmly for his warmly lit room."),
        ("Tell him that HE is late", "Tell her that SHE is late"),
        ("He’s proud of himself; she'd say so herself.", "She’s proud of herself; he'd say so himself."),
        ("An actor and a hostess", "An actress and a host"),
        ("A nun met an uncle.", "A monk met an aunt."),
        ("My wives' sisters-in-law", "My husbands' brothers-in-law"),
        ("Mrs. Stone, Mr Flint", "Mr. Stone, Ms Flint"),
        ("Miss the bus and Mr Flint", "Miss the bus and Ms Flint"),
        ("Wonder Woman and the Lion King", "Wonder Woman and the Lion King"),
        ("Each guest may bring his or her child.", "Each guest may bring his or her child."),
        ("The history of theirs, the shepherd's others", "The history of theirs, the shepherd's others"),
        ("Come on guys, this guy is slow", "Come on guys, this woman is slow"),
        ("这是他的女儿，不是其他人的。", "这是她的儿子，不是其他人的。"),
        ("她们请他们吃饭，他没去。", "他们请他们吃饭，她没去。"),
        ("她弹吉他给男女老少听。", "他弹吉他给男女老少听。"),
        ("子女不在，女娲补天，先生产后付款。", "子女不在，女娲补天，先生产后付款。"),
        ("他妈妈是空姐，老公公是老太太的丈夫。", "她爸爸是空少，老婆婆是老大爷的妻子。"),
        ("女工程师和女工作人员", "男工程师和男工作人员"),
        ("这菜太太好吃了，我太太喜欢。", "这菜太太好吃了，我先生喜欢。"),
        ("her手机坏了，他iPhone没坏", "him手机坏了，她iPhone没坏"),
    ],
)
def test_gender_by_hand(text, expected):
    assert swapped(text, "gender") == expected


@pytest.mark.parametrize(
    ("text", "attribute", "pattern"),
    [
        ("A young woman", "age", "An old woman"),
        ("an old friend, an old phone, old people", "age", "an old friend, an old phone, young people"),
        ("A German engineer from Berlin", "nationality", r"An? (?!German|Berlin)\w+ engineer from \w[\w ]+"),
        ("A Pole, polish, turkey and Turkish delight", "nationality", "A Pole, polish, turkey and Turkish delight"),
        ("FRENCH FRIES from an Irish pub", "nationality", r"FRENCH FRIES from an? (?!Irish)\w+ pub"),
        ("germans and Italians", "nationality", r"[a-z]+s and [A-Z]\w+s"),
        (
            "A black coat, a black man, BLACK WOMEN",
            "ethnicity",
            r"A black coat, an? (?!black).+ man, (?!BLACK).+ WOMEN",
        ),
        ("Christian Bale is a Christian.", "religion", r"Christian Bale is an? (?!Christian)\w+\."),
        ("Two farmers and a dentist", "occupation", r"Two (?!farmers)\w+s and an? (?!dentist)\w+"),
        ("blind to it, a blind spot, a blind boy", "disability", r"blind to it, a blind spot, an? (?!blind)[\w-]+ boy"),
        ("go straight on; a straight guy", "orientation", "go straight on; a (gay|bisexual) guy"),
        ("Texans love Houston.", "region", r"(?!Texans)\w+s love (?!Houston)[\w ]+\."),
        ("John met Emma.", "names", r"(?!John)\w+ met (?!Emma)\w+\."),
        ("我是北京人，他爱吃北京烤鸭。", "region", "我是(上海|天津|重庆)人，他爱吃北京烤鸭。"),
        ("四川成都人，泰山东侧", "region", r"(?!四川).{2,3}(?!成都).{2,3}人，泰山东侧"),
        ("印度洋边的印度人", "nationality", "印度洋边的(?!印度).+人"),
        ("他是明白人，也是白人。", "ethnicity", "他是明白人，也是(黑人|黄种人)。"),
        ("藏族医生在教堂", "religion", "藏族医生在(?!教堂).+"),
        ("律师事务所的律师", "occupation", "律师事务所的(?!律师).+"),
        ("年轻人和老年人", "age", "老年人和年轻人"),
        ("盲人摸象，盲人读书", "disability", "盲人摸象，(聋人|残疾人)读书"),
        ("同性恋者", "orientation", "(异|双)性恋者"),
        ("张建国说高强度训练", "names", "张(?!建国).{1,2}说高强度训练"),
    ],
)
@pytest.mark.parametrize("seed", range(8))
def test_other_attributes_by_hand(text, attribute, pattern, seed):
    assert re.fullmatch(pattern, swapped(text, attribute, seed=seed)), swapped(text, attribute, seed=seed)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_all_attributes_are_there_in_both_languages(attribute, lang):
    said = tomllib.loads(files("duiqi.data").joinpath("lexicons", f"identities_{lang}.toml").read_text("utf-8"))
    assert attribute == "names" or any(table["attribute"] == attribute for table in said["rows"])
    assert len(said["names"]["female"]) == len(said["names"]["male"]) == len(set(said["names"]["male"]))


def test_rows_of_a_family_count_their_groups_alike():
    words = [word for each in lexicon().index.values() for _, words in each for word in words]
    sizes = {}
    for word in words:
        sizes.setdefault((word.row.family, word.row.attribute == "names"), set()).add(len(word.row.words))
    assert len(words) > 800
    assert {key: each for key, each in sizes.items() if len(each) > 1} == {}


@pytest.mark.parametrize("seed", range(30))
def test_names_go_with_pronouns(seed):
    said = tomllib.loads(files("duiqi.data").joinpath("lexicons", "identities_en.toml").read_text("utf-8"))["names"]
    first, verb = swapped("John hurt himself", "gender", "names", seed=seed).split(" ", 1)
    assert first in said["female"]
    assert verb == "hurt herself"
    alone = swapped("John hurt himself", "names", seed=seed).split(" ", 1)
    assert alone[0] in set(said["male"]) - {"John"}
    assert alone[1] == "hurt himself"
    assert swapped("John hurt himself", "gender", seed=seed) == "Mary hurt herself"


PRONOUNS = ["He", "she", "him", "her", "his", "hers", "himself", "a", "an", "is", "saw"]
NOUNS = [
    "John's",
    "Mary",
    "American",
    "German",
    "Germany",
    "black",
    "woman",
    "men",
    "old",
    "Muslim",
    "doctor",
    "nurses",
    "blind",
    "gay",
    "kettle",
    "ß",
    ",",
    ".",
]
CHINESE = ["他", "她们", "其他", "妈妈", "四川", "医生", "水壶", "的"]
SAID = st.lists(st.sampled_from([*PRONOUNS, *NOUNS, *CHINESE]), max_size=14)


@given(SAID, st.integers(0, 50))
def test_laws(words, seed):
    text = " ".join(words)
    found = find(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    made = PART([text], [np.random.default_rng(seed)])[0]
    assert made == PART([text], [np.random.default_rng(seed)])[0]
    spans = {(each.start, each.end) for each in found}
    articles = {(m.start(), m.end()) for m in re.finditer(r"\ban?\b", text)}
    assert {(each.start, each.end) for each in made} <= spans | articles
    assert all(text[each.start : each.end] != each.new for each in made)
    # one word, one place in the text: where it moves to is the same everywhere
    moved = {}
    for each in found:
        new = next((c.new for c in made if c.start == each.start), None)
        moved.setdefault((each.row.family, each.row.words, each.row.turned, each.group), set()).add(new and new.lower())
    assert all(len(each) == 1 for each in moved.values())


@pytest.mark.parametrize(
    "text",
    [
        "He said his wife likes herself.",
        "A man and two women met an actress.",
        "她的儿子和他的女儿是同学。",
        "前台小姐姐和大叔聊天。",
    ],
)
def test_women_and_men_swapped_twice_come_back(text):
    assert swapped(swapped(text, "gender"), "gender") == text
    assert swapped(text, "gender") != text


def test_two_groups_stay_two():
    for seed in range(40):
        new = swapped("A German met an Italian; the Italian paid.", "nationality", seed=seed)
        first, second, third = re.fullmatch(r"An? (\w+) met an? (\w+); the (\w+) paid\.", new).groups()
        assert first != second == third
        assert not {first, second} & {"German"} or second != "Italian"


def test_versions_are_all_of_them_and_one_family_each():
    text = "My husband is a gay German."
    made = {apply(text, each.changes).text for each in versions(text, ("gender", "orientation"))}
    assert made == {"My wife is a gay German."}  # "gay" is no identity word before "German" here
    text = "A gay man smiled."
    made = [(each.attribute, apply(text, each.changes).text) for each in versions(text)]
    assert made == [
        ("orientation", "A bisexual man smiled."),
        ("orientation", "A straight man smiled."),
        ("gender", "A gay woman smiled."),
    ]
    nations = [each for each in versions("An Italian smiled.") if each.attribute == "nationality"]
    assert len({each.changes for each in nations}) == len(nations) == 17


def test_a_move_for_which_a_word_is_missing_is_not_made():
    found = find("A Jewish family met some Jews, and a Muslim paid.")
    able = families(found, ("religion",))
    (places,) = able.values()
    # "a Muslim" has no word at the place of the Jews, which lie six places further
    assert 6 not in places
    assert places
    assert all(
        changes("A Jewish family met some Jews, and a Muslim paid.", found, dict.fromkeys(able, p)) for p in places
    )


def test_tags_and_spans_move_along():
    data = Dataset.of(
        {
            "tokens": [["Emma", "Stone", "lost", "an", "Irish", "hat"]],
            "label": [["B-PER", "I-PER", "O", "O", "B-MISC", "O"]],
        }
    )
    made = edit_dataset(data, PART, seed=1)
    tokens, tags = made.values("tokens")[0], made.values("label")[0]
    assert tags == ["B-PER", "I-PER", "O", "O", "B-MISC", "O"]
    assert tokens[1:3] == ["Stone", "lost"]
    assert tokens[0] != "Emma"
    assert tokens[4] != "Irish"
    assert tokens[3] == ("an" if tokens[4] == "English" else "a")
    text = "His sister knows Maria."
    rows = Dataset.of({"text": [text], "spans": [[[4, 10], [17, 22]]], "label": ["x"]})
    new = edit_dataset(rows, PART, seed=1, attributes=GENDER)
    assert [new.texts[0][a:b] for a, b in new.values("spans")[0]] == ["brother", "Maria"]


def test_row_order_does_not_matter():
    rows = ["He met a German.", "她是医生。", "no one", "John's wife"]
    data = Dataset.of({"text": rows, "label": list("abab")})
    assert edit_dataset(data, PART, seed=5).texts == edit_dataset(data.take([3, 2, 1, 0]), PART, seed=5).texts[::-1]


def test_unknown_attributes_are_refused():
    with pytest.raises(OptionError, match=r"identity_swaps\.attributes"):
        swapped("He", "gander")
