"""What is said to be planted is there, the control has none of it, and the splits do not leak."""

from collections import Counter

import numpy as np
import pytest

from duiqi.core.errors import OptionError
from duiqi.core.seed import generator
from duiqi.data import reviews as module
from duiqi.data.dedupe import overlap, row_keys
from duiqi.data.reviews import LABELS, reviews

LANGUAGES = ("en", "zh")


@pytest.fixture(scope="module", params=[("en", 0), ("en", 7), ("zh", 3)], ids=str)
def sick(request):
    lang, seed = request.param
    return lang, reviews(seed, lang=lang, rows=4000)


@pytest.fixture(scope="module", params=LANGUAGES)
def healthy(request):
    return request.param, reviews(0, lang=request.param, rows=4000, planted=False)


def plant(demo, code):
    (found,) = [each for each in demo.plants if each.code == code]
    return found


def shares(data, column):
    values = data.group(column)
    return {str(value): float(np.mean(values == value)) for value in np.unique(values)}


def bodies_of(bank, label, kinds):
    """Phrases and words of a bank that say `label`, by hand: what a reader would look for."""
    pools = {
        "slang": bank["slang"][label],
        "jargon": [w for t in bank["topics"].values() for w in t["praise" if label == "positive" else "blame"]],
    }
    return [word for kind in kinds for word in pools[kind]]


def share_with(texts, words):
    lower = [word.lower() for word in words]
    return float(np.mean([any(word in text.lower() for word in lower) for text in texts]))


def apparent(data, bank):
    """The label that the plain phrases of each row give away; None where there are none, or some for each label."""
    said = []
    for text, product in zip(data.texts, data.group("product"), strict=True):
        topic, lower = bank["topics"][str(product)], text.lower()
        plain = {label: [*bank[label], *bank["negated"][label], *topic[label]] for label in LABELS}
        hits = [label for label in LABELS if any(phrase.lower() in lower for phrase in plain[label])]
        said.append(hits[0] if len(hits) == 1 else None)
    return np.array(said, dtype=object)


def wrong_share(data, bank, rows):
    said = apparent(data, bank)
    truth = np.array(data.values("label"), dtype=object)
    readable = rows & (said != None)  # noqa: E711 - elementwise
    assert readable.sum() > 30
    return float(np.mean(said[readable] != truth[readable]))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_same_seed_same_reviews(lang):
    one, two, other = reviews(3, lang=lang), reviews(3, lang=lang), reviews(4, lang=lang)
    assert one.plants == two.plants
    for split in ("train", "dev", "test"):
        assert one.parts[split].table.equals(two.parts[split].table)
        assert one.parts[split].texts != other.parts[split].texts


@pytest.mark.parametrize("lang", LANGUAGES)
def test_places_are_drawn(lang):
    demos = [reviews(seed, lang=lang, rows=40) for seed in range(25)]
    for code in ("missing_topic", "wrong_labels", "dialect"):
        assert len({plant(demo, code).where[0]["value"] for demo in demos}) > 4
    assert {plant(demo, "starved_class").where[0]["value"] for demo in demos} == set(LABELS)
    for demo in demos:
        assert plant(demo, "wrong_labels").where[0]["column"] != plant(demo, "dialect").where[0]["column"]


def test_sizes_and_schema(healthy):
    _, demo = healthy
    assert {split: len(part) for split, part in demo.parts.items()} == {"train": 1600, "dev": 1600, "test": 800}
    for part in demo.parts.values():
        assert part.schema.groups == ("region", "channel", "device")
        assert set(part.values("label")) == set(LABELS)
        assert "{" not in "".join(part.texts)


def test_english_reviews_are_short():
    words = [len(text.split()) for text in reviews(0).parts["train"].texts]
    assert 10 <= np.mean(words) <= 20
    assert np.quantile(words, 0.95) <= 30


def test_a_topic_is_missing_and_speaks_its_trade(sick):
    lang, demo = sick
    found = plant(demo, "missing_topic")
    product = found.where[0]["value"]
    nouns = [noun.split()[-1] for noun in module._bank(lang)["topics"][product]["nouns"]]
    assert not found.rows(demo.parts["train"]).any()
    assert share_with(demo.parts["train"].texts, nouns) == 0
    for split in ("dev", "test"):
        part = demo.parts[split]
        inside, legible = found.rows(part), part.group("device") == "desktop"
        assert 0.08 < inside.mean() < 0.22
        rows, rest = part.take(inside & legible), part.take(~inside & legible)
        bank = module._bank(lang)
        trade = [word for label in LABELS for word in bodies_of(bank, label, ["jargon"])]
        assert share_with(rows.texts, trade) > 0.7
        assert share_with(rest.texts, trade) < 0.2


def test_labels_are_wrong_in_one_group(sick):
    lang, demo = sick
    found = plant(demo, "wrong_labels")
    for part in demo.parts.values():
        inside, legible = found.rows(part), part.group("device") == "desktop"
        assert 0.09 < inside.mean() < 0.2
        inside_share = wrong_share(part, module._bank(lang), inside & legible)
        assert abs(inside_share - found.strength) < 0.17
        assert wrong_share(part, module._bank(lang), ~inside & legible) < 0.06


def test_a_class_is_starved_in_train_alone(sick):
    _, demo = sick
    label = plant(demo, "starved_class").where[0]["value"]
    outside = {}
    for split, part in demo.parts.items():
        aside = plant(demo, "wrong_labels").rows(part) | plant(demo, "dialect").rows(part)
        outside[split] = float(np.mean(np.array(part.values("label"))[~aside] == label))
    assert 0.11 < outside["train"] < 0.2  # one to seven, and the slips that labels have anywhere
    assert 0.34 < outside["dev"] < 0.46
    assert 0.34 < outside["test"] < 0.46


def test_a_group_has_words_of_its_own_and_is_rare_in_train(sick):
    lang, demo = sick
    found = plant(demo, "dialect")
    train, dev = demo.parts["train"], demo.parts["dev"]
    assert found.rows(train).mean() < 0.05
    assert 0.13 < found.rows(dev).mean() < 0.27
    bank = module._bank(lang)
    slang = [word for label in LABELS for word in bodies_of(bank, label, ["slang"])]
    assert share_with(train.take(found.rows(train)).texts, slang) > 0.55
    assert share_with(train.take(~found.rows(train)).texts, slang) < 0.02
    balance = np.mean(np.array(train.take(found.rows(train)).values("label")) == "positive")
    assert 0.2 < balance < 0.8  # learnable: not starved as well


def known_openers(part, bank):
    """Share of rows whose first sentence fits an opener letter by letter."""
    starts = tuple(opener.split("{")[0] for opener in bank["openers"] if not opener.startswith("{"))
    return float(np.mean([text.startswith(starts) for text in part.texts]))


def test_phones_bring_typing_errors_to_the_rows_to_serve(sick, healthy):
    lang, demo = sick
    bank, found = module._bank(lang), plant(demo, "typos")
    for split, part in demo.parts.items():
        phones = found.rows(part)
        assert abs(phones.mean() - module.DEVICES["phone"]) < 0.05
        lost = known_openers(part.take(~phones), bank) - known_openers(part.take(phones), bank)
        assert abs(lost) < 0.06 if split == "train" else lost > 0.2
    same, control = healthy
    bank = module._bank(same)
    assert abs(known_openers(control.parts["train"], bank) - known_openers(control.parts["dev"], bank)) < 0.05


def test_the_control_is_balanced(healthy):
    lang, demo = healthy
    bank = module._bank(lang)
    assert demo.plants == ()
    for part in demo.parts.values():
        labels = np.array(part.values("label"))
        assert abs(np.mean(labels == "positive") - 0.5) < 0.06
        for column, even in (("region", 1 / 7), ("channel", 1 / 7), ("product", 1 / len(bank["topics"]))):
            assert all(abs(share - even) < 0.05 for share in shares(part, column).values())
        assert len(shares(part, "product")) == len(bank["topics"])
        slang = [word for label in LABELS for word in bodies_of(bank, label, ["slang"])]
        assert share_with(part.texts, slang) < 0.02
        for column in ("region", "channel"):
            for value in np.unique(part.group(column)):
                assert wrong_share(part, bank, part.group(column) == value) < 0.08


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("planted", [True, False])
def test_test_rows_are_new(lang, planted):
    parts = reviews(11, lang=lang, planted=planted).parts
    for known in ("train", "dev"):
        seen = overlap(parts["test"], row_keys(parts[known]))
        assert seen.exact.mean() < 0.01
        assert (seen.exact | seen.near).mean() < 0.05
    inside = Counter(parts["train"].input_keys.tolist())
    assert sum(count - 1 for count in inside.values()) < 0.01 * len(parts["train"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_banks_do_not_contradict_themselves(lang):
    bank = module._bank(lang)
    said = {label: {*bank[label], *bank["negated"][label]} for label in LABELS}
    for topic in bank["topics"].values():
        for label, words in zip(LABELS, ("blame", "praise"), strict=True):
            said[label] |= {*topic[label], *topic[words]}
            assert len(topic[words]) == len(set(topic[words])) >= 8
        assert len(topic["positive"]) == len(topic["negative"])
    assert not said["positive"] & said["negative"]
    neutral = {*bank["openers"], *bank["tails"]}
    assert not any(phrase in text for phrase in said["positive"] | said["negative"] for text in neutral)


def test_places_hang_on_the_seed_not_on_the_size():
    assert reviews(5, rows=100).plants == reviews(5, rows=900).plants
    bank = module._bank("en")
    assert (
        module._draw_places(bank, generator(5, "reviews", "en", "places")).topic
        == (plant(reviews(5, rows=100), "missing_topic").where[0]["value"])
    )


def test_unknown_language_is_refused():
    with pytest.raises(OptionError, match="en, zh"):
        reviews(0, lang="fr")
