"""The OpenAPI 3.1 document of the contract, made from the method and error registries."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from api.errors import ERRORS, Problem
from api.methods import METHODS, Method

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
    "updates": "What happened, in order and without holes",
}


def _schemas() -> tuple[dict[type, Any], dict[str, Any]]:
    types: list[Any] = [Problem]
    for method in HTTP_METHODS:
        types += [method.params, method.result]
    shown, components = msgspec.json.schema_components(types, ref_template=_REF)
    return dict(zip(types, shown, strict=True)), components


def _responses(method: Method, result: Any) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    responses: dict[str, Any] = {
        "200": {"description": "Done", "content": {"application/json": {"schema": result}}}
    }
    by_status: dict[int, list[str]] = {}
    for code, kind in ERRORS.items():
        by_status.setdefault(kind.status, []).append(code)
    for status in sorted(by_status):
        if status == 401 and not (method.auth or method.name == "auth.login"):
            continue
        codes = ", ".join(f"`{code}`" for code in by_status[status])
        responses[str(status)] = {"description": f"Refused: {codes}", "content": problem}
    return responses


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
    }
    return operation


@cache
def tree() -> dict[str, Any]:
    """The document as a tree."""
    schemas, components = _schemas()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Heliograph",
            "version": VERSION,
            "summary": "A cloud messenger that anyone can run",
            "description": "Every method is called by POST with a JSON object of its parameters. "
            "Errors are problem documents (RFC 9457) with a stable `code`; where waiting helps, "
            "`retry_after` says how many seconds. Times are Unix milliseconds.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {
            f"/api/{method.name}": {"post": _operation(method, schemas)} for method in HTTP_METHODS
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


@cache
def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(tree())
