"""The media type of a file, by its content.

A table of our own: the libraries for this guess (every zip file is a Word document) or are not
kept up, and what is not in the table needs no type: nobody shows it in a page.
"""

from __future__ import annotations

import codecs
import re

from media.look.types import OCTETS, Family

HEAD, TAIL = 64 << 10, 64 << 10

_MAGIC: list[tuple[int, bytes, str]] = [
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\1\0", "image/x-icon"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\0\0\0\x0cJXL ", "image/jxl"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"MThd", "audio/midi"),
    (0, b"FLV\1", "video/x-flv"),
    (0, b"\0\0\1\xba", "video/mpeg"),
    (0, b"\0\0\1\xb3", "video/mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"!<arch>\ndebian", "application/vnd.debian.binary-package"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\0asm", "application/wasm"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"OTTO", "font/otf"),
    (0, b"\0\1\0\0\0", "font/ttf"),
]
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"mif1": "image/heif",
}
"""The last is said beside others, too."""
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ZIPPED = [
    (b"word/", _OFFICE + "wordprocessingml.document"),
    (b"xl/", _OFFICE + "spreadsheetml.sheet"),
    (b"ppt/", _OFFICE + "presentationml.presentation"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
]
_TEXTS = {
    "csv": "text/csv",
    "css": "text/css",
    "json": "application/json",
    "md": "text/markdown",
    "tsv": "text/tab-separated-values",
    "vcf": "text/vcard",
    "ics": "text/calendar",
}
"""What text can be only by its name: it looks like any other."""
_MARKUP = re.compile(
    rb"(?>(?:<\?xml[^>]{0,500}+>|<!--(?>.{0,2000}?-->)|\s)*+)<(?:!doctype\s++)?([a-z:]++)",
    re.I | re.S,
)
"""What stands before the first tag is never tried in a second way, which would take for ever."""
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MP3 = re.compile(rb"\xff[\xe2\xe3\xf2-\xf7\xfa-\xfb][^\xf0-\xff]")


def mime_of(head: bytes, tail: bytes = b"", name: str = "") -> str:
    """The type of a file that begins with `head` (64 KiB or all of it) and ends with `tail`. The
    `name` only tells apart kinds of text. `application/octet-stream` for what is not known."""
    for offset, magic, mime in _MAGIC:
        if head.startswith(magic, offset):
            return mime
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"OggS"):
        return "video/ogg" if b"theora" in head[:512] else "audio/ogg"
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip(head, tail)
    if head.startswith(b"BM") and head[6:10] == bytes(4) and head[15:18] == bytes(3):
        return "image/bmp"
    if head[0:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        return "video/mp2t"
    if re.match(rb"\xff[\xf0\xf1\xf8\xf9]", head):
        return "audio/aac"
    if _MP3.match(head):
        return "audio/mpeg"
    return _text(head, name) if head and is_text(head) else OCTETS


def family_of(mime: str) -> Family:
    """Whether a type is of pictures, of moving ones, or of sounds. A drawing (SVG) is a program
    for drawing, and so none."""
    if mime == "image/svg+xml":
        return "other"
    first = mime.partition("/")[0]
    return first if first in ("image", "video", "audio") else "other"  # type: ignore[return-value]


def _iso_media(head: bytes) -> str:
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, min(head[3], 64), 4))]
    for brand, mime in _BRANDS.items():
        if brand == brands[0] or (brand in brands and family_of(mime) == "image"):
            return mime
    return "video/3gpp" if brands[0][:3] == b"3gp" else "video/mp4"


def _zip(head: bytes, tail: bytes) -> str:
    said = re.match(rb"PK\x03\x04.{26}mimetype(application/[a-z0-9.+-]{1,80})", head, re.S)
    if said:
        return said[1].decode()
    for part, mime in _ZIPPED:
        if b"PK\1\2" in tail and part in tail:
            return mime
    return "application/zip"


def is_text(head: bytes) -> bool:
    """Whether these bytes are text: UTF-8, UTF-16 with a mark, or any without control characters
    (of an older encoding)."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            codecs.getincrementaldecoder("utf-16")().decode(head)
        except UnicodeDecodeError:
            return False
        return True
    return not _CONTROLS.search(head)


def _text(head: bytes, name: str) -> str:
    markup = _MARKUP.match(head.removeprefix(codecs.BOM_UTF8))
    if markup:
        tag = markup[1].lower()
        if tag == b"svg":
            return "image/svg+xml"
        if tag in (b"html", b"head", b"body", b"script"):
            return "text/html"
        if head.lstrip().startswith(b"<?xml"):
            return "text/xml"
    return _TEXTS.get(name.rpartition(".")[2].lower(), "text/plain")
