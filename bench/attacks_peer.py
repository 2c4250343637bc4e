"""TextAttack's DeepWordBug on the rows that `attacks.py` names in a JSON file, the first argument: run by a Python that
has textattack, prints one line of JSON."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import torch
from textattack import Attack
from textattack.attack_recipes import DeepWordBugGao2018
from textattack.attack_results import SuccessfulAttackResult
from textattack.models.wrappers import HuggingFaceModelWrapper, ModelWrapper
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class Quick(ModelWrapper):
    """The same network, padded to the longest text of a batch."""

    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model, tokenizer

    def __call__(self, texts):
        with torch.inference_mode():
            return self.model(**self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")).logits


def run(attack: Attack, texts, labels) -> tuple[list[bool], float]:
    turned, start = [], time.process_time()
    for text, label in zip(texts, labels, strict=True):
        turned.append(isinstance(attack.attack(text, label), SuccessfulAttackResult))
    return turned, (time.process_time() - start) / len(texts)


def main() -> None:
    torch.set_num_threads(1)
    with open(sys.argv[1]) as file:
        said = json.load(file)
    model = AutoModelForSequenceClassification.from_pretrained(said["model"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(said["model"], model_max_length=512)
    np.random.seed(0)
    torch.manual_seed(0)
    texts, labels, few = said["texts"], said["labels"], said["slow"]
    _, slow = run(DeepWordBugGao2018.build(HuggingFaceModelWrapper(model, tokenizer)), texts[:few], labels[:few])
    turned, quick = run(DeepWordBugGao2018.build(Quick(model, tokenizer)), texts, labels)
    print(json.dumps({"turned": turned, "quick": quick, "slow": slow, "version": version("textattack")}))


if __name__ == "__main__":
    main()
