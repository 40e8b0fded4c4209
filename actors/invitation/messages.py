"""What is said to an invitation."""

from __future__ import annotations

from actors.handle.messages import NewAccount
from runtime.messages import Internal


class MakeInvitation(Internal, frozen=True, tag="MakeInvitation"):
    """To an invitation (by an administrator): exist, for `uses` registrations."""

    uses: int


class UseInvitation(Internal, frozen=True, tag="UseInvitation"):
    """To an invitation: count one registration, then pass `account` on to its handle."""

    account: NewAccount


class ReturnUse(Internal, frozen=True, tag="ReturnUse"):
    """To an invitation: the registration of this user, which it has counted, was refused."""

    user_id: int
