"""Files as spreadsheets in China, Taiwan and western Europe save them."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest

import duiqi
from duiqi.core.errors import DuiqiError, OptionError
from duiqi.data.encoding import decoded
from duiqi.data.formats import read_pieces
from duiqi.data.read import read
from duiqi.prepare import restore

REVIEWS = Path(__file__).parents[3] / "shared" / "data" / "waimai-10k" / "test.jsonl.gz"
SIMPLIFIED = [("味道很好，下次还会来", "正面"), ("等了两个小时都没有送到", "负面"), ("这家店的服务真的不错！", "正面")]
TRADITIONAL = [("味道很好，下次還會來", "正面"), ("等了兩個小時都沒有送到", "負面"), ("這家店的服務真的不錯！", "正面")]
FRENCH = [("Très bon, je l’ai déjà recommandé", "positif"), ("La qualité est très mauvaise", "négatif"), ("Ça va", "—")]
# encoding of the file, rows, how it is told
KNOWN = [
    ("gb18030", SIMPLIFIED, "GB18030"), ("gbk", SIMPLIFIED, "GB18030"), ("gbk", TRADITIONAL, "GB18030"),
    ("big5", TRADITIONAL, "Big5"), ("cp1252", FRENCH, "Windows-1252"), ("utf-16", SIMPLIFIED, "UTF-16"),
    ("utf-16", FRENCH, "UTF-16"), ("utf-32", TRADITIONAL, "UTF-32"), ("utf-8-sig", SIMPLIFIED, None),
    ("utf-8", TRADITIONAL, None),
]  # fmt: skip


def content(rows: list[tuple[str, str]], form: str) -> str:
    if form == ".jsonl":
        return "".join(json.dumps({"text": a, "label": b}, ensure_ascii=False) + "\n" for a, b in rows)
    if form == ".json":
        return json.dumps([{"text": a, "label": b} for a, b in rows], ensure_ascii=False)
    mark = "\t" if form == ".tsv" else ","
    return f"text{mark}label\r\n" + "".join(f'"{a}"{mark}{b}\r\n' for a, b in rows)


def told(path: Path, **options: str) -> str:
    with pytest.raises(DuiqiError) as caught:
        read(path, **options)
    return f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("form", [".csv", ".tsv", ".jsonl", ".json"])
@pytest.mark.parametrize(("encoding", "rows", "name"), KNOWN)
def test_what_teams_have_is_read_and_told(tmp_path, form, encoding, rows, name):
    path = tmp_path / f"rows{form}"
    path.write_bytes(content(rows, form).encode(encoding))
    (data,) = read(path).values()
    assert list(zip(data.texts, data.values("label"), strict=True)) == rows
    said = [(note["encoding"], note["file"]) for note in data.notes if note["code"] == "read_as"]
    assert said == ([(name, path.name)] if name else [])


def test_words_and_tags_and_packed_files_too(tmp_path):
    words = tmp_path / "rows.conll"
    words.write_bytes("我们 O\n在 O\n北京 B-LOC\n\n这里 O\n很 O\n好 O\n".encode("gbk"))
    (data,) = read(words).values()
    assert [list(each) for each in data.values("tokens")] == [["我们", "在", "北京"], ["这里", "很", "好"]]
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress(content(TRADITIONAL, ".csv").encode("big5")))
    assert next(iter(read(packed).values())).texts == [text for text, _ in TRADITIONAL]


def test_every_file_of_a_folder_is_read_in_its_own(tmp_path):
    for part, encoding in (("train", "gbk"), ("dev", "utf-8"), ("test", "utf-16")):
        (tmp_path / f"{part}.csv").write_bytes(content(SIMPLIFIED, ".csv").encode(encoding))
    found = read(tmp_path)
    assert {tuple(data.texts) for data in found.values()} == {tuple(text for text, _ in SIMPLIFIED)}
    said = {part: [note.get("encoding") for note in data.notes] for part, data in found.items()}
    assert "GB18030" in said["train"]
    assert {*said["dev"]} == {None}
    assert "UTF-16" in said["test"]


def test_line_ends_of_utf_16_are_not_those_of_its_bytes(tmp_path):
    """U+010A and U+0A00 have the byte of a line's end in them, and U+2028 is none in a csv."""
    path = tmp_path / "rows.csv"
    path.write_bytes("text,label\nĊa\u0a05\u2028b,x\nc,y\n".encode("utf-16"))
    assert next(iter(read(path).values())).texts == ["Ċa\u0a05\u2028b", "c"]


def test_where_nobody_can_know_the_candidates_and_the_option_are_named(tmp_path):
    path = tmp_path / "names.csv"
    path.write_bytes("text,label\n贾琏,a\n甄嬛,b\n".encode("gbk"))
    message = told(path)
    assert "line 2" in message
    assert "gb18030 (“贾琏,a”)" in message
    assert "big5 (“" in message
    assert "--encoding" in message
    (data,) = read(path, encoding="gbk").values()
    assert data.texts == ["贾琏", "甄嬛"]
    assert not [note for note in data.notes if note["code"] == "read_as"]  # the user has said it


@pytest.mark.parametrize(("encoding", "texts"), [
    ("euc-kr", ["이 제품은 정말 좋아요 다시 구매하고 싶습니다", "배송이 너무 늦어서 실망했습니다"]),
    ("euc-jp", ["この商品はとても良いです", "配送が遅くて残念でした", "国際会議は東京で開催された", "店員さんが親切"]),
    ("shift_jis", ["この商品はとても良いです", "配送が遅くて残念でした", "国際会議は東京で開催された"]),
    ("cp1251", ["Очень хороший товар", "Доставка была долгой", "Качество среднее"]),
    ("cp1250", ["Velmi dobré zboží, doporučuji", "Dodání trvalo příliš dlouho", "Kvalita je průměrná"]),
])  # fmt: skip
def test_other_encodings_are_never_taken_for_one_of_these(tmp_path, encoding, texts):
    path = tmp_path / "rows.tsv"
    path.write_bytes(("text\tlabel\n" + "".join(f"{text}\tx\n" for text in texts)).encode(encoding))
    assert "--encoding" in told(path)
    assert next(iter(read(path, encoding=encoding).values())).texts == texts


@pytest.mark.parametrize(("encoding", "rows"), [("gbk", SIMPLIFIED), ("big5", TRADITIONAL), ("cp1252", FRENCH)])
def test_one_line_in_utf_8_among_others_is_named(tmp_path, encoding, rows):
    """It would decode, to "寰堝ソ" for "很好" and "Ã©" for "é", and nobody would be told."""
    lines = [line.encode(encoding) for line in content(rows * 3, ".csv").splitlines(keepends=True)]
    lines[5] = ("été chaud,x\r\n" if rows is FRENCH else "很好好,x\r\n" if encoding == "gbk" else "還好,x\r\n").encode()
    path = tmp_path / "rows.csv"
    path.write_bytes(b"".join(lines))
    message = told(path)
    assert "line 6" in message
    assert "expected" in message


def test_lines_that_are_utf_8_by_accident_stay_what_they_are(tmp_path):
    """The bytes of 一 are also those of a Cyrillic letter in UTF-8."""
    assert "一".encode("gbk").decode("utf-8") == "һ"
    path = tmp_path / "rows.csv"
    path.write_bytes(content([("一", "x"), *SIMPLIFIED], ".csv").encode("gbk"))
    assert next(iter(read(path).values())).texts[0] == "一"


def test_a_text_cut_inside_a_character_is_named_not_replaced(tmp_path):
    lines = content(SIMPLIFIED * 20, ".jsonl").encode("gbk").split(b"\n")
    lines[39] = lines[39].replace("次".encode("gbk"), "次".encode("gbk")[:1])
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(lines))
    assert "expected GB18030 text" in (message := told(path))
    assert "line 40 " in message


def test_a_mark_wins_over_what_is_stated_and_utf_8_too(tmp_path):
    path = tmp_path / "rows.csv"
    for encoding in ("utf-16", "utf-8-sig", "utf-8"):
        path.write_bytes(content(SIMPLIFIED, ".csv").encode(encoding))
        assert next(iter(read(path, encoding="gbk").values())).texts == [text for text, _ in SIMPLIFIED]
    path.write_bytes(content(SIMPLIFIED, ".csv").encode("utf-16-le"))  # no mark
    assert "--encoding utf-16-le" in told(path)
    assert next(iter(read(path, encoding="utf-16-le").values())).texts == [text for text, _ in SIMPLIFIED]


def test_big5_of_windows_has_signs_that_big5_has_not(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(content([("房間很好，價錢是€５０", "正面"), *TRADITIONAL], ".csv").encode("cp950"))
    for options in ({}, {"encoding": "big5"}):
        assert next(iter(read(path, **options).values())).texts[0] == "房間很好，價錢是€５０"


def test_unknown_names_get_the_nearest(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,b\n")
    assert "Did you mean gb18030" in told(path, encoding="gb18031")
    with pytest.raises(OptionError):
        read(path, encoding="rot13")


def test_rows_come_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("duiqi.data.formats.ROWS", 1 << 10)
    path = tmp_path / "rows.jsonl"
    line = json.dumps({"text": "这家店的服务真的不错" * 20, "label": "正面"}, ensure_ascii=False) + "\n"
    for encoding in ("gbk", "utf-16"):
        with path.open("w", encoding=encoding) as file:
            file.writelines(line for _ in range(100_000))
        tracemalloc.start()
        rows = sum(len(piece.places) for piece in read_pieces(path, "rows"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert rows == 100_000
        assert peak < path.stat().st_size / 4, encoding


def test_prepare_says_it_and_gives_the_file_back(tmp_path):
    rows = [(f"{text}，第{n}次", label) for n in range(10) for text, label in SIMPLIFIED]
    path = tmp_path / "reviews.csv"
    path.write_bytes(content(rows, ".csv").encode("gbk"))
    duiqi.prepare(path, out=tmp_path / "out", steps=())
    manifest = json.loads((tmp_path / "out" / "prepare.json").read_text(encoding="utf-8"))
    assert {"code": "read_as", "encoding": "GB18030", "file": "reviews.csv"} in manifest["notes"]
    texts = [text for data in read(tmp_path / "out").values() for text in data.texts]
    assert sorted(texts) == sorted(text for text, _ in rows)
    (back,) = restore(tmp_path / "out", out=tmp_path / "back")
    assert back.read_bytes() == path.read_bytes()


@pytest.mark.skipif(not REVIEWS.is_file(), reason=f"{REVIEWS} is not there")
def test_real_reviews_are_told_from_a_handful_of_rows():
    """Fifty times five reviews: never the wrong encoding."""
    with gzip.open(REVIEWS, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    for at in range(0, 250, 5):
        some = "\n".join(lines[at : at + 5]).encode("gb18030")
        assert decoded(io.BytesIO(some), Path("some.jsonl")).codec == "gb18030"
