"""A small encoder-decoder from nothing: a vocabulary learned from your rows, and an mBART of random weights for it.

    python examples/encoder_decoder.py DATA OUT [--entries 6000] [--width 192] [--layers 2]
    duiqi align OUT DATA --task generate --with finetune

DATA is whatever `duiqi` reads that has texts and texts to write for them. Pieces are learned from both sides of the
training rows (byte-pair encoding over characters, so Chinese needs no words). The network knows nothing until it is
trained: give it more epochs and a higher rate than a pre-trained one ([options.finetune] epochs = 10, learning_rate =
0.003). Layers that normalise what they read (mBART's) learn from such rates; those that normalise what they say
(BART's) hardly begin. It takes thousands of steps until what is written hangs on what was read.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from duiqi.core.texts import references_of
from duiqi.data.read import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--entries", type=int, default=6000, help="of the vocabulary, at most")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=2, help="of the encoder, and as many of the decoder")
    given = parser.parse_args()
    parts = read(given.data)
    rows = parts.get("train") or next(iter(parts.values()))
    texts = [*rows.texts, *(text for row in references_of(rows) for text in row)]
    make(texts, given.out, entries=given.entries, width=given.width, layers=given.layers)


def make(texts: Sequence[str], out: Path, *, entries: int = 6000, width: int = 192, layers: int = 2) -> None:
    """A folder with a tokenizer learned from `texts` and a network of random weights."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import MBartConfig, MBartForConditionalGeneration, PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE(unk_token="<unk>"))
    pieces.normalizer = normalizers.NFKC()
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.decoder = decoders.Metaspace()
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=entries, special_tokens=special, min_frequency=2, show_progress=False)
    pieces.train_from_iterator(texts, trainer)
    pieces.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces, model_max_length=256, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        unk_token="<unk>",
    )  # fmt: skip
    config = MBartConfig(
        vocab_size=len(tokenizer), d_model=width, encoder_layers=layers, decoder_layers=layers,
        encoder_attention_heads=width // 48, decoder_attention_heads=width // 48, encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width, max_position_embeddings=256, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=2, forced_eos_token_id=None, dropout=0.1, scale_embedding=True,
    )  # fmt: skip
    torch.manual_seed(0)
    net = MBartForConditionalGeneration(config)
    out.mkdir(parents=True, exist_ok=True)
    net.save_pretrained(out)
    tokenizer.save_pretrained(out)
    print(f"{out}: {len(tokenizer)} entries, {sum(p.numel() for p in net.parameters()) / 1e6:.1f} million numbers")


if __name__ == "__main__":
    main()
