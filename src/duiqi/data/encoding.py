"""In which encoding a file of text is, and its lines decoded.

Spreadsheets in China save csv as GBK (of which GB18030 is the whole), those in Taiwan and Hong Kong as Big5, those in
western Europe as Windows-1252, and some write UTF-16. None of these files says so, but for a mark at its beginning
(BOM). So it is settled like this:

1. A mark is obeyed: UTF-8, UTF-16, UTF-32, GB18030.
2. What is UTF-8 from its first byte to its last is UTF-8: text in another encoding is so by no accident.
3. Else what the user stated (`--encoding`) holds.
4. Else, where most lines that are not plain ASCII are UTF-8, the file is UTF-8 with damage: an error names the line.
5. Else its first lines that are not ASCII (64 KiB of them) are read as each of GB18030, Big5 and Windows-1252, and the
   characters that come out are weighed. Chinese that was read rightly is full of frequent characters
   (lexicons/frequent_characters.toml), which make up half of it and more; read wrongly it has few of them, since nearly
   all pairs of bytes are some rare character. Western text that was read rightly has accented letters inside words of
   plain letters. One reading must be plausible by itself and twice as plausible as any other, and show at least three
   such characters; it is then told in a note ("read as GB18030").
6. Else nobody can know: one error names the encodings that fit, with what a line would say in each.

Every line is then decoded strictly. A line that is not in the encoding of its file, or that is plainly UTF-8 in a file
that is not, is an error that names it: nothing is replaced, and nothing guessed line by line.

It is misled by text of few and rare characters (lists of names or codes), where it says that it does not know. Korean,
Japanese, Cyrillic and eastern European encodings are never guessed, only taken from `--encoding`. A short UTF-8 line in
a GBK file that decodes there, too, and to characters as frequent as its own, stays unseen.

One pass over the bytes comes before the rows are read (a twentieth of the time of reading these); no more than a line
or a block is held.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from duiqi.core.errors import DataError, OptionError, nearest

UTF8 = "utf-8"
# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
# What is guessed, by the name that `--encoding` takes, and the codec: for Big5 that of Windows, which spreadsheets use.
_GUESSED = {"gb18030": "gb18030", "big5": "cp950", "windows-1252": "cp1252"}
_WHOLE = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950"}  # codecs of which these are a part
_SHOWN = {UTF8: "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32", "gb18030": "GB18030", "cp950": "Big5",
          "cp1252": "Windows-1252"}  # fmt: skip

_BLOCK = 1 << 20
_SAMPLE = 1 << 16  # bytes of lines that are not ASCII
_LEAST_SHARE, _LEAST_HITS = 0.25, 3
# Frequent characters that outweigh one that does not decode, as a text cut inside a character has at its end.
_BROKEN = 5
_CHINESE_MARKS = re.compile("[\u3000-\u303f\uff00-\uff65“”‘’…—·]")
_WESTERN = re.compile("[àâäáãåæçèéêëìíîïñòóôöøœùúüßÀÂÄÁÃÅÆÇÈÉÊËÍÎÑÓÔÖØŒÙÚÜ¿¡«»‘’‚“”„–—…•·€£§°ºª©®™\u00a0]")
_MOST_WIDE = 1 / 3  # share of letters that are accented in western text
_WESTERN_SHARE = 0.95


@dataclass(frozen=True)
class Lines:
    """The lines of a file with their ends, decoded strictly; each iteration begins at the first. `notes` tell an
    encoding that is not UTF-8 and was not stated by the user."""

    file: Any
    path: Path
    codec: str
    notes: tuple[Mapping[str, Any], ...] = ()

    def __iter__(self) -> Iterator[str]:
        self.file.seek(0)
        if "\n".encode(self.codec) != b"\n":
            return _blockwise(self.file, self.codec, self.path)
        return _linewise(self.file, self.codec, self.path)


def decoded(file: BinaryIO, path: Path, stated: str | None = None) -> Lines:
    """The lines of a file in the encoding that it is found to be in, or in the `stated` one where it is not UTF-8 and
    bears no mark. Raises `DataError` where that cannot be known, `OptionError` where no such encoding is known."""
    codec = stated_codec(stated)
    head = file.read(1 << 12)
    for mark, marked in _MARKS:
        if head.startswith(mark):
            return Lines(file, path, marked, () if marked == UTF8 else (_note(marked, path),))
    file.seek(0)
    if 10 * head.count(0) <= len(head) and _is_utf8_throughout(file):
        return Lines(file, path, UTF8)
    if codec:
        return Lines(file, path, codec)
    guess = _guessed(file, path)
    return Lines(file, path, guess, () if guess == UTF8 else (_note(guess, path),))


def stated_codec(stated: str | None) -> str | None:
    """The codec of an encoding that the user names; `OptionError` where there is none of that name."""
    if not stated:
        return None
    try:
        b"a".decode(stated, "replace")
        name = codecs.lookup(stated).name
    except (LookupError, ValueError) as error:
        known = [*_GUESSED, UTF8, "utf-16", "utf-16-le", "gbk", "shift_jis", "euc-kr", "windows-1251"]
        raise OptionError(
            f"expected an encoding, given '{stated}'", hint=f"{nearest(stated, known)} All that Python knows are known."
        ) from error
    return _WHOLE.get(name, name)


def _note(codec: str, path: Path) -> Mapping[str, Any]:
    return {"code": "read_as", "encoding": _SHOWN[codec], "file": path.name}


# Which


def _is_utf8_throughout(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder(UTF8)()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guessed(file: BinaryIO, path: Path) -> str:
    """The codec of a file that is not UTF-8, by its first lines that are not ASCII."""
    number, stray, sample = _strays(file)
    told = f"given byte 0x{stray[_at(stray)]:02x} in line {number}"
    if 2 * sum(_read(line, UTF8) is not None for line in sample) > len(sample):
        fits = _fitting(stray)
        looks = f", which looks like {fits[0]}" if fits else ""
        raise DataError(
            f"expected UTF-8 text in {path}, {told} that is not",
            hint=f"Most other lines are: mend this line{looks}.",
        )
    text = b"".join(sample)
    weighed = sorted((_weight(text.decode(codec, "replace"), codec), codec) for codec in _GUESSED.values())
    (second, _), ((share, hits), best) = weighed[-2:]
    if hits >= _LEAST_HITS and share >= _LEAST_SHARE and share >= 2 * second[0]:
        return best
    fits = ["utf-16-le", "utf-16-be"] if b"\0" in stray else _fitting(stray)
    shown = "; ".join(f"{name} (“{_excerpt(stray, _GUESSED.get(name, name))}”)" for name in fits)
    raise DataError(
        f"expected text in {path} that is UTF-8 or whose encoding is plain from its characters, {told} that is "
        f"neither; the line reads as {shown or 'none of the usual ones'}",
        hint=f"Say what it is in, such as --encoding {fits[0] if fits else 'shift_jis'} (in Python encoding=…), or "
        "save it as UTF-8.",
    )


def _strays(file: BinaryIO) -> tuple[int, bytes, list[bytes]]:
    """The first line that is not UTF-8 with its number, and the first lines that are not ASCII."""
    file.seek(0)
    first, sample, held = (1, b"\0"), list[bytes](), 0
    found = False
    for number, line in enumerate(file, 1):
        if line.isascii() and b"\0" not in line:
            continue
        if not found and (b"\0" in line or _read(line, UTF8) is None):
            first, found = (number, line), True
        if held < _SAMPLE:
            sample.append(line)
            held += len(line)
        elif found:
            break
    return *first, sample


def _weight(text: str, codec: str) -> tuple[float, int]:
    return _western(text) if codec == "cp1252" else _chinese(text)


def _chinese(text: str) -> tuple[float, int]:
    """The share of frequent Chinese characters among those that are not ASCII, and how many they are; what did not
    decode counts against them."""
    wide = [char for char in _CHINESE_MARKS.sub("", text) if char > "\x7f"]
    hits = sum(map(_frequent().__contains__, wide)) - _BROKEN * wide.count("\ufffd")
    return max(0.0, hits / max(len(wide), 1)), hits


def _western(text: str) -> tuple[float, int]:
    """The share of western letters and marks among characters that are not ASCII, 0 where it is too low or where
    letters are accented too often; and how many they are."""
    wide = [char for char in text if char > "\x7f"]
    letters = sum(char.isalpha() for char in text)
    hits = len(_WESTERN.findall(text))
    plausible = hits >= _WESTERN_SHARE * len(wide) and sum(map(str.isalpha, wide)) <= _MOST_WIDE * letters
    return (hits / max(len(wide), 1), hits) if plausible else (0.0, 0)


@cache
def _frequent() -> frozenset[str]:
    lexicon = files("duiqi.data").joinpath("lexicons", "frequent_characters.toml").read_text(encoding="utf-8")
    return frozenset("".join(tomllib.loads(lexicon).values())) - {"\n"}


def _fitting(line: bytes) -> list[str]:
    """The encodings, by name, that a line can be in, the more plausible first."""
    read = {name: _read(line, codec) for name, codec in _GUESSED.items()}
    weights = {name: _weight(text, _GUESSED[name]) for name, text in read.items() if text is not None}
    return sorted(weights, key=lambda name: weights[name], reverse=True)


def _excerpt(line: bytes, codec: str) -> str:
    """What the first characters of a line that are not ASCII would say."""
    text = line.decode(codec, "replace").strip()
    start = next((at for at, char in enumerate(text) if char > "\x7f"), 0)
    return "".join(char if char.isprintable() else "�" for char in text[max(0, start - 4) : start + 12])


def _read(line: bytes, codec: str) -> str | None:
    try:
        return line.decode(codec)
    except UnicodeDecodeError:
        return None


def _at(line: bytes) -> int:
    """Where a line ceases to be UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return error.start
    return max(line.find(0), 0)


# Lines


def _linewise(file: BinaryIO, codec: str, path: Path) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            text = line.decode(codec)
        except UnicodeDecodeError as error:
            _complain(path, codec, f"byte 0x{line[error.start]:02x} in line {number}", line, error)
        if codec != UTF8 and not line.isascii() and _is_rather_utf8(line, text):
            _complain(path, codec, f"line {number}", line)
        yield text.removeprefix("\ufeff") if number == 1 else text


def _is_rather_utf8(line: bytes, text: str) -> bool:
    """Whether a line that was read in another encoding makes more sense as UTF-8."""
    other = _read(line, UTF8)
    if other is None:
        return False
    share, own = (max(_chinese(each), _western(each))[0] for each in (other, text))
    return share > 0 and share >= own  # "Ã©" is plausible, too, where "é" is


def _blockwise(file: BinaryIO, codec: str, path: Path) -> Iterator[str]:
    """Lines of an encoding in which the byte of a line's end may be part of another character."""
    decoder = codecs.getincrementaldecoder(codec)()
    number, rest, ended = 0, "", False
    while not ended:
        block = file.read(_BLOCK)
        ended = not block
        try:
            text = decoder.decode(block, final=ended)
        except UnicodeDecodeError as error:
            _complain(path, codec, f"bytes after line {number}", b"", error)
        *lines, rest = (rest + (text.removeprefix("\ufeff") if not number else text)).split("\n")
        for line in lines:
            number += 1
            yield line + "\n"
    if rest:
        yield rest


def _complain(path: Path, codec: str, given: str, line: bytes, error: Exception | None = None) -> NoReturn:
    shown = _SHOWN.get(codec, codec)
    if codec == UTF8:
        hint = "The file says that it is UTF-8: mend this line."
    elif line and _read(line, UTF8) is not None:
        hint = f"It is UTF-8 and others are {shown}: bring all lines into one encoding."
    else:
        hint = f"The lines before it are {shown}: mend this line, or say with --encoding what the file is in."
    raise DataError(f"expected {shown} text in {path}, given {given} that is not", hint=hint) from error
