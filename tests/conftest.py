"""A tiny random BERT and a tiny task, made on the fly: training it takes about a second."""

from __future__ import annotations

import pytest
from hypothesis import settings

from duiqi.core.part import Catalogue
from duiqi.model.quiet import quiet
from tiny import BAD, FILLER, GOOD, LABELS

settings.register_profile("duiqi", deadline=None)  # a busy machine is no defect
settings.load_profile("duiqi")


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


def written_pieces(folder, **special):
    """A tokenizer of whole words, for models that write."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<s>", "</s>", "<unk>", *GOOD, *BAD, *FILLER, *"abcdefghijklmnopqrstuvwxyz"]
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single=special.pop("single"), special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=48, unk_token="<unk>", bos_token="<s>", eos_token="</s>", **special
    ).save_pretrained(folder)
    return len(words)


@pytest.fixture(scope="session")
def decoder(tmp_path_factory):
    """A tiny random Llama that writes, without a padding token of its own."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("decoder") / "tiny"
    folder.mkdir()
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(7)
        size = written_pieces(folder, single="<s> $A")
        config = LlamaConfig(
            vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=48, initializer_range=0.05, tie_word_embeddings=True,
            bos_token_id=1, eos_token_id=2,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoder_decoder(tmp_path_factory):
    """A tiny random BART."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    folder = tmp_path_factory.mktemp("encoder_decoder") / "tiny"
    folder.mkdir()
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(7)
        size = written_pieces(folder, single="$A </s>", pad_token="<pad>")
        config = BartConfig(
            vocab_size=size, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=48,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None,
            init_std=0.05, dropout=0.0,
        )  # fmt: skip
        BartForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def task():
    return Catalogue.installed().task("classify", labels=LABELS)
