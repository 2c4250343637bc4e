"""How `default-zh` is made: a small encoder that reads Chinese, character by character, with English words surviving.

    python examples/default_zh.py DATA OUT [--start minilm|random] [--layers 4] [--width 384] [--rows N] [--epochs 1]

DATA is a folder of data sets with a README each. Trained on are the plain Chinese corpus and the training texts of the
sets in `SOURCES`, whose licences allow it, without any text that stands in a test or validation file of any set. The
steps are kept in OUT: texts.parquet, first/ (vocabulary and network before training), work/ (checkpoints; a run that
was stopped goes on there when it is called again) and model/. With `--ship FOLDER` the model
is written there in eight bits, as the package carries it.

The network is BERT's with a masked-LM head. `--start minilm` takes the layers of the English default and gives it new
characters (Artetxe, Ruder & Yogatama 2020, On the cross-lingual transferability of monolingual representations, ACL,
https://arxiv.org/abs/1910.11856), with the vectors of the English pieces that stay; `--start random` draws everything.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset, Schema, normalise
from duiqi.core.folder import swapped_in
from duiqi.core.seed import hash64
from duiqi.core.slice import is_cjk
from duiqi.data.words import packed
from duiqi.model.fit import fit
from duiqi.model.heads import filling
from duiqi.model.objective import masked
from duiqi.model.open import find
from duiqi.model.shipped import pack

# Licences as the README of each set states them: Apache-2.0, and CC BY for tatoeba. The corpus is laws (no copyright
# under Article 5 of the PRC Copyright Law) and novels of the Ming and Qing (public domain).
SOURCES = ("kdconv", "cold", "afqmc", "tatoeba-en-zh", "dpo-demo-en-zh", "toxicity-templates-zh")
FIELDS = ("text", "text_pair", "source", "target", "prompt", "chosen", "rejected", "knowledge")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TOKENS = 126  # of a row, without its two special tokens
TIMES = 3  # that a row of `SOURCES` is read in an epoch: the corpus is six times as long, old or legal
RAREST = 4  # characters and pieces that come less often stay unknown
CHARACTERS, PIECES = 7000, 2000  # at most, in the vocabulary
WIDTH = 384  # MiniLM's
KEPT = {3: (0, 2, 5), 4: (0, 2, 3, 5), 6: (0, 1, 2, 3, 4, 5)}  # layers of MiniLM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", choices=("minilm", "random"), default="minilm")
    parser.add_argument("--layers", type=int, choices=sorted(KEPT), default=4)
    parser.add_argument("--width", type=int, choices=(312, WIDTH), default=WIDTH, help="312 with --start random only")
    parser.add_argument("--rows", type=int, default=0, help="train on so many rows only, drawn at random")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--ship", type=Path, help="write the model there, as the package carries it")
    given = parser.parse_args()
    if given.start == "minilm" and given.width != WIDTH:
        parser.error("MiniLM's layers have one width: give --start random with another --width")
    rows = read_rows(given.data, given.out / "texts.parquet")
    body = f"{given.start}-{given.layers}" + (f"x{given.width}" if given.width != WIDTH else "")
    first = given.out / f"first-{body}"
    if not first.is_dir():  # its vocabulary is that of all rows, however many are trained on
        with swapped_in(first) as aside:
            make_first(rows, aside, start=given.start, layers=given.layers, width=given.width)
    if given.rows:
        rows = rows.take(torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[: given.rows].numpy())
    else:
        rows = rows.take(np.concatenate([np.arange(len(rows)), *[modern(rows)] * (TIMES - 1)]))
    name = f"{body}-{len(rows)}x{given.epochs}"
    made = fit(
        find(str(first)), rows, task=filling(), out=given.out / f"model-{name}",
        step=Step("pretrain", {"rows": len(rows), "epochs": given.epochs}),
        objective=masked(), learning_rate=given.rate, epochs=given.epochs, batch_rows=given.batch, max_tokens=128,
        work=given.out / f"work-{name}", checkpoint_seconds=300, progress=Progress(),
    )  # fmt: skip
    print(f"made {made.path} ({made.fingerprint})")
    if given.ship:
        print(f"{given.ship}: {pack(made.path, given.ship) / 2**20:.1f} MiB")


class Progress:
    """The mean loss of the last hundred steps, now and then."""

    def __init__(self) -> None:
        self.begun, self.losses = time.monotonic(), list[float]()

    def __call__(self, done: int, total: int, facts: Any) -> None:
        self.losses.append(facts["loss"])
        if done % 100 == 0 or done == total:
            mean = sum(self.losses[-100:]) / len(self.losses[-100:])
            print(f"{done} of {total}, loss {mean:.3f}, {time.monotonic() - self.begun:.0f} s", flush=True)


# Texts


def read_rows(data: Path, kept: Path) -> Dataset:
    """Rows of words, made once and kept."""
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        rows, names = list[list[str]](), list[str]()
        texts: Counter[str] = Counter()
        for name, some in groupby(allowed(data), key=lambda pair: pair[0]):
            rows += packed((text for _, text in counted(some, texts)), TOKENS)
            names += [name] * (len(rows) - len(names))
        print(f"{len(rows)} rows of words; texts taken: {dict(texts)}", file=sys.stderr)
        aside = kept.with_suffix(".new")
        pq.write_table(pa.table({"tokens": rows, "source": names}), aside)
        aside.replace(kept)
    return Dataset(pq.read_table(kept), Schema(tokens="tokens", groups=("source",)), "pretraining")


def modern(rows: Dataset) -> np.ndarray:
    """The places of rows of today's Chinese."""
    return np.flatnonzero(rows.group("source") != "corpus-zh")


def counted(pairs: Iterable[tuple[str, str]], texts: Counter[str]) -> Iterator[tuple[str, str]]:
    for name, text in pairs:
        texts[name] += 1
        yield name, text


def allowed(data: Path) -> Iterator[tuple[str, str]]:
    """Name of the source and Chinese text that may be trained on: of the sources, and in no file to test on."""
    held = {key for path in data.glob("*/*.jsonl.gz") if not path.name.startswith("train") for key in keys(path)}
    seen: set[int] = set()
    for name, text in candidates(data):
        key = key_of(text)
        if is_cjk(text) and key not in held and key not in seen:
            seen.add(key)
            yield name, text


def candidates(data: Path) -> Iterator[tuple[str, str]]:
    with gzip.open(data / "corpus-zh" / "text.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield "corpus-zh", line.strip()
    for name in SOURCES:
        for text in texts_of(data / name / "train.jsonl.gz"):
            yield name, text


def texts_of(path: Path) -> Iterator[str]:
    """All texts of a file, those inside of lists too."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            for field in FIELDS:
                yield from strings(row.get(field))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def keys(path: Path) -> Iterator[int]:
    return (key_of(text) for text in texts_of(path))


def key_of(text: str) -> int:
    """The key by which equal inputs are known, whatever their width, case and marks."""
    return hash64(normalise(text))


# Vocabulary and first network


def make_first(rows: Dataset, folder: Path, *, start: str, layers: int, width: int = WIDTH) -> None:
    """A tokenizer of characters and English pieces, and a network for it."""
    from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM

    english = find("default").path
    pieces = AutoTokenizer.from_pretrained(english, local_files_only=True)
    vocabulary = chosen(rows, pieces)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=width, num_hidden_layers=layers, num_attention_heads=12,
        intermediate_size=4 * width, max_position_embeddings=512, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    net = BertForMaskedLM(config)
    if start == "minilm":
        body = AutoModel.from_pretrained(english, local_files_only=True)
        with torch.no_grad():
            take_over(net, body, layers, [pieces.get_vocab().get(token) for token in vocabulary])
    folder.mkdir(parents=True, exist_ok=True)
    net.save_pretrained(folder)
    tokenizer_of(vocabulary, folder).save_pretrained(folder)
    print(f"{len(vocabulary)} entries, {sum(p.numel() for p in net.parameters()) / 1e6:.1f} million numbers")


def chosen(rows: Dataset, pieces: Any) -> list[str]:
    """Special tokens, the characters that come often enough, and the English pieces that do."""
    characters: Counter[str] = Counter()
    english: Counter[str] = Counter()
    for row in rows.values("tokens"):
        for word in row:
            if is_cjk(word):
                characters.update(word)
            else:
                english[word.lower()] += 1
    used: Counter[str] = Counter()
    for word, count in english.items():
        for piece in pieces.tokenize(word):
            used[piece] += count
    single = [token for token in pieces.get_vocab() if len(token.removeprefix("##")) == 1 and token.isascii()]
    marks = [token for token, count in used.most_common() if len(token) == 1 and count >= RAREST]
    often = [token for token, count in used.most_common(PIECES) if count >= RAREST]
    han = [token for token, count in characters.most_common(CHARACTERS) if count >= RAREST]
    return list(dict.fromkeys([*SPECIAL, *sorted(single), *marks, *often, *han]))


def take_over(net: Any, body: Any, layers: int, places: list[int | None]) -> None:
    """MiniLM's layers, positions and the vectors of the pieces that both vocabularies have."""
    mine, theirs = net.bert.embeddings, body.embeddings
    for name in ("position_embeddings", "token_type_embeddings", "LayerNorm"):
        getattr(mine, name).load_state_dict(getattr(theirs, name).state_dict())
    for layer, kept in zip(net.bert.encoder.layer, KEPT[layers], strict=True):
        layer.load_state_dict(body.encoder.layer[kept].state_dict())
    table = theirs.word_embeddings.weight
    mine.word_embeddings.weight.normal_(0.0, float(table.std()))
    for row, place in enumerate(places):
        if place is not None:
            mine.word_embeddings.weight[row] = table[place]


def tokenizer_of(vocabulary: list[str], folder: Path) -> Any:
    from tokenizers import BertWordPieceTokenizer
    from transformers import PreTrainedTokenizerFast

    listed = folder / "vocab.txt"
    listed.write_text("\n".join(vocabulary), encoding="utf-8")
    made = BertWordPieceTokenizer(str(listed), lowercase=True, handle_chinese_chars=True)
    names = {name: f"[{name[:-6].upper()}]" for name in ("pad_token", "unk_token", "cls_token", "sep_token")}
    read = ["input_ids", "token_type_ids", "attention_mask"]  # which text of a pair a token belongs to is told too
    return PreTrainedTokenizerFast(
        tokenizer_object=made._tokenizer, model_max_length=512, mask_token="[MASK]", model_input_names=read, **names
    )


if __name__ == "__main__":
    main()
