"""Every scope with every task: it trains, saves, loads and predicts the same; what is not supported says so."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.model import fit as fit_module
from duiqi.model.export import merged, recalibrated
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from duiqi.model.scope import (
    SCOPES,
    adalora,
    bottleneck,
    dora,
    full,
    head,
    ia3,
    lora,
    prefix,
    prompt,
    rslora,
    scope_of,
    top_layers,
)
from duiqi.model.scopes.adaptive import Allocation, ranks
from tiny import BAD, FILLER, GOOD

CATALOGUE = Catalogue.installed()
ADAPTERS = {
    "lora": lora(4), "rslora": rslora(4), "dora": dora(4), "adalora": adalora(2, start=4), "ia3": ia3(),
    "bottleneck": bottleneck(8), "prefix": prefix(4), "prompt": prompt(4),
}  # fmt: skip
ALL = {"full": full(), "top_layers": top_layers(1), "head": head(), **ADAPTERS}
FAST = {"epochs": 2, "batch_rows": 16, "learning_rate": 5e-3}


def rows_of(name, n=48, seed=0):
    """Rows for a task in which one word tells the answer, and the task."""
    rng = np.random.default_rng(seed)
    good = rng.integers(2, size=n).astype(bool)
    words = [str(rng.choice(GOOD if each else BAD)) for each in good]
    fill = [" ".join(rng.choice(FILLER, size=rng.integers(2, 5))) for _ in range(n)]
    texts = [f"{a} {b}" for a, b in zip(fill, words, strict=True)]
    tags = [["O"] * (len(text.split()) - 1) + ["B-W" if each else "O"] for text, each in zip(texts, good, strict=True)]
    spans = [[[0, 3], [4, 6]]] * n
    columns = {
        "classify": {"text": texts, "label": ["positive" if each else "negative" for each in good]},
        "regress": {"text": texts, "label": [float(50 * each + rng.normal()) for each in good]},
        "multilabel": {"text": texts, "label": [["praise"] if each else ["blame", "praise"] for each in good]},
        "choose": {"text": fill, "choices": [[w, "the plot"] for w in words], "label": [str(int(g)) for g in good]},
        "relation": {"text": texts, "spans": spans, "label": ["ab"[each] for each in good.astype(int)]},
        "tag": {"tokens": [text.split() for text in texts], "label": tags},
        "extract": {
            "text": ["it was"] * n, "text_pair": texts,
            "label": [[{"text": w, "start": len(t) - len(w)}] for t, w in zip(texts, words, strict=True)],
        },
        "rank": {"text": texts, "label": words},
        "generate": {"text": texts, "label": [f"very {word}" for word in words]},
    }[name]  # fmt: skip
    options = {
        "classify": {"labels": ("negative", "positive")}, "regress": {"mean": 25.0, "scale": 25.0}, "choose": {},
        "multilabel": {"labels": ("blame", "praise")}, "relation": {"labels": ("a", "b")}, "tag": {"labels": ("W",)},
        "extract": {}, "rank": {}, "generate": {"longest": 4},
    }[name]  # fmt: skip
    return Dataset.of(columns), CATALOGUE.task(name, **options)


@pytest.fixture
def trained(body, decoder, encoder_decoder, tmp_path):
    def go(scope, name="classify", out="out", **more):
        name, _, kind = name.partition(" by ")
        data, task = rows_of(name, n=more.pop("n", 48))
        options = {**FAST, **more}
        base = options.pop("bundle", None) or find(
            {"decoder": decoder, "encoder_decoder": encoder_decoder}.get(kind, body)
        )
        return fit(base, data, task=task, out=tmp_path / out, step=Step("finetune"), scope=scope, **options)

    return go


def answers(bundle, data, **options):
    model = open_model(bundle, **options).with_dtype("float32")
    output = next(each for each in ("scores", "ranks", "loglik", "probs") if each in model.offers)
    said = model.predict(data, [output])[output]
    return np.concatenate([np.asarray(each).ravel() for each in said])


WRITING = ("generate by decoder", "generate by encoder_decoder")
UNSUPPORTED = {
    ("prompt", "generate by decoder"): "expected another scope for a decoder that writes",
    ("prefix", "generate by encoder_decoder"): "expected attention that can be given a prefix",
    ("head", "rank"): "expected a scope that moves weights on which answers hang",
}


@pytest.mark.parametrize(
    "task", ["classify", "tag", "regress", "multilabel", "choose", "relation", "extract", "rank", *WRITING]
)
@pytest.mark.parametrize("name", ALL)
def test_every_scope_trains_every_task_and_comes_back_the_same(trained, tmp_path, monkeypatch, name, task):
    kept = {}
    real = fit_module.save

    def noting(model, *args, **more):
        kept["model"] = copy.copy(model).with_dtype("float32")
        return real(model, *args, **more)

    monkeypatch.setattr(fit_module, "save", noting)
    if (name, task) in UNSUPPORTED:
        with pytest.raises(OptionError, match=UNSUPPORTED[name, task]):
            trained(ALL[name], task)
        return
    made = trained(ALL[name], task)
    data, _ = rows_of(task.partition(" by ")[0], n=20, seed=5)
    output = {"regress": "scores", "rank": "ranks"}.get(task, "loglik" if task in WRITING else "probs")
    before = kept["model"].predict(data, [output])[output]
    if "text" in kept["model"].offers:
        assert (
            open_model(find(tmp_path / "out")).with_dtype("float32").predict(data, ["text"])["text"]
            == kept["model"].predict(data, ["text"])["text"]
        )
    again = find(tmp_path / "out")
    assert again.fingerprint == made.fingerprint
    assert np.allclose(answers(again, data), np.concatenate([np.asarray(each).ravel() for each in before]), atol=1e-6)
    assert (again.adapter is not None) == (name in ADAPTERS)
    assert not (name in ADAPTERS and (tmp_path / "out" / "model.safetensors").exists())


@pytest.fixture(scope="module")
def fitted(body, tmp_path_factory):
    """A model that knows the words: all of it was trained."""
    data, task = rows_of("classify", n=240, seed=1)
    out = tmp_path_factory.mktemp("fitted") / "base"
    return fit(
        find(body), data, task=task, out=out, step=Step("finetune"), **{**FAST, "learning_rate": 3e-3, "epochs": 6}
    )


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_learns_and_its_base_stays(fitted, tmp_path, name):
    """The labels are turned round, so what the base says is wrong for every row."""
    before = (fitted.path / "model.safetensors").read_bytes()
    data, task = rows_of("classify", n=240, seed=1)
    test, _ = rows_of("classify", n=200, seed=9)
    turned = data.with_column("label", [task.labels[each == task.labels[0]] for each in data.values("label")])
    made = fit(
        fitted, turned, task=task, out=tmp_path / "out", step=Step("x"), scope=ALL[name], **{**FAST, "epochs": 6}
    )
    right = [
        (open_model(each).predict(test, ["probs"]).label == task.read_truth(test)).mean() for each in (fitted, made)
    ]
    assert right[0] > 0.95
    assert right[1] < 0.05
    assert (fitted.path / "model.safetensors").read_bytes() == before
    assert find(fitted.path).fingerprint == fitted.fingerprint


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_is_saved_is_what_moved(trained, body, tmp_path, name):
    trained(ALL[name])
    saved = load_file(tmp_path / "out" / "adapter.safetensors")
    inside = {key for key in saved if "layer." in key and ALL[name].mark not in f".{key}" and "LayerNorm" not in key}
    assert not inside
    assert "classifier.weight" in saved
    assert json.loads((tmp_path / "out" / "duiqi.json").read_text())["adapter"]["scope"] == ALL[name].to_json()


@pytest.mark.parametrize("name", ALL)
def test_a_scope_is_made_again_from_json(name):
    assert scope_of(json.loads(json.dumps(ALL[name].to_json()))) == ALL[name]
    assert {*SCOPES} == {*ALL}


@pytest.mark.parametrize("name", ADAPTERS)
def test_merging_gives_a_plain_model_with_the_same_answers(trained, tmp_path, name):
    from transformers import AutoModelForSequenceClassification

    made = trained(ALL[name])
    data, _ = rows_of("classify", n=20, seed=5)
    if not ALL[name].merges:
        with pytest.raises(OptionError, match="merged"):
            merged(made, tmp_path / "plain")
        assert not (tmp_path / "plain").exists()
        return
    plain = merged(made, tmp_path / "plain")
    assert plain.adapter is None
    assert answers(plain, data) == pytest.approx(answers(made, data), abs=1e-5)
    net = AutoModelForSequenceClassification.from_pretrained(tmp_path / "plain")
    assert not [key for key in net.state_dict() if "lora" in key or "triplets" in key]
    assert answers(find(tmp_path / "out"), data) == pytest.approx(answers(made, data), abs=0)


def test_merging_what_stands_alone(trained, tmp_path):
    with pytest.raises(OptionError, match="stands alone"):
        merged(trained(head()), tmp_path / "plain")


def test_several_adapters_on_one_base(trained):
    data, _ = rows_of("classify", n=20, seed=5)
    first, second = trained(lora(4), out="a"), trained(bottleneck(8), out="b", seed=3)
    alone = answers(first, data)
    other = answers(second, data)
    assert not np.allclose(alone, other)
    assert np.array_equal(answers(first, data), alone)


def test_labels_in_another_order(trained):
    made = trained(lora(4))
    data, task = rows_of("classify", n=20, seed=5)
    turned = CATALOGUE.task("classify", labels=tuple(reversed(task.labels)))
    said = open_model(made).predict(data, ["probs"]).probs
    assert np.allclose(open_model(made, turned).predict(data, ["probs"]).probs[:, ::-1], said)


def test_an_adapter_on_a_wrong_base(trained, body, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(body, base)
    made = trained(lora(4), bundle=find(base))
    other = load_file(base / "model.safetensors")
    other["embeddings.word_embeddings.weight"][3, 0] += 1
    from safetensors.torch import save_file

    save_file(other, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError) as caught:
        open_model(made)
    assert made.adapter["base"]["fingerprint"] in str(caught.value)
    shutil.rmtree(base)
    with pytest.raises(ModelError, match="given nothing there"):
        open_model(made)


def test_an_adapter_of_another_kind_is_no_weights_for_this_one(trained, tmp_path):
    made = trained(lora(4))
    card = tmp_path / "out" / "duiqi.json"
    said = json.loads(card.read_text())
    said["adapter"]["scope"] = bottleneck(8).to_json()
    card.write_text(json.dumps(said))
    with pytest.raises(ModelError):
        find(made.path)


def test_the_fingerprint_covers_scope_weights_and_base_but_not_the_place(trained, body, tmp_path):
    shutil.copytree(body, tmp_path / "moved")
    one, two = trained(lora(4), out="a"), trained(lora(4), out="b", bundle=find(tmp_path / "moved"))
    assert one.fingerprint == two.fingerprint
    assert open_model(one).body == open_model(two).body
    assert trained(lora(4), out="c", seed=1).fingerprint != one.fingerprint
    assert trained(lora(4, alpha=9.0), out="d").fingerprint != one.fingerprint
    assert recalibrated(one, {"temperature": 2.0}, tmp_path / "warm").adapter == one.adapter


@pytest.mark.parametrize("name", ["lora", "adalora", "prompt"])
def test_training_goes_on_with_the_scope_of_the_bundle(trained, name):
    made = trained(ALL[name], out="first")
    more = trained(None, out="second", bundle=made)
    assert more.adapter == made.adapter
    with pytest.raises(OptionError, match="expected the scope"):
        trained(ia3(), out="third", bundle=made)


def test_other_weights_move_when_the_adapter_has_become_part_of_them(trained):
    made = trained(lora(4), out="first")
    plain = trained(full(), out="second", bundle=made, learning_rate=1e-12)
    data, _ = rows_of("classify", n=20, seed=5)
    assert plain.adapter is None
    assert answers(plain, data) == pytest.approx(answers(made, data), abs=1e-4)
    with pytest.raises(OptionError, match="merged"):
        trained(full(), out="third", bundle=trained(prefix(4), out="other"))


class Stop(Exception):
    """What the tests interrupt a fit with."""


@pytest.mark.parametrize("name", ["lora", "adalora", "prefix"])
@pytest.mark.parametrize("stop", [2, 7, 10])
def test_an_interrupted_adapter_ends_with_the_same_bits(trained, tmp_path, name, stop):
    options = {"epochs": 4, "checkpoint_seconds": 0.0, "seed": 4}
    trained(ALL[name], out="whole", **options)

    def interrupt(done, _total, _facts):
        if done == stop:
            raise Stop

    with pytest.raises(Stop):
        trained(ALL[name], out="parts", work=tmp_path / "work", progress=interrupt, **options)
    trained(ALL[name], out="parts", work=tmp_path / "work", **options)
    whole, parts = (load_file(tmp_path / each / "adapter.safetensors") for each in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


@pytest.mark.parametrize("more", [{}, {"average": 0.9}, {"dev": rows_of("classify", n=24, seed=3)[0]}])
def test_ranks_move_and_meet_the_budget(trained, tmp_path, more):
    made = trained(adalora(2, start=4), epochs=12, **more)
    left = ranks(open_model(made).net)
    assert sum(left.values()) == 2 * len(left)
    assert len({*left.values()}) > 1
    sizes = {key: len(each) for key, each in load_file(tmp_path / "out" / "adapter.safetensors").items()}
    assert sum(size for key, size in sizes.items() if key.endswith("strength")) == 2 * len(left)


def test_the_budget_falls_from_start_to_rank(body):
    _, task = rows_of("classify")
    net = open_model(find(body), task).net
    scope = adalora(2, start=4)
    scope.attach(net)
    budgets = [Allocation(scope, net, 100).budget(done) for done in range(101)]
    assert budgets[15] == 4 * 12
    assert budgets[70:] == [2 * 12] * 31
    assert budgets == sorted(budgets, reverse=True)


def test_triplets_that_matter_stay(body):
    """Of two triplets a matrix, the one whose weights the loss feels is kept."""
    _, task = rows_of("classify")
    net = open_model(find(body), task).net
    scope = adalora(1, start=2)
    scope.attach(net)
    tutor = Allocation(scope, net, 10)
    for name in tutor.weights:
        tutor.mean[name].fill_(1e-3)
        tutor.spread[name].fill_(1.0)
    for name in tutor.matrices:
        tutor.mean[f"{name}.strength"][1] = 1.0
    tutor._allocate(len(tutor.matrices))
    assert all(kept.tolist() == [False, True] for kept in tutor.kept.values())


@pytest.mark.parametrize(
    "make", [lambda: lora(0), lambda: adalora(8, start=4), lambda: bottleneck(0), lambda: prompt(0)]
)
def test_sizes_that_cannot_be(make):
    with pytest.raises(OptionError):
        make()
