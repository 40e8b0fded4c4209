"""The options that `heliograph up` and `heliograph cluster start` share."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from api import limits
from api.addresses import ProxyHeader

Port = Annotated[int, typer.Option(min=1, max=65534, help="The HTTP port.")]
WsPort = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="The port of live connections.", show_default="port + 1"),
]
FilesPort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="A port for files beside the HTTP port; 0: none.",
        show_default="port + 2, where that is free",
    ),
]
Registration = Annotated[
    Literal["open", "invitation", "closed"], typer.Option(help="Who may register.")
]
ReplaceAfter = Annotated[
    float,
    typer.Option(
        min=1,
        help="Others get the copies of a host that was silent for so many seconds, if there are "
        "more hosts than copies.",
    ),
]
REPLACE_AFTER_S = 600.0
Resident = Annotated[int, typer.Option(min=100, help="Actors each host keeps in memory.")]
RESIDENT = 100_000
Shards = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Where there are copies, into how many shards all is dealt out, each led by one host, "
        "so that no more hosts than these can ever lead; fixed as the copies are.",
        show_default="as many as hosts",
    ),
]
Proxies = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=8,
        help="How many proxies of yours name the client.",
        show_default="1 with --public-url, else 0",
    ),
]
GIB = 1024**3
QUOTA_GIB_MIN, QUOTA_GIB_MAX = 0.001, 1_000_000
UserQuota = Annotated[
    float,
    typer.Option(
        min=QUOTA_GIB_MIN, max=QUOTA_GIB_MAX, help="GiB of files that each user may have."
    ),
]
ChatQuota = Annotated[
    float,
    typer.Option(
        min=QUOTA_GIB_MIN, max=QUOTA_GIB_MAX, help="GiB of files that there may be in each chat."
    ),
]
ProxyHeaderOption = Annotated[
    ProxyHeader, typer.Option(help="In which header these proxies name the client.")
]
ConnectionsPerAddress = Annotated[
    int,
    typer.Option(
        min=limits.CONNECTIONS_PER_SESSION_MAX + 1,
        max=limits.CONNECTIONS_PER_EDGE_MAX - 1,
        help="Connections that an address (IPv6: a /64) may have on each port of a node.",
    ),
]
Exempt = Annotated[
    str, typer.Option(help="Addresses and networks without limits by address, as 192.0.2.0/24,::1.")
]
EXEMPT = "127.0.0.0/8,::1/128"
ReservedNames = Annotated[
    bool,
    typer.Option(
        "--allow-reserved-names",
        help="Let people take user names like admin, which sound like the server's own.",
    ),
]
CommonPasswords = Annotated[
    bool,
    typer.Option(
        "--allow-common-passwords", help="Let people take passwords that are guessed first."
    ),
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        help="Another address under which people open the web client, as http://chat.lan:8000. "
        "Repeatable.",
    ),
]
AllowOrigins = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-origin",
        help="Pages of this address may use the API with bearer tokens. Repeatable.",
        show_default="none",
    ),
]
USER_QUOTA = limits.MEDIA_BYTES_PER_USER_MAX / GIB
CHAT_QUOTA = limits.MEDIA_BYTES_PER_CHAT_MAX / GIB
