"""Every error that a client can see, in one registry.

    ApiError
    ├── 400  bad_request, unknown_method, invalid_params, password_common
    ├── 401  unauthorized, wrong_credentials
    ├── 403  forbidden, blocked, edit_expired, registration_closed, invitation_invalid,
    │        ticket_invalid, origin_refused
    ├── 404  chat_not_found, user_not_found, session_not_found, message_not_found,
    │        upload_not_found, media_not_found, not_found
    ├── 405  method_not_allowed
    ├── 408  too_slow
    ├── 409  username_taken, username_reserved, not_member, group_full, too_many,
    │        upload_incomplete, quota_exceeded
    ├── 412  precondition_failed
    ├── 413  too_large
    ├── 415  unsupported_media_type
    ├── 416  range_not_satisfiable
    ├── 422  hash_mismatch, part_invalid
    ├── 429  flood
    ├── 500  internal, storage_corrupt
    └── 503  overloaded, storage_full, unavailable

An error is answered as an RFC 9457 problem document: `type` is the URN of its code, `code` is
stable and meant for programs, `detail` says what is wrong and what to do, `retry_after` (seconds)
is there where waiting helps; `field`, a JSON Pointer (RFC 6901), where it is one field of the
parameters that is wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class ErrorKind(NamedTuple):
    """One row of the registry: the HTTP status, a title, and whether the same call may be
    repeated unchanged later."""

    status: int
    title: str
    retryable: bool = False


ERRORS: dict[str, ErrorKind] = {
    "bad_request": ErrorKind(400, "The request is malformed"),
    "unknown_method": ErrorKind(404, "There is no such method"),
    "invalid_params": ErrorKind(400, "The parameters do not fit the method"),
    "password_common": ErrorKind(400, "This password is too common"),
    "unauthorized": ErrorKind(401, "A valid token is needed"),
    "wrong_credentials": ErrorKind(401, "User name or password is wrong"),
    "forbidden": ErrorKind(403, "You may not do this"),
    "blocked": ErrorKind(403, "You cannot write to this user"),
    "edit_expired": ErrorKind(403, "This message is too old to be changed"),
    "registration_closed": ErrorKind(403, "Registration is closed on this server"),
    "invitation_invalid": ErrorKind(403, "The invitation is missing, used up or unknown"),
    "ticket_invalid": ErrorKind(403, "The ticket of this file is forged, expired or not yours"),
    "origin_refused": ErrorKind(403, "This page may not use the login of this browser"),
    "chat_not_found": ErrorKind(404, "There is no such chat, or you are not in it"),
    "user_not_found": ErrorKind(404, "There is no such user"),
    "session_not_found": ErrorKind(404, "There is no such session"),
    "message_not_found": ErrorKind(404, "There is no such message"),
    "upload_not_found": ErrorKind(404, "There is no such upload of yours"),
    "media_not_found": ErrorKind(404, "This message has no such media"),
    "not_found": ErrorKind(404, "There is nothing at this address"),
    "method_not_allowed": ErrorKind(405, "This address does not take this HTTP method"),
    "too_slow": ErrorKind(408, "The request came too slowly", retryable=True),
    "username_taken": ErrorKind(409, "This user name is taken"),
    "username_reserved": ErrorKind(409, "Nobody can take this user name"),
    "not_member": ErrorKind(409, "The user is not a member"),
    "group_full": ErrorKind(409, "The group has as many members as it may have"),
    "too_many": ErrorKind(409, "A limit of this account or chat is reached"),
    "upload_incomplete": ErrorKind(409, "Parts of the upload are missing"),
    "quota_exceeded": ErrorKind(409, "There is no room for this in the account or chat"),
    "precondition_failed": ErrorKind(412, "The content is another than If-Match names"),
    "too_large": ErrorKind(413, "The request is larger than allowed"),
    "unsupported_media_type": ErrorKind(415, "The body must be application/json"),
    "range_not_satisfiable": ErrorKind(416, "The range begins after the end of the file"),
    "hash_mismatch": ErrorKind(422, "The bytes are not those of this hash"),
    "part_invalid": ErrorKind(422, "The upload has no such part, or it has another length"),
    "flood": ErrorKind(429, "Too many requests", retryable=True),
    "internal": ErrorKind(500, "The server made a mistake"),
    "storage_corrupt": ErrorKind(500, "Stored data failed its check"),
    "overloaded": ErrorKind(503, "The server is busy", retryable=True),
    "storage_full": ErrorKind(503, "The server's disk is full", retryable=True),
    "unavailable": ErrorKind(503, "A part of the server is restarting", retryable=True),
}


class Problem(msgspec.Struct, omit_defaults=True, frozen=True):
    """RFC 9457 problem document."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    retry_after: float | None = None
    field: str = ""


class ApiError(Exception):
    """A refusal that the client is told: `code` from `ERRORS`, a detail, where waiting helps the
    seconds to wait, and which field of the parameters it is about, as a JSON Pointer."""

    def __init__(
        self, code: str, detail: str = "", retry_after: float | None = None, field: str = ""
    ) -> None:
        if code not in ERRORS:
            raise KeyError(f"error code {code!r} is not in the registry")
        super().__init__(code, detail, retry_after, field)
        self.code = code
        self.detail = detail or ERRORS[code].title
        self.retry_after = retry_after
        self.field = field

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    @property
    def status(self) -> int:
        return ERRORS[self.code].status

    @property
    def retryable(self) -> bool:
        return ERRORS[self.code].retryable

    def problem(self) -> Problem:
        kind = ERRORS[self.code]
        return Problem(
            type=f"urn:heliograph:error:{self.code}",
            title=kind.title,
            status=kind.status,
            code=self.code,
            detail=self.detail,
            retry_after=self.retry_after,
            field=self.field,
        )

    @classmethod
    def from_problem(cls, problem: Problem) -> ApiError:
        """The error a problem document stands for; an unknown code (a newer server) becomes
        `internal` and keeps its detail."""
        code = problem.code if problem.code in ERRORS else "internal"
        return cls(code, problem.detail, problem.retry_after, problem.field)
