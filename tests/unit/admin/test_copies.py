"""What `heliograph admin cluster` makes of what hosts say."""

from __future__ import annotations

from typing import Any

from heliograph.admin.copies import shown_copies

HOSTS = ["host-0", "host-1", "host-2"]


def row(host: str, epoch: int, leading: bool, in_sync: list[str], **behind: int) -> dict[str, Any]:
    return {
        "shard": 3,
        "host": host,
        "epoch": epoch,
        "leader": "host-1",
        "leading": leading,
        "members": HOSTS,
        "in_sync": in_sync,
        "behind": {name.replace("_", "-"): lag for name, lag in behind.items()},
    }


def test_the_newest_epoch_is_shown_as_its_leader_sees_it() -> None:
    old = row("host-0", 4, True, HOSTS)
    follower = row("host-2", 5, False, HOSTS[1:])
    leader = row("host-1", 5, True, HOSTS[1:], host_0=17)
    for rows in ([old, follower, leader], [leader, follower, old]):
        (shown,) = shown_copies(rows)
        assert shown["leader"] == "host-1"
        assert shown["epoch"] == 5
        assert shown["missing"] == ["host-0"]
        assert shown["behind"] == {"host-0": 17}


def test_a_shard_that_nobody_leads_says_so() -> None:
    (shown,) = shown_copies([row("host-0", 4, False, HOSTS), row("host-1", 4, False, HOSTS)])
    assert shown["leader"] == ""
    assert shown["appointed"] == "host-1", "it may lead, where it does not answer"
