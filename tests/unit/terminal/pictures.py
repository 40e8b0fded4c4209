"""Tiny pictures."""

from __future__ import annotations

import base64
import io

from PIL import Image


def preview_of(width: int, height: int) -> str:
    image = Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 0, 255), (0, height // 2, width, height))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=10)
    return base64.b64encode(out.getvalue()).decode()
