"""Which column plays which role, and the values in the form that role asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duiqi.core.answers import are_answers
from duiqi.core.dataset import Dataset, Schema
from duiqi.core.errors import DataError, nearest
from duiqi.data.answers import check_answers
from duiqi.data.facts import NUMBERS, Facts, Seen, missing, together, word, written
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
PERHAPS: Mapping[str, tuple[str, ...]] = {  # where no likely name is there
    "label": ("rating", "ratings", "stars", "star_rating", "评分", "星级"),
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


def resolve(files: Sequence[Seen], asked: Asked, groups: Sequence[str]) -> tuple[Schema, tuple[Note, ...]]:
    """The schema that all these files share, from what was seen of their columns, and notes on what was guessed.

    What the user named must be there; text and label must be in all files if they are in one.
    """
    for role, column in [*asked.items(), *(("group", each) for each in groups)]:
        if column is not None:
            _require(files, role, column)
    roles: dict[str, str] = {role: column for role, column in asked.items() if column is not None}
    notes: list[Note] = []
    for role in GUESSED:
        if role not in roles and _wanted(role, roles, asked):
            notes.extend(_guess(files, role, roles, groups))
    _require_input(files, roles, notes)
    if not groups:
        groups = _guessed_groups(files, set(roles.values()))
        notes.extend({"code": "guessed_column", "role": "groups", "column": column} for column in groups)
    return Schema(**roles, groups=tuple(groups)), tuple(notes)


SOURCE = "source"  # column of what is to be answered; with one of these beside it there is a text to write
WRITTEN = ("target", "response", "completion", "summary")  # columns that hold texts to write, if texts


@dataclass(frozen=True)
class Readers:
    """How the values of labels and of columns without a role of their own are read, by what was seen of all of them."""

    schema: Schema
    label: Callable[[Any], Any] | None
    others: Mapping[str, Callable[[Any], Any]]

    @classmethod
    def of(cls, files: Collection[Seen], schema: Schema, *, as_texts: bool = False) -> Readers:
        """`as_texts`: labels are texts as they stand, and no classes."""
        label = None
        if schema.label:
            facts = together([file.columns[schema.label] for file in files if schema.label in file.columns])
            label = label_reader(facts, as_texts=as_texts or schema.label in WRITTEN)
        return cls(schema, label, {column: _extra_reader(files, column) for column in _extras(files, schema)})


def build(
    raws: Mapping[str, Raw], schema: Schema, notes: tuple[Note, ...], *, as_texts: bool = False
) -> dict[str, Dataset]:
    """Data sets from files, their values brought into the form of their roles."""
    for raw in raws.values():
        check_labelled(raw, schema)
    readers = Readers.of([Seen.of(raw) for raw in raws.values()], schema, as_texts=as_texts)
    return {part: dataset(raw, notes, readers) for part, raw in raws.items()}


# Roles


def _require(files: Sequence[Seen], role: str, column: str) -> None:
    for file in files:
        if column not in file.columns:
            raise DataError(
                f"expected a column '{column}' for {role.replace('_', ' ')} in {file.name}, "
                f"given columns: {', '.join(file.columns)}",
                hint=nearest(column, file.columns),
            )


def _wanted(role: str, roles: Mapping[str, str], asked: Asked) -> bool:
    """Whether a role is worth a guess: one kind of input is enough, and a pair goes with a text."""
    if role == "tokens":
        return asked.get("text") is None
    if role == "text":
        return "tokens" not in roles
    return role != "text_pair" or "text" in roles


def _guess(files: Sequence[Seen], role: str, roles: dict[str, str], groups: Sequence[str]) -> list[Note]:
    """Enter a guess for a role into `roles`; the notes to make of it."""
    taken = {*roles.values(), *groups}
    by_name = {column.strip().casefold(): column for file in files for column in file.columns if column not in taken}
    certain = [by_name[name] for name in CERTAIN.get(role, ()) if name in by_name]
    likely = [by_name[name] for name in LIKELY.get(role, ()) if name in by_name]
    likely = likely or [by_name[name] for name in PERHAPS.get(role, ()) if name in by_name]
    if not certain and len(likely) > 1:
        return [{"code": "ambiguous_column", "role": role, "columns": likely}]
    for column in (certain or likely)[:1]:
        if role in ("text", "label"):
            _require(files, role, column)
        if all(column in file.columns and _fits(role, file.columns[column]) for file in files):
            roles[role] = column
            return [{"code": "guessed_column", "role": role, "column": column}]
    return []


def may_be_id(column: str) -> bool:
    """Whether a column may be taken for ids by its name, so that repeats in it have to be known."""
    return column.strip().casefold() in (*CERTAIN["id"], *LIKELY["id"])


def _fits(role: str, facts: Facts) -> bool:
    """Whether values can play a guessed role; a guess that does not fit is dropped, never an error."""
    if role in ("tokens", "choices", "spans"):
        return facts.are_lists
    if role in ("id", "cluster", "time"):
        return not facts.missing and (role != "id" or not facts.repeated)
    if role == "split":  # other values beside such a one are an error
        return any(isinstance(value, str) and part_name(value) is not None for value in facts.few or ())
    if role == "weight":
        return facts.are_numbers
    return True


def _require_input(files: Sequence[Seen], roles: Mapping[str, str], notes: Sequence[Note]) -> None:
    if "text" in roles or "tokens" in roles:
        return
    unclear = [note["columns"] for note in notes if note["code"] == "ambiguous_column" and note["role"] == "text"]
    given = f"several that could be: {', '.join(unclear[0])}" if unclear else f"columns: {', '.join(files[0].columns)}"
    example = unclear[0][0] if unclear else next(iter(files[0].columns), "COLUMN")
    raise DataError(
        f"expected a column that is plainly the text in {files[0].name}, given {given}",
        hint=f"Name it: --text {example} (in Python text={example!r}). A CSV file starts with a line of column names.",
    )


def _guessed_groups(files: Sequence[Seen], taken: set[str]) -> list[str]:
    columns = [column for column in files[0].columns if column.strip().casefold() in GROUPS and column not in taken]
    return [
        column for column in columns if all(column in file.columns for file in files) and _groups_rows(files, column)
    ]


def _groups_rows(files: Sequence[Seen], column: str) -> bool:
    facts = together([file.columns[column] for file in files])
    return facts.few is not None and 2 <= len(facts.few) <= min(MOST_GROUPS, max(2, facts.rows // 2))


PARTS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training", "训练", "训练集"),
    "dev": ("dev", "valid", "validation", "val", "验证", "验证集"),
    "test": ("test", "testing", "测试", "测试集"),
}


def part_name(word: str) -> str | None:
    """ "train", "dev" or "test" for a word that means it, else `None`."""
    return next((part for part, words in PARTS.items() if word.strip().casefold() in words), None)


def parts_of(raw: Raw, column: str, called: str | None = None) -> list[str]:
    """The part that a column says for every row; `DataError` for what is none. `called` is the user's name for it."""
    values = raw.columns[column]
    parts = [part_name(value) if isinstance(value, str) else None for value in values]
    wrong = [row for row, part in enumerate(parts) if part is None]
    if wrong:
        raise DataError(
            f"expected train, dev or test in column '{called or column}' of {raw.name}, given {values[wrong[0]]!r} in "
            f"{len(wrong)} rows ({raw.where(wrong)})",
            hint="Rename these values, leave these rows out, or leave the split column out to have the rows divided.",
        )
    return [part for part in parts if part is not None]


# Values


def dataset(raw: Raw, notes: tuple[Note, ...], readers: Readers) -> Dataset:
    """The rows of a file, or of a piece of it."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = dict(raw.columns)
    schema, read_label = readers.schema, readers.label
    for column, read in readers.others.items():
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
    table = pa.table({column: _array(values, column, raw) for column, values in columns.items()})
    return Dataset(table, schema, raw.name, (*raw.notes, *notes, *own))


def _texts(raw: Raw, role: str, column: str) -> list[str]:
    values = raw.columns[column]
    wrong = [row for row, value in enumerate(values) if not isinstance(value, str | int | float | None)]
    if wrong:
        raise DataError(
            f"expected text in column '{column}' of {raw.name}, given {type(values[wrong[0]]).__name__} in "
            f"{len(wrong)} rows ({raw.where(wrong)})",
            hint=f"Name another column: --{role.replace('_', '-')} COLUMN. Columns: {', '.join(raw.columns)}.",
        )
    texts = ["" if missing(value) else value if isinstance(value, str) else written(value) for value in values]
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
    numbers = sum(isinstance(value, int | float) and not missing(value) for value in raw.columns[column])
    empty = [row for row, text in enumerate(texts) if not text.strip()]
    notes: list[Note] = []
    if numbers:
        notes.append({"code": "numbers_as_text", "role": role, "column": column, "rows": numbers})
    if empty:
        first = [raw.places[row] for row in empty[:5]]
        notes.append({"code": "empty_texts", "role": role, "rows": len(empty), "first": first, "unit": raw.unit})
    return notes


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
    without = [row for row, value in enumerate(values) if missing(value)]
    ids = ["" if missing(value) else written(value) if not isinstance(value, str) else value for value in values]
    first: dict[str, int] = {}
    again = [row for row, each in enumerate(ids) if first.setdefault(each, row) != row]
    wrong = without or again
    if wrong:
        what = "none" if without else f"'{ids[again[0]]}' again"
        raise DataError(
            f"expected an id of its own for every row in column '{column}' of {raw.name}, given {what} in "
            f"{len(wrong)} rows ({raw.where(wrong)})",
            hint="Name another column, or none: rows then get ids from their content.",
        )
    return ids


def _weights(raw: Raw, column: str) -> list[float]:
    values = raw.columns[column]
    wrong = [row for row, value in enumerate(values) if not Facts.of([value], typeless=True).are_numbers]
    if wrong:
        raise DataError(
            f"expected a number in column '{column}' (weight) of {raw.name}, given none in {len(wrong)} rows "
            f"({raw.where(wrong)})",
            hint="Give every row a weight, 1 for one that counts as usual.",
        )
    return [float(value) for value in values]


def check_labelled(raw: Raw, schema: Schema) -> None:
    """`DataError` for rows without a label, where there are labels."""
    if schema.label is None:
        return
    values = raw.columns[schema.label]
    without = [row for row, value in enumerate(values) if missing(value) or (str(value).isspace())]
    if without:
        raise DataError(
            f"expected a label in every row of {raw.name}, given none in {len(without)} of {len(values)} rows "
            f"({raw.where(without)})",
            hint=f"Fill column '{schema.label}' in these rows or leave the rows out.",
        )


def label_reader(facts: Facts, *, as_texts: bool) -> Callable[[Any], Any]:
    """How to read the labels of all parts: classes as strings, fractions as numbers, lists as they are; texts, too."""
    if as_texts and facts.kinds <= {str}:
        return str.strip
    if list in facts.kinds and facts.kinds <= {list, str}:
        return lambda value: value if isinstance(value, list) else [value]  # lists of texts beside texts
    if facts.kinds & {list, dict}:
        if len(facts.kinds) > 1:
            kinds = {list: "lists", dict: "objects", str: "texts", bool: "truth values", float: "numbers"}
            named = ", ".join(sorted(kinds.get(kind, kind.__name__) for kind in facts.kinds))
            hint = "Write all of them in one form, or prepare them apart."
            raise DataError(f"expected labels of one kind, given {named}", hint=hint)
        return lambda value: value
    if facts.forms == {"truth"}:
        return lambda value: word(value).casefold()
    if not facts.forms <= NUMBERS or facts.forms <= {"integer"}:
        return word
    if facts.forms <= {"integer", "whole", "zeros"}:
        return word if "zeros" in facts.forms else lambda value: str(int(float(word(value))))
    return lambda value: float(word(value))


def _extras(files: Collection[Seen], schema: Schema) -> list[str]:
    """Columns without a role that fixes the form of their values; groups, time and cluster are among them."""
    roles = ("text", "text_pair", "tokens", "choices", "spans", "label", "id", "split", "weight")
    fixed = {getattr(schema, role) for role in roles}
    return [column for column in dict.fromkeys(c for file in files for c in file.columns) if column not in fixed]


def _extra_reader(files: Collection[Seen], column: str) -> Callable[[Any], Any]:
    """Typeless values become whole numbers, numbers or truth values where all are; the empty string is nothing. Values
    of one kind stay; a mixture of kinds becomes strings."""
    facts = together([file.columns[column] for file in files if column in file.columns])
    if not facts.typeless:
        plain = len(facts.kinds) <= 1 and dict not in facts.kinds
        if list in facts.kinds:
            plain = plain and len(facts.inner) <= 1 and not facts.inner & {list, dict}
        if float in facts.kinds:
            plain = plain and facts.forms <= NUMBERS  # integers beyond 64 bits are none
        return lambda value: (
            None if missing(value) else value if plain or isinstance(value, str) else json.dumps(value, default=str)
        )
    if facts.forms and facts.forms <= {"integer", "whole", "fraction"}:
        return lambda value: None if missing(value) else _number(value, whole=facts.forms == {"integer"})
    if facts.forms == {"truth"}:
        return lambda value: None if missing(value) else word(value).casefold() == "true"
    return lambda value: None if missing(value) else value


def _number(value: Any, *, whole: bool) -> float | None:
    """A number as written; `None` for one that is too large to be one."""
    if whole:
        return int(value)
    number = float(value)
    return None if missing(number) else number


def _array(values: list[Any], column: str, raw: Raw) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except UnicodeEncodeError:
        row = next(row for row, value in enumerate(values) if _is_torn(value))
        raise DataError(
            f"expected Unicode text in column '{column}' of {raw.name}, given half a surrogate pair "
            f"({raw.where([row])})",
            hint="Something cut an emoji or a rare character in two: mend or delete this row.",
        ) from None
    except (pa.ArrowException, OverflowError):  # lists of mixed kinds, integers beyond 64 bits …
        return pa.array([None if value is None else json.dumps(value, default=str) for value in values])


def _is_torn(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False
