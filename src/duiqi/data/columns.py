"""Which column plays which role, and the values in the form that role asks for."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from duiqi.core.answers import are_answers
from duiqi.core.dataset import Dataset, Schema
from duiqi.core.errors import DataError, nearest
from duiqi.data.answers import check_answers
from duiqi.data.formats import Raw

Asked = Mapping[str, str | None]  # role → the column that the user named
Note = Mapping[str, Any]

# A certain name is taken even where likely ones stand beside it; of likely names there must be exactly one.
CERTAIN: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "文本"),
    "text_pair": ("text_pair", "文本对"),
    "tokens": ("tokens",),
    "choices": ("choices", "选项"),
    "spans": ("spans",),
    "label": ("label", "标签"),
    "id": ("id", "row_id"),
    "split": ("split",),
    "cluster": ("cluster",),
    "weight": ("sample_weight",),
}
LIKELY: Mapping[str, tuple[str, ...]] = {
    "text": (
        *("sentence", "sentence1", "sentence_a", "text1", "text_a", "review", "review_text", "content", "comment"),
        *("utterance", "tweet", "message", "body", "query", "question", "question1", "premise", "source", "prompt"),
        *("内容", "评论", "句子", "正文", "评价", "评语", "留言"),
    ),
    "text_pair": (
        *("sentence2", "sentence_b", "text2", "text_b", "question2", "hypothesis", "context", "passage", "earlier"),
        *("文本2", "句子2", "上下文"),
    ),
    "tokens": ("words",),
    "label": (
        *("labels", "answers", "class", "category", "sentiment", "target", "intent", "emotion", "tags", "ner_tags"),
        *("response", "completion", "summary"),
        *("类别", "分类", "情感", "意图", "情绪"),
    ),
    "id": ("uid", "guid", "idx", "编号"),
    "time": ("time", "timestamp", "date", "datetime", "created_at", "时间", "日期"),
}
GROUPS = (
    *("group", "groups", "gender", "sex", "age_group", "race", "ethnicity", "religion", "nationality", "disability"),
    *("dialect", "language", "country", "region", "province", "domain", "platform"),
    *("组", "组别", "群体", "性别", "年龄段", "民族", "宗教", "方言", "国家", "地区", "省份", "领域", "平台"),
)
# Roles whose column is guessed, in this order: what a column is taken for decides what the next may be.
GUESSED = (
    *("tokens", "text", "text_pair", "choices", "spans"),
    *("label", "id", "split", "time", "cluster", "weight"),
)
MOST_GROUPS = 100  # values of a column that is guessed to be a group

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")


def resolve(raws: Sequence[Raw], asked: Asked, groups: Sequence[str]) -> tuple[Schema, tuple[Note, ...]]:
    """The schema that all these files share, and notes on what was guessed.

    What the user named must be there; text and label must be in all files if they are in one.
    """
    for role, column in [*asked.items(), *(("group", each) for each in groups)]:
        if column is not None:
            _require(raws, role, column)
    roles: dict[str, str] = {role: column for role, column in asked.items() if column is not None}
    notes: list[Note] = []
    for role in GUESSED:
        if role not in roles and _wanted(role, roles, asked):
            notes.extend(_guess(raws, role, roles, groups))
    _require_input(raws, roles, notes)
    if not groups:
        groups = _guessed_groups(raws, set(roles.values()))
        notes.extend({"code": "guessed_column", "role": "groups", "column": column} for column in groups)
    return Schema(**roles, groups=tuple(groups)), tuple(notes)


WRITTEN = ("target", "response", "completion", "summary")  # columns that hold texts to write, if texts


def build(
    raws: Mapping[str, Raw], schema: Schema, notes: tuple[Note, ...], *, as_texts: bool = False
) -> dict[str, Dataset]:
    """Data sets from files, their values brought into the form of their roles. `as_texts`: labels are texts as they
    stand, and no classes."""
    read_label = None
    if schema.label:
        for raw in raws.values():
            _require_all_labelled(raw, schema.label)
        read_label = _label_reader(
            [value for raw in raws.values() for value in raw.columns[str(schema.label)]],
            as_texts=as_texts or schema.label in WRITTEN,
        )
    kinds = {column: _extra_reader(raws.values(), column) for column in _extras(raws.values(), schema)}
    return {part: _dataset(raw, schema, notes, read_label, kinds) for part, raw in raws.items()}


# Roles


def _require(raws: Sequence[Raw], role: str, column: str) -> None:
    for raw in raws:
        if column not in raw.columns:
            raise DataError(
                f"expected a column '{column}' for {role.replace('_', ' ')} in {raw.name}, "
                f"given columns: {', '.join(raw.columns)}",
                hint=nearest(column, raw.columns),
            )


def _wanted(role: str, roles: Mapping[str, str], asked: Asked) -> bool:
    """Whether a role is worth a guess: one kind of input is enough, and a pair goes with a text."""
    if role == "tokens":
        return asked.get("text") is None
    if role == "text":
        return "tokens" not in roles
    return role != "text_pair" or "text" in roles


def _guess(raws: Sequence[Raw], role: str, roles: dict[str, str], groups: Sequence[str]) -> list[Note]:
    """Enter a guess for a role into `roles`; the notes to make of it."""
    taken = {*roles.values(), *groups}
    by_name = {column.strip().casefold(): column for raw in raws for column in raw.columns if column not in taken}
    certain = [by_name[name] for name in CERTAIN.get(role, ()) if name in by_name]
    likely = [by_name[name] for name in LIKELY.get(role, ()) if name in by_name]
    if not certain and len(likely) > 1:
        return [{"code": "ambiguous_column", "role": role, "columns": likely}]
    for column in (certain or likely)[:1]:
        if role in ("text", "label"):
            _require(raws, role, column)
        if all(column in raw.columns and _fits(role, raw.columns[column]) for raw in raws):
            roles[role] = column
            return [{"code": "guessed_column", "role": role, "column": column}]
    return []


def _fits(role: str, values: list[Any]) -> bool:
    """Whether values can play a guessed role; a guess that does not fit is dropped, never an error."""
    if role in ("tokens", "choices", "spans"):
        return all(isinstance(value, list) for value in values)
    if role in ("id", "cluster", "time"):
        present = [str(value) for value in values if not _missing(value)]
        return len(present) == len(values) and (role != "id" or len(set(present)) == len(present))
    if role == "split":
        return any(isinstance(value, str) and part_name(value) is not None for value in values)  # others are an error
    if role == "weight":
        return all(not _missing(value) and _NUMBER.fullmatch(str(value)) is not None for value in values)
    return True


def _require_input(raws: Sequence[Raw], roles: Mapping[str, str], notes: Sequence[Note]) -> None:
    if "text" in roles or "tokens" in roles:
        return
    unclear = [note["columns"] for note in notes if note["code"] == "ambiguous_column" and note["role"] == "text"]
    given = f"several that could be: {', '.join(unclear[0])}" if unclear else f"columns: {', '.join(raws[0].columns)}"
    example = unclear[0][0] if unclear else next(iter(raws[0].columns), "COLUMN")
    raise DataError(
        f"expected a column that is plainly the text in {raws[0].name}, given {given}",
        hint=f"Name it: --text {example} (in Python text={example!r}). A CSV file starts with a line of column names.",
    )


def _guessed_groups(raws: Sequence[Raw], taken: set[str]) -> list[str]:
    columns = [column for column in raws[0].columns if column.strip().casefold() in GROUPS and column not in taken]
    return [column for column in columns if all(column in raw.columns for raw in raws) and _groups_rows(raws, column)]


def _groups_rows(raws: Sequence[Raw], column: str) -> bool:
    values = [value for raw in raws for value in raw.columns[column]]
    if not all(isinstance(value, str | int | float | None) for value in values):
        return False
    return 2 <= len(set(values)) <= min(MOST_GROUPS, max(2, len(values) // 2))


PARTS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training", "训练", "训练集"),
    "dev": ("dev", "valid", "validation", "val", "验证", "验证集"),
    "test": ("test", "testing", "测试", "测试集"),
}


def part_name(word: str) -> str | None:
    """ "train", "dev" or "test" for a word that means it, else `None`."""
    return next((part for part, words in PARTS.items() if word.strip().casefold() in words), None)


# Values


def _dataset(
    raw: Raw,
    schema: Schema,
    notes: tuple[Note, ...],
    read_label: Callable[[Any], Any] | None,
    kinds: Mapping[str, Callable[[Any], Any]],
) -> Dataset:
    import pyarrow as pa

    columns: dict[str, list[Any]] = dict(raw.columns)
    for column, read in kinds.items():
        columns[column] = [read(value) for value in columns.get(column, [None] * len(raw.places))]
    own: list[Note] = []
    for role in ("text", "text_pair"):
        column = getattr(schema, role)
        if column:
            columns[column] = _texts(raw, role, column)
            own.extend(_text_notes(raw, role, column, columns[column]))
    if schema.tokens:
        columns[schema.tokens] = _tokens(raw, schema.tokens)
    if schema.spans:
        _check_spans(raw, schema, columns)
    if schema.choices:
        columns[schema.choices] = _choices(raw, schema.choices)
    if schema.label and read_label:
        columns[schema.label] = [read_label(value) for value in columns[schema.label]]
        if schema.text_pair and are_answers(columns[schema.label]):
            check_answers(raw, columns[schema.text_pair], columns[schema.label])
    if schema.id:
        columns[schema.id] = _ids(raw, schema.id)
    if schema.weight:
        columns[schema.weight] = _weights(raw, schema.weight)
    table = pa.table({column: _array(values) for column, values in columns.items()})
    return Dataset(table, schema, raw.name, (*raw.notes, *notes, *own))


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or (value == "" and isinstance(value, str))


def _texts(raw: Raw, role: str, column: str) -> list[str]:
    values = raw.columns[column]
    wrong = [row for row, value in enumerate(values) if not isinstance(value, str | int | float | None)]
    if wrong:
        raise DataError(
            f"expected text in column '{column}' of {raw.name}, given {type(values[wrong[0]]).__name__} in "
            f"{len(wrong)} rows ({raw.where(wrong)})",
            hint=f"Name another column: --{role.replace('_', '-')} COLUMN. Columns: {', '.join(raw.columns)}.",
        )
    texts = ["" if _missing(value) else value if isinstance(value, str) else _written(value) for value in values]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        row = next(row for row, text in enumerate(texts) if any("\ud800" <= char <= "\udfff" for char in text))
        raise DataError(
            f"expected Unicode text in column '{column}' of {raw.name}, given half a surrogate pair "
            f"({raw.where([row])})",
            hint="Something cut an emoji or a rare character in two: mend or delete this row.",
        ) from None
    return texts


def _text_notes(raw: Raw, role: str, column: str, texts: list[str]) -> list[Note]:
    numbers = sum(isinstance(value, int | float) and not _missing(value) for value in raw.columns[column])
    empty = [row for row, text in enumerate(texts) if not text.strip()]
    notes: list[Note] = []
    if numbers:
        notes.append({"code": "numbers_as_text", "role": role, "column": column, "rows": numbers})
    if empty:
        first = [raw.places[row] for row in empty[:5]]
        notes.append({"code": "empty_texts", "role": role, "rows": len(empty), "first": first, "unit": raw.unit})
    return notes


def _written(value: float | bool) -> str:
    """A scalar as JSON writes it, whole numbers without a fraction: 1.0 and 1 are one label, True is "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _tokens(raw: Raw, column: str) -> list[list[str]]:
    """Lists of words; a string is split at white space."""
    values = raw.columns[column]
    wrong = [row for row, value in enumerate(values) if not isinstance(value, str | list)]
    if wrong:
        raise DataError(
            f"expected lists of words in column '{column}' of {raw.name}, given "
            f"{type(values[wrong[0]]).__name__} in {len(wrong)} rows ({raw.where(wrong)})",
            hint="Give the words of each row as a list.",
        )
    return [value.split() if isinstance(value, str) else [str(word) for word in value] for value in values]


def _choices(raw: Raw, column: str) -> list[list[str]]:
    """Lists of at least two texts."""
    values = raw.columns[column]
    wrong = [row for row, value in enumerate(values) if not isinstance(value, list) or len(value) < 2]
    if wrong:
        raise DataError(
            f"expected a list of at least two choices in column '{column}' of {raw.name}, given "
            f"{values[wrong[0]]!r} in {len(wrong)} rows ({raw.where(wrong)})",
            hint='Give the choices of each row as a list: ["yes", "no"].',
        )
    return [[str(choice) for choice in value] for value in values]


def _check_spans(raw: Raw, schema: Schema, columns: Mapping[str, list[Any]]) -> None:
    """Two spans a row, inside the text and apart from each other."""
    texts, column = columns[str(schema.text)], str(schema.spans)
    for row, (text, spans) in enumerate(zip(texts, columns[column], strict=True)):
        whole = isinstance(spans, list) and len(spans) == 2 and all(_is_span(span, text) for span in spans)
        if not whole or max(spans[0][0], spans[1][0]) < min(spans[0][1], spans[1][1]):
            raise DataError(
                f"expected two spans [start, end] of the {len(text)} characters of the text, apart from each other, in "
                f"column '{column}' of {raw.name}, given {spans!r} ({raw.where([row])})",
                hint="Count characters from 0, the end excluded: the first span of 'Rain hurts' is [0, 4].",
            )


def _is_span(span: Any, text: str) -> bool:
    if not isinstance(span, list) or len(span) != 2 or not all(isinstance(each, int) for each in span):
        return False
    return 0 <= span[0] < span[1] <= len(text)


def _ids(raw: Raw, column: str) -> list[str]:
    values = raw.columns[column]
    missing = [row for row, value in enumerate(values) if _missing(value)]
    ids = ["" if _missing(value) else _written(value) if not isinstance(value, str) else value for value in values]
    first: dict[str, int] = {}
    again = [row for row, each in enumerate(ids) if first.setdefault(each, row) != row]
    wrong = missing or again
    if wrong:
        what = "none" if missing else f"'{ids[again[0]]}' again"
        raise DataError(
            f"expected an id of its own for every row in column '{column}' of {raw.name}, given {what} in "
            f"{len(wrong)} rows ({raw.where(wrong)})",
            hint="Name another column, or none: rows then get ids from their content.",
        )
    return ids


def _weights(raw: Raw, column: str) -> list[float]:
    values = raw.columns[column]
    wrong = [row for row, value in enumerate(values) if _missing(value) or not _NUMBER.fullmatch(str(value))]
    if wrong:
        raise DataError(
            f"expected a number in column '{column}' (weight) of {raw.name}, given none in {len(wrong)} rows "
            f"({raw.where(wrong)})",
            hint="Give every row a weight, 1 for one that counts as usual.",
        )
    return [float(value) for value in values]


def _require_all_labelled(raw: Raw, column: str) -> None:
    values = raw.columns[column]
    without = [row for row, value in enumerate(values) if _missing(value) or (str(value).isspace())]
    if without:
        raise DataError(
            f"expected a label in every row of {raw.name}, given none in {len(without)} of {len(values)} rows "
            f"({raw.where(without)})",
            hint=f"Fill column '{column}' in these rows or leave the rows out.",
        )


def _label_reader(values: list[Any], *, as_texts: bool) -> Callable[[Any], Any]:
    """How to read the labels of all parts: classes as strings, fractions as numbers, lists as they are; texts, too."""
    if as_texts and all(isinstance(value, str) for value in values):
        return str.strip
    if any(isinstance(value, list) for value in values) and all(isinstance(value, list | str) for value in values):
        return lambda value: value if isinstance(value, list) else [value]  # lists of texts beside texts
    if any(isinstance(value, list | dict) for value in values):
        return lambda value: value
    words = {_word(value) for value in values}
    if all(word.casefold() in ("true", "false") for word in words):
        return lambda value: _word(value).casefold()
    if not all(map(_NUMBER.fullmatch, words)) or all(map(_INTEGER.fullmatch, words)):
        return _word
    if all(float(word).is_integer() for word in words):
        leading_zeros = any(re.match(r"-?0\d", word) for word in words)
        return _word if leading_zeros else lambda value: str(int(float(_word(value))))
    return lambda value: float(_word(value))


def _word(value: Any) -> str:
    return (
        value.strip() if isinstance(value, str) else _written(value) if isinstance(value, float | int) else str(value)
    )


def _extras(raws: Any, schema: Schema) -> list[str]:
    """Columns without a role that fixes the form of their values; groups, time and cluster are among them."""
    roles = ("text", "text_pair", "tokens", "choices", "spans", "label", "id", "split", "weight")
    fixed = {getattr(schema, role) for role in roles}
    return [column for column in dict.fromkeys(c for raw in raws for c in raw.columns) if column not in fixed]


def _extra_reader(raws: Any, column: str) -> Callable[[Any], Any]:
    """Typeless values become whole numbers, numbers or truth values where all are; the empty string is nothing."""
    raws = [raw for raw in raws if column in raw.columns]
    values = [value for raw in raws for value in raw.columns[column] if not _missing(value)]
    if not all(raw.typeless for raw in raws):
        return _typed(values)
    for kind, pattern in ((int, _INTEGER), (float, _NUMBER)):
        if values and all(map(pattern.fullmatch, values)) and not any(re.match(r"-?0\d", value) for value in values):
            return lambda value: None if _missing(value) else kind(value)
    if values and all(value.casefold() in ("true", "false") for value in values):
        return lambda value: None if _missing(value) else value.casefold() == "true"
    return lambda value: None if _missing(value) else value


def _typed(values: list[Any]) -> Callable[[Any], Any]:
    """Values of one kind stay; a mixture of kinds becomes strings."""
    kinds = {
        float if isinstance(value, int | float) and not isinstance(value, bool) else type(value) for value in values
    }
    if len(kinds) <= 1:
        return lambda value: None if _missing(value) else value
    return lambda value: (
        None if _missing(value) else value if isinstance(value, str) else json.dumps(value, default=str)
    )


def _array(values: list[Any]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):  # lists of mixed kinds, integers beyond 64 bits …
        return pa.array([None if value is None else json.dumps(value, default=str) for value in values])
