"""User names that nobody can take, because others would take them for the server's own."""

from __future__ import annotations

from api.errors import ApiError

RESERVED = frozenset(
    {
        "abuse",
        "admin",
        "administrator",
        "administrators",
        "admins",
        "announcement",
        "announcements",
        "anonymous",
        "billing",
        "bot",
        "botfather",
        "bots",
        "channel",
        "contact",
        "daemon",
        "deleted",
        "everyone",
        "feedback",
        "group",
        "heliograph",
        "help",
        "helpdesk",
        "helpline",
        "hostmaster",
        "info",
        "legal",
        "login",
        "mailerdaemon",
        "mod",
        "moderation",
        "moderator",
        "moderators",
        "mods",
        "news",
        "nobody",
        "noreply",
        "notification",
        "notifications",
        "null",
        "official",
        "operator",
        "operators",
        "owner",
        "payment",
        "payments",
        "postmaster",
        "privacy",
        "register",
        "root",
        "savedmessages",
        "security",
        "server",
        "service",
        "services",
        "signup",
        "staff",
        "status",
        "superuser",
        "support",
        "supportteam",
        "sysadmin",
        "sysop",
        "system",
        "team",
        "telegram",
        "undefined",
        "unknown",
        "verification",
        "verified",
        "webmaster",
    }
)
"""Those of RFC 2142 and of roles, as `folded` makes them."""

_in_force = False


def set_reserved(in_force: bool) -> None:
    """Whether this server keeps these names back. Every process is told before it serves
    anybody."""
    global _in_force
    _in_force = in_force


def folded(username: str) -> str:
    """A user name as somebody reads it who does not look closely: without case, underscores and
    digits at its end."""
    return username.lower().replace("_", "").rstrip("0123456789")


def check_free(username: str) -> None:
    """Raises `username_reserved`."""
    if _in_force and folded(username) in RESERVED:
        raise ApiError(
            "username_reserved", f"{username} sounds like the server's own; take another"
        )
