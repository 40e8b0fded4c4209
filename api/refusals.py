"""What is wrong with parameters: the field, and words that a user can be shown.

msgspec says it for programmers, in one line with the path at its end. Here that becomes a refusal
with the field as a JSON Pointer (RFC 6901), and a sentence about it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from api.errors import ApiError

NAME_CHARS_MAX: Final = 64
"""Of the name of a field that somebody made up, so much is repeated."""
NOT_JSON: dict[type[Exception], str] = {
    UnicodeDecodeError: "JSON is malformed: invalid UTF-8",
    RecursionError: "JSON is malformed: nested too deeply",
}
"""What msgspec lets through from below, in the words of its own errors."""
PATTERNS: dict[str, str] = {}
"""What a text must be like to match a pattern, in words."""

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_UNKNOWN = "Object contains unknown field `"
_MISSING = re.compile(r"Object missing required field `(?P<name>\w+)`")
_TYPE = re.compile(r"Expected `(?P<kind>[\w| ]+)`, got")
_LENGTH = re.compile(r"Expected `(?P<kind>\w+)` of length (?P<sign>[<>]=) (?P<bound>\d+)")
_NUMBER = re.compile(r"Expected `int` (?P<sign>[<>]=) (?P<bound>-?\d+)")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_KINDS = {"str": "a text", "int": "a whole number", "bool": "true or false", "array": "a list"}
_MOST = {"<=": "at most", ">=": "at least"}


def pattern(regex: str, words: str) -> str:
    """A pattern, and what it asks for: `words` follow the name of the field."""
    PATTERNS[regex] = words
    return regex


def pointer(*steps: str) -> str:
    """RFC 6901."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def malformed(error: msgspec.MsgspecError, body: bytes | msgspec.Raw = b"{}") -> ApiError:
    """The refusal of parameters that msgspec does not take: `bad_request` where they are no JSON,
    which it may have told less of than of what stood before, else `invalid_params`."""
    try:
        msgspec.json.decode(body)
    except msgspec.ValidationError:
        pass  # JSON, with a number that is too large for anything
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as broken:
        words = NOT_JSON.get(type(broken)) or str(broken)
        return ApiError("bad_request", words[:200])
    said = str(error)
    if said.startswith(_UNKNOWN):
        name = said.removeprefix(_UNKNOWN).rpartition("`")[0][:NAME_CHARS_MAX]
        return _invalid([name], f"there is no field {name!r}")
    at = _AT.search(said)
    steps = [name or number for name, number in _STEP.findall(at["path"] if at else "")]
    missing = _MISSING.match(said)
    if missing is not None:
        steps.append(missing["name"])
    name = next((step for step in reversed(steps) if not step.isdigit()), "")
    if not name:
        return _invalid([], "the parameters are a JSON object")
    entry = "each of " if name != steps[-1] else ""
    return _invalid(steps, f"{entry}{in_words(name)} {_must(said)}")


def in_words(name: str) -> str:
    """The name of a field as one would say it."""
    return name.replace("_", " ")


def _invalid(steps: list[str], words: str) -> ApiError:
    return ApiError("invalid_params", words, field=pointer(*steps))


def _must(said: str) -> str:
    """What msgspec asks for."""
    if _MISSING.match(said):
        return "is missing"
    if " matching regex " in said:
        return next(words for regex, words in PATTERNS.items() if repr(regex) in said)
    length = _LENGTH.match(said)
    if length is not None:
        unit = "entries" if length["kind"] == "array" else "characters"
        return f"must have {_MOST[length['sign']]} {length['bound']} {unit}"
    number = _NUMBER.match(said)
    if number is not None:
        return f"must be {_MOST[number['sign']]} {number['bound']}"
    kind = _TYPE.match(said)
    if kind is not None and kind["kind"] in _KINDS:
        got = (
            "; leave it out where there is none" if said.startswith("null", kind.end() + 2) else ""
        )
        return f"must be {_KINDS[kind['kind']]}{got}"
    if said.startswith("Invalid enum value"):
        return "must be one of the values that the reference lists"
    return "is not a value that this field takes"
