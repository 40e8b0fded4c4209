"""Looking into files that users send: what they are, how large, how long, and how they look.

`Looker.look` reads a local file and answers with a `Look`. Everything that parses a stranger's
bytes runs in a process that can do nothing else (`sandbox`). In the order of the work:

    looker   (the caller's process)   queues files, starts processes, puts the parts together
    zygote   (one for each worker)    forks a process for each job, and touches no file itself
    worker   (one for each job)       finds the type (`mime`), decodes pictures (`picture`), drops
                                      their metadata (`strip`), measures sounds (`sound`)
    ffmpeg   (in a worker's place)    where it is installed: videos and sounds (`film`)
"""

from media.look.looker import Looker
from media.look.types import Kind, Look

__all__ = ["Kind", "Look", "Looker"]
