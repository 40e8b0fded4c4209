"""The rows of an invitation have to be readable."""

from __future__ import annotations

from actors.invitation.turns import HEAD, USES
from actors.verify.plain import PlainCheck


class InvitationCheck(PlainCheck):
    tables = (HEAD, USES)
