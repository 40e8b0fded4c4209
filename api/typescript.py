"""The contract in TypeScript: types of parameters, results, updates, frames; and what is true of
each method.

    python -m api.typescript > web/src/contract/contract.ts

What a field's default leaves out of the JSON is optional. The document is committed; a test fails
where it is not what the structs say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from textwrap import wrap
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct, UnsetType

from api import limits
from api import methods as m
from api import types as t
from api.errors import ERRORS, Problem
from api.frames import AckFrame, Close, EventFrame, PingFrame, PongFrame, PtsFrame, UpdateFrame

HEAD = "// Made by `python -m api.typescript` from the structs of `api/`. Do not edit.\n"
FRAMES: tuple[type[Struct], ...] = (
    Problem,
    AckFrame,
    PingFrame,
    PongFrame,
    UpdateFrame,
    PtsFrame,
    EventFrame,
)
UNIONS = {"Update": t.Update, "Event": t.Event}
WIDTH = 96


def contract() -> str:
    """The whole module, which ends in a line feed."""
    parts = [HEAD]
    parts += [_interface(struct) for struct in _structs()]
    for name, union in UNIONS.items():
        parts.append(f"export type {name} = {_type(union)};\n")
    parts += [_methods(), _facts(), _errors(), _close_codes(), _limits()]
    return "\n".join(parts)


def _structs() -> Iterator[type[Struct]]:
    """What is sent and answered, each once, in the order in which it is met."""
    found: dict[str, type[Struct]] = {}

    def meet(annotation: Any) -> None:
        for struct in _structs_of(annotation):
            known = found.get(struct.__name__)
            assert known in (None, struct), f"two structs are called {struct.__name__}"
            if known is None:
                found[struct.__name__] = struct
                for field in msgspec.structs.fields(struct):
                    meet(field.type)

    for method in m.METHODS.values():
        meet(method.params)
        meet(method.result)
    for annotation in (*UNIONS.values(), *FRAMES):
        meet(annotation)
    return iter(found.values())


def _structs_of(annotation: Any) -> Iterator[type[Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        yield annotation
    for argument in get_args(annotation):
        yield from _structs_of(argument)


def _interface(struct: type[Struct]) -> str:
    lines = [*_comment(struct.__doc__ or ""), f"export interface {struct.__name__} {{"]
    config = struct.__struct_config__
    if config.tag is not None:
        lines.append(f'  {config.tag_field}: "{config.tag}";')
    for field in msgspec.structs.fields(struct):
        optional = not field.required and (config.omit_defaults or _may_be_unset(field.type))
        lines.append(f"  {field.encode_name}{'?' if optional else ''}: {_type(field.type)};")
    return "\n".join([*lines, "}", ""])


def _may_be_unset(annotation: Any) -> bool:
    return UnsetType in get_args(annotation)


SCALARS = {str: "string", int: "number", float: "number", bool: "boolean", bytes: "string"}


def _type(annotation: Any) -> str:
    if annotation in SCALARS:
        return SCALARS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _type(annotation.__origin__)
    if origin in (Union, UnionType):
        # `null` is never sent, and what is not set is left out
        kinds = [_type(kind) for kind in arguments if kind not in (UnsetType, type(None))]
        return " | ".join(dict.fromkeys(kinds))
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in arguments)
    if origin in (list, tuple):
        inner = _type(arguments[0])
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<{_type(arguments[0])}, {_type(arguments[1])}>"
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return annotation.__name__
    raise TypeError(f"there is no TypeScript for {annotation!r} yet")


def _comment(text: str, indent: str = "") -> list[str]:
    """A docstring as a comment."""
    text = " ".join(text.split()).replace("*/", "* /")
    if not text:
        return []
    if len(text) <= WIDTH - 8:
        return [f"{indent}/** {text} */"]
    return [f"{indent}/**", *(f"{indent} * {line}" for line in wrap(text, WIDTH)), f"{indent} */"]


def _methods() -> str:
    lines = ["/** What each method takes and answers. */", "export interface Methods {"]
    for name, method in m.METHODS.items():
        lines += _comment(method.doc, "  ")
        params = method.params.__name__
        lines.append(f'  "{name}": {{ params: {params}; result: {_type(method.result)} }};')
    return "\n".join([*lines, "}", "", "export type MethodName = keyof Methods;", ""])


def _facts() -> str:
    lines = [
        "/** What is true of a method: whether it needs a session, changes nothing, goes by HTTP",
        " * or by live connections, may be called again where no answer came (and which refusal",
        " * tells then that it was carried out), and which parameters are tickets of files. */",
        "export interface MethodFacts {",
        "  auth: boolean;",
        "  read: boolean;",
        '  wire: "both" | "http" | "ws";',
        "  repeatable: boolean;",
        '  doneBefore: ErrorCode | "";',
        "  tickets: readonly string[];",
        "}",
        "",
        "export const METHODS: Readonly<Record<MethodName, MethodFacts>> = {",
    ]
    for name, method in m.METHODS.items():
        tickets = ", ".join(f'"{ticket}"' for ticket in method.tickets)
        facts = (
            f"auth: {_flag(method.auth)}, read: {_flag(method.read)}, "
            f'wire: "{method.wire}", repeatable: {_flag(method.repeatable)}, '
            f'doneBefore: "{method.done_before}", tickets: [{tickets}]'
        )
        lines.append(f'  "{name}": {{ {facts} }},')
    return "\n".join([*lines, "};", ""])


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _errors() -> str:
    codes = "\n".join(f'  | "{code}"' for code in ERRORS)
    return f"/** The codes of refusals. */\nexport type ErrorCode =\n{codes};\n"


def _close_codes() -> str:
    codes = {name: code for name, code in vars(Close).items() if name.isupper()}
    lines = [f"  {name}: {code}," for name, code in codes.items()]
    comment = "\n".join(_comment(Close.__doc__ or ""))
    return "\n".join([comment, "export const CLOSE = {", *lines, "} as const;", ""])


def _limits() -> str:
    lines = [f"  {name}: {value}," for name, value in limits.as_dict().items()]
    return "\n".join(
        [
            "/** Every limit, as it is where nothing else was said (`help.limits`). */",
            "export const LIMITS = {",
            *lines,
            "} as const;",
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(contract())
