"""A tiny random BERT and a tiny task, made on the fly: training it takes about a second."""

from __future__ import annotations

import pytest

from duiqi.core.part import Catalogue
from duiqi.model.quiet import quiet
from tiny import BAD, FILLER, GOOD, LABELS


@pytest.fixture(scope="session")
def body(tmp_path_factory):
    """A plain checkpoint of a body without a head: two layers, width 32, a word-piece vocabulary of a few words."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("body") / "tiny"
    folder.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *FILLER]
    pieces += list("abcdefghijklmnopqrstuvwxyz") + [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(pieces))
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(7)
        config = BertConfig(
            vocab_size=len(pieces),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=24,
            initializer_range=0.05,
        )
        BertModel(config).save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=BertWordPieceTokenizer(str(vocabulary), lowercase=True)._tokenizer,
            model_max_length=24,
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            mask_token="[MASK]",
        ).save_pretrained(folder)
    vocabulary.unlink()
    return folder


@pytest.fixture(scope="session")
def task():
    return Catalogue.installed().task("classify", labels=LABELS)
