"""What a leader reads of its log for a copy that is far behind: python -m tests.bench.catchup_bench

A log of whole segments is read as a leader does it, some hundred kilobytes for each message.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from runtime.replication.leader import APPEND_BYTES
from storage.log import SEGMENT_BYTES, Log

RECORD_BYTES = 4_096


def read_bytes() -> int:
    """By this process, in calls that read."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        log = Log(Path(folder), b"salt")
        record = bytes(RECORD_BYTES)
        for _ in range(options.segments * SEGMENT_BYTES // RECORD_BYTES // 64):
            log.append(*[record] * 64)
        before, cpu_s = read_bytes(), time.process_time()
        number = calls = 0
        longest_s = 0.0
        while number < log.last:
            begun_s = time.process_time()
            number += len(log.read(number, APPEND_BYTES) or ())
            longest_s = max(longest_s, time.process_time() - begun_s)
            calls += 1
        result = {
            "records_mb": round(log.last * RECORD_BYTES / 1e6, 1),
            "calls": calls,
            "read_mb": round((read_bytes() - before) / 1e6, 1),
            "cpu_s": round(time.process_time() - cpu_s, 2),
            "longest_call_cpu_ms": round(longest_s * 1e3, 2),
        }
        log.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
