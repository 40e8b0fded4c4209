"""In place of Ray's own script of a worker: says what it was given, and what process it is."""

import json
import os
import sys

if __name__ == "__main__":
    with open("ran", "a") as ran:
        ran.write(f"{os.getpid()}\n")
    print(
        json.dumps(
            {
                "arguments": sys.argv[1:],
                "folder": os.getcwd(),
                "told": os.environ.get("TOLD"),
                "pid": os.getpid(),
                "parent": os.getppid(),
                "leads_group": os.getpgid(0) == os.getpid(),
            }
        )
    )
    sys.exit(7 if "fail" in sys.argv else 0)
