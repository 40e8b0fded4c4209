"""Accounts and logins."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api import types as t
from api.methods.fields import Device, Name, NewPassword, Password, SessionId, Username
from api.methods.registry import Params, method


@method(
    "auth.register",
    to="auth",
    result=t.Authorization,
    auth=False,
    wire="http",
    errors=(
        "registration_closed",
        "invitation_invalid",
        "origin_refused",
        "username_taken",
        "username_reserved",
        "password_common",
        "flood",
    ),
)
class Register(Params, frozen=True):
    """Create an account and log its first device in. `cookie`: see `auth.login`."""

    username: Username
    password: NewPassword
    name: Name
    device: Device = ""
    invitation: Annotated[str, Meta(max_length=64)] = ""
    cookie: bool = False


@method(
    "auth.login",
    to="auth",
    repeatable=False,
    result=t.Authorization,
    auth=False,
    wire="http",
    errors=("wrong_credentials", "origin_refused", "flood"),
)
class Login(Params, frozen=True):
    """Log a device in. A wrong user name and a wrong password are answered alike. With `cookie`,
    which is for pages of this server's own, the browser keeps the token as a cookie that no script
    reads, and it is not in the answer."""

    username: Username
    password: Password
    device: Device = ""
    cookie: bool = False


@method("auth.logout", to="user", done_before="unauthorized")
class Logout(Params, frozen=True):
    """End this session; its token is void and its connections close. Over HTTP, a browser that is
    logged in by a cookie forgets that too, and what it keeps of this server."""


@method("auth.sessions", to="user", result=t.Sessions, read=True)
class GetSessions(Params, frozen=True):
    """All logins of this account."""


@method(
    "auth.end_session", to="user", done_before="session_not_found", errors=("session_not_found",)
)
class EndSession(Params, frozen=True):
    """End one other session of this account. Your own one is refused: `auth.logout` ends it."""

    session_id: SessionId


@method("auth.end_other_sessions", to="user", result=t.Ended)
class EndOtherSessions(Params, frozen=True):
    """End all sessions of this account but this one."""


@method(
    "auth.change_password",
    to="auth",
    repeatable=False,
    wire="http",
    errors=("wrong_credentials", "password_common", "flood"),
)
class ChangePassword(Params, frozen=True):
    """Change the password; all other sessions end."""

    old_password: Password
    new_password: NewPassword
