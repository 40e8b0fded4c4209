"""What a process for one job does. It may crash in any way; its findings until then count."""

from __future__ import annotations

import os
import struct

import msgspec

from media.look import picture, sound
from media.look.mime import HEAD, TAIL, family_of, mime_of
from media.look.sandbox import confine
from media.look.types import Finding, Frame, Inspect, Job, Peaks, Run, Type

INPUT, OUTPUT, FINDINGS = 3, 4, 5
"""Descriptors that a worker has beside 0, 1 and 2, which lead nowhere."""

_encode = msgspec.msgpack.Encoder().encode


def work(job: Job) -> None:
    """Do one job, confined."""
    match job:
        case Run(command=command):
            os.dup2(OUTPUT, 1)
            confine((INPUT,), command[0])
            os.execve(command[0], command, {"LC_ALL": "C"})
        case Inspect():
            confine(())
            _inspect(job)
        case Frame():
            confine(())
            with open(INPUT, "rb", closefd=False) as source:
                tell(picture.look_at(source, None))
        case Peaks():
            confine(())
            with open(INPUT, "rb", closefd=False) as source:
                tell(sound.peaks(source))


def _inspect(job: Inspect) -> None:
    with open(INPUT, "rb", closefd=False) as source:
        head = source.read(HEAD)
        source.seek(max(0, source.seek(0, 2) - TAIL))
        mime = mime_of(head, source.read(TAIL), job.name)
        family = family_of(mime)
        tell(Type(mime, family))
        if family == "image":
            with open(OUTPUT, "r+b", closefd=False) as out:
                found = picture.look_at(source, out if job.clean else None)
            tell(found)
        elif family == "audio":
            tell(sound.simple_sound(source, mime))


def tell(finding: Finding) -> None:
    """Tell the caller's process, before anything else can happen."""
    data = _encode(finding)
    data = struct.pack("<I", len(data)) + data
    while data:
        data = data[os.write(FINDINGS, data) :]
