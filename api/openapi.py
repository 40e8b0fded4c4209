"""The OpenAPI 3.1 document of the contract, made from the method and error registries."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from api import limits
from api.errors import ERRORS, Problem
from api.methods import METHODS, FinishUpload, Method
from api.types import Finished, Ok

VERSION = "0.1.0"
_REF = "#/components/schemas/{name}"

HTTP_METHODS = [method for method in METHODS.values() if method.wire != "ws"]
TAGS = {
    "auth": "Accounts, logins, sessions",
    "help": "What this server is",
    "users": "Profiles and user names",
    "contacts": "Contacts and blocks",
    "chats": "Private chats, saved messages, groups, dialogs",
    "messages": "Sending, history, marks",
    "media": "Files: uploads, downloads, links",
    "updates": "What happened, in order and without holes",
}


def schemas_of(methods: Iterable[Method], *others: Any) -> tuple[dict[type, Any], dict[str, Any]]:
    """The schema of every parameter, result and further type, and the components that these refer
    to."""
    types: list[Any] = [Problem, *others]
    for method in methods:
        types += [method.params, method.result]
    shown, components = msgspec.json.schema_components(types, ref_template=_REF)
    return dict(zip(types, without_null(shown), strict=True)), without_null(components)


def without_null(schema: Any) -> Any:
    """A schema as the contract means it: a field that is not there is left out, on both sides, and
    never `null`."""
    if isinstance(schema, list):
        return [without_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    shown = {key: without_null(part) for key, part in schema.items()}
    if shown.get("default", 0) is None:
        del shown["default"]
    options = [part for part in shown.get("anyOf", ()) if part != {"type": "null"}]
    if len(options) == 1:
        del shown["anyOf"]
        shown = options[0] | shown
    elif options:
        shown["anyOf"] = options
    return shown


def _responses(method: Method, result: Any) -> dict[str, Any]:
    done = {"200": {"description": "Done", "content": {"application/json": {"schema": result}}}}
    return done | _refusals(method.errors)


def _refusals(codes: Iterable[str]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(ERRORS[code].status, []).append(code)
    return {
        str(status): {
            "description": "Refused: " + ", ".join(f"`{code}`" for code in by_status[status]),
            "content": problem,
        }
        for status in sorted(by_status)
    }


# --- files: bodies that are no JSON -----------------------------------------------------------

_ID = {"type": "integer", "minimum": 1, "maximum": limits.JSON_INT_MAX}
_PART = {"type": "integer", "minimum": 0, "maximum": limits.PARTS_MAX - 1}
_BEHIND = ("internal", "storage_corrupt", "overloaded", "unavailable")
UPLOADING = (
    *("bad_request", "invalid_params", "unauthorized", "origin_refused", "too_large"),
    "hash_mismatch",
    *("part_invalid", "storage_full", *_BEHIND),
)
"""What every upload can be refused with."""
DOWNLOADING = ("not_found", "precondition_failed", "range_not_satisfiable", *_BEHIND)
LOGGED_IN = ("unauthorized", "origin_refused")
OF_A_MESSAGE = ("chat_not_found", "media_not_found")
_BYTES: dict[str, Any] = {"application/octet-stream": {}}


def _field(where: str, name: str, schema: dict[str, Any], required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


def _file_operation(name: str, doc: str, parameters: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": doc.split(". ")[0].rstrip("."),
        "description": doc,
        "tags": ["media"],
        "parameters": parameters,
        "security": [{"token": []}],
        **more,
    }


def _upload(
    name: str, doc: str, parameters: list[Any], result: Any, *errors: str
) -> dict[str, Any]:
    done = {"200": {"description": "Done", "content": {"application/json": {"schema": result}}}}
    body = {"required": True, "content": _BYTES}
    return _file_operation(
        name, doc, parameters, requestBody=body, responses=done | _refusals((*UPLOADING, *errors))
    )


def _download(
    name: str, doc: str, parameters: list[Any], *errors: str, token: bool = True
) -> dict[str, Any]:
    ranged = [_field("header", "Range", {"type": "string"}, required=False)]
    found: dict[str, Any] = {
        "200": {"description": "The file", "content": {"*/*": {}}},
        "206": {"description": "The part of it that was asked for", "content": {"*/*": {}}},
        "304": {"description": "It is the one of `If-None-Match`"},
    }
    refusals = _refusals((*DOWNLOADING, *errors, *(LOGGED_IN if token else ())))
    operation = _file_operation(name, doc, [*parameters, *ranged], responses=found | refusals)
    return operation if token else operation | {"security": []}


def _files(schemas: dict[type, Any]) -> dict[str, Any]:
    """The paths of uploads and downloads (`fronts.files.http`)."""
    finish = msgspec.json.schema(FinishUpload)["$defs"]["FinishUpload"]["properties"]
    digest = _field("query", "hash", finish["hash"])
    name = _field("query", "name", finish["name"], required=False)
    kind = _field("query", "kind", finish["kind"], required=False)
    message = [
        _field("path", "chat_id", {"type": "string"}),
        _field("path", "message_id", _ID),
    ]
    named = [*message, _field("path", "file_id", finish["hash"])]
    digests = {"type": "array", "items": finish["hash"], "minItems": 1}
    digests["maxItems"] = limits.PARTS_PER_REQUEST_MAX
    parts = [
        _field("path", "upload_id", _ID),
        _field("path", "first", _PART),
        _field("query", "hash", digests),
    ]
    return {
        "/media/upload": {
            "post": _upload(
                "media.post",
                f"Upload a file of at most {limits.PART_BYTES} bytes at once. The body is the "
                "file, `hash` its BLAKE3 hash; the answer is that of `media.finish`.",
                [digest, name, kind],
                schemas[Finished],
                "quota_exceeded",
                "flood",
            )
        },
        "/media/upload/{upload_id}/{first}": {
            "put": _upload(
                "media.put",
                f"Upload parts. The body is up to {limits.PARTS_PER_REQUEST_MAX} parts that follow "
                f"one another, from the `first` on: {limits.PART_BYTES} bytes each, the file's "
                "last one what remains; parts are counted from 0, and requests come in any order, "
                "several at a time; `hash` is there once for each part, the BLAKE3 hash of it. "
                "Where a part is refused, or the connection is lost, others may have been stored: "
                "`media.upload` tells which. Sent again, a part is stored once.",
                parts,
                schemas[Ok],
                "not_found",
                "upload_not_found",
                "flood",
            )
        },
        "/media/file/{chat_id}/{message_id}": {
            "get": _download("media.file", "The file of a message.", message, *OF_A_MESSAGE)
        },
        "/media/file/{chat_id}/{message_id}/{file_id}": {
            "get": _download(
                "media.named_file",
                "The file of a message, if it is this one.",
                named,
                *OF_A_MESSAGE,
            )
        },
        "/media/thumb/{chat_id}/{message_id}": {
            "get": _download(
                "media.thumb", "The small picture of a message's file.", message, *OF_A_MESSAGE
            )
        },
        "/media/thumb/{chat_id}/{message_id}/{file_id}": {
            "get": _download(
                "media.named_thumb",
                "The small picture of a message's file, if it is this one.",
                named,
                *OF_A_MESSAGE,
            )
        },
        "/media/photo/{whose}/{file_id}": {
            "get": _download(
                "media.photo",
                "The picture of a user (`whose`: the user id) or a group (the chat id): `file_id` "
                "is that of its `photo`, or of the `thumb` of it.",
                [
                    _field("path", "whose", {"type": "string"}),
                    _field("path", "file_id", finish["hash"]),
                ],
                "chat_not_found",
                "user_not_found",
                "media_not_found",
            )
        },
        "/media/link/{pass}": {
            "get": _download(
                "media.linked",
                "A file, for who has the link (`media.link`).",
                [_field("path", "pass", {"type": "string"})],
                "ticket_invalid",
                token=False,
            )
        },
    }


def _operation(method: Method, schemas: dict[type, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": method.name,
        "summary": method.doc.split(". ")[0].rstrip("."),
        "description": method.doc,
        "tags": [method.name.split(".")[0]],
        "requestBody": {
            "required": bool(method.params.__struct_fields__)
            and any(field.required for field in msgspec.structs.fields(method.params)),
            "content": {"application/json": {"schema": schemas[method.params]}},
        },
        "responses": _responses(method, schemas[method.result]),
        "security": [{"token": []}] if method.auth else [],
        "x-read": method.read,
        "x-live": method.wire != "http",
    }
    return operation


@cache
def tree() -> dict[str, Any]:
    """The document as a tree."""
    schemas, components = schemas_of(HTTP_METHODS)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Heliograph",
            "version": VERSION,
            "summary": "A cloud messenger that anyone can run",
            "description": "Every method is called by POST with a JSON object of its parameters. "
            "Errors are problem documents (RFC 9457) with a stable `code`; where waiting helps, "
            "`retry_after` says how many seconds, and where a field is wrong, `field` which (a "
            "JSON Pointer). Times are Unix milliseconds. In answers, a field that has its default "
            "is left out; `null` is never sent and nowhere taken. Methods marked `x-read` change "
            "nothing; those marked `x-live` can be called over a live connection too, as the "
            "AsyncAPI document (/api/asyncapi.json) says. Programs show a bearer token; in pages "
            "of this server's own, a cookie stands for it where `Authorization` is missing "
            "(`auth.login`).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {
            f"/api/{method.name}": {"post": _operation(method, schemas)} for method in HTTP_METHODS
        }
        | _files(schemas),
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


@cache
def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(tree())
