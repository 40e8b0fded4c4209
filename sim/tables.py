"""Tables of a TOML file, read strictly: whatever is wrong is said in one line that names the file,
the field, and what is allowed there.

A table is a msgspec struct that forbids unknown fields; bounds stand in its annotations, and rules
between fields in its `__post_init__`, which raises a `ValueError` that begins with a field's name.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T", bound=msgspec.Struct)

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<at>.*)`)?\Z", re.DOTALL)
_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>.*)`\Z", re.DOTALL)
_WORDS = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "a text",
    inspect.BoolType: "true or false",
}


class TableError(ValueError):
    """A file cannot be used; the message says why, in one line."""


def read_table(path: Path, name: str, kind: type[T]) -> T:
    """The table `name` of a file. Raises TableError, OSError."""
    if path.exists() and not path.is_file():
        raise TableError(f"{path}: not a file")
    try:
        found = tomllib.loads(path.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TableError(f"{path}: not TOML: {error}") from error
    if name not in found:
        raise TableError(f"{path}: there is no table [{name}]")
    return convert(found[name], f"{path}: {name}", kind)


def convert(table: Any, place: str, kind: type[T]) -> T:
    """The struct that a table describes; `place` is how errors call it. Raises TableError."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        assert found is not None
        at = found["at"] or ""
        raise TableError(_told(found["what"], place, at, _type_at(kind, at))) from error


def _told(what: str, place: str, at: str, expected: inspect.Type) -> str:
    where = f"{place}.{at}" if at and not at.startswith("[") else place + at
    field = _FIELD.search(what)
    if field is not None and isinstance(expected, inspect.StructType):
        if "unknown" in what:
            return f"{where}.{field['name']}: there is no such field; {_names(expected)}"
        wanted = next(f for f in expected.fields if f.encode_name == field["name"])
        return f"{where}.{field['name']}: missing; it is {_words(wanted.type)}"
    if what.startswith(("Expected", "Invalid enum", "Number out", "Integer out")):
        return f"{where}: not allowed; it is {_words(expected)}{_unit(at)}"
    return f"{where}.{what}"


def _type_at(kind: type[msgspec.Struct], at: str) -> inspect.Type:
    """The type of the field at `a[0].b`."""
    found = _given(inspect.type_info(kind))
    for step in re.findall(r"[^.\[\]]+", at):
        if isinstance(found, inspect.StructType):
            named = {field.encode_name: field.type for field in found.fields}
            found = _given(named.get(step, found))
        elif isinstance(found, inspect.ListType | inspect.VarTupleType):
            found = _given(found.item_type)
    return found


def _given(found: inspect.Type) -> inspect.Type:
    """What may be written where a field may also be left out."""
    if isinstance(found, inspect.UnionType):
        return next(each for each in found.types if not isinstance(each, inspect.NoneType))
    return found


def _words(expected: inspect.Type) -> str:
    expected = _given(expected)
    if isinstance(expected, inspect.LiteralType):
        return " or ".join(f'"{value}"' for value in expected.values)
    if isinstance(expected, inspect.ListType | inspect.VarTupleType):
        return f"a list; each is {_words(expected.item_type)}"
    if isinstance(expected, inspect.StructType):
        return f"a table; {_names(expected)}"
    words = _WORDS.get(type(expected), "something else")
    if isinstance(expected, inspect.IntType | inspect.FloatType):
        words += _bounds(expected)
    return words


def _bounds(number: inspect.IntType | inspect.FloatType) -> str:
    least = f" from {number.ge:,}" if number.ge is not None else ""
    least = f" above {number.gt:,}" if number.gt is not None else least
    most = f" to {number.le:,}" if number.le is not None else ""
    return least + (f" and up{most}" if number.gt is not None and most else most)


def _names(table: inspect.StructType) -> str:
    return f"there are {', '.join(field.encode_name for field in table.fields)}"


def _unit(at: str) -> str:
    name = at.rpartition(".")[2]
    if name.endswith("_s") or name == "seconds":
        return ", in seconds"
    return ", in bytes" if name.endswith("bytes") else ""
