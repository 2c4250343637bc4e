"""The recipe of a small encoder-decoder makes a model that the loop takes, English to Chinese."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.model.fit import fit
from duiqi.model.open import find, has_head, open_model

RECIPE = Path(__file__).parents[1] / "examples" / "encoder_decoder.py"


def test_it_is_made_and_learns_to_write(tmp_path):
    spec = importlib.util.spec_from_file_location("encoder_decoder", RECIPE)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    pairs = [("the cat sleeps", "猫在睡觉。"), ("the dog runs", "狗在跑。"), ("it rains", "下雨了。")] * 40
    data = Dataset.of({"text": [a for a, _ in pairs], "label": [b for _, b in pairs]})
    recipe.make([text for pair in pairs for text in pair], tmp_path / "start", entries=200, width=96, layers=1)
    start = find(tmp_path / "start")
    assert has_head(start, "generate")
    assert not has_head(start, "classify")
    task = Catalogue.installed().task("generate", longest=12)
    made = fit(start, data, task=task, out=tmp_path / "m", step=Step("finetune"), epochs=20, learning_rate=2e-3,
               batch_rows=8)  # fmt: skip
    assert open_model(made).predict(data.take([0, 1, 2]), ["text"])["text"] == data.values("label")[:3]
