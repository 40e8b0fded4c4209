"""What Ray starts for each worker process of a server on this machine, in place of its own script
(ADR 26): it has a process forked that has imported everything already.

Each raylet has such a process, its zygote (`heliograph.server.zygote`), forked from the first of
these; they hand over what a worker is given by its start, and end (`heliograph.server.handover`).
Where no zygote can be had, they go on as Ray's own script. This runs for every worker, so it
imports little.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import sys

from heliograph.server.handover import (
    FOLDER_VARIABLE,
    MODULE,
    RAYLET_VARIABLE,
    ask,
    make_if_missing,
)


def main() -> None:
    del sys.path[0]  # the folder of this script, whose modules are not to be found by their names
    listener, forked = None, False
    with contextlib.suppress(OSError, KeyError):
        path = os.path.join(os.environ[FOLDER_VARIABLE], f"zygote-{os.environ[RAYLET_VARIABLE]}")
        listener = make_if_missing(path)
        forked = listener is None and ask(path)
    if listener is not None:
        from heliograph.server import zygote

        zygote.serve(listener, int(os.environ[RAYLET_VARIABLE]), path)  # comes back in each worker
        sys.modules.pop(MODULE, None)  # it is run anew
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    elif not forked:
        os.execv(sys.executable, [sys.executable, "-P", "-m", MODULE, *sys.argv[1:]])


if __name__ == "__main__":
    main()
