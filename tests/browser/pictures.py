"""Photographs that nobody took: hills behind hills, in the morning or in the evening."""

from __future__ import annotations

import io
import math
import random

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((38, 70, 120), (250, 190, 140)),
    ((90, 150, 215), (230, 240, 245)),
    ((30, 30, 60), (220, 110, 90)),
)
NEAR: Colour = (20, 40, 45)
LAYERS = 5


def landscape(size: tuple[int, int], number: int = 0) -> bytes:
    """A JPEG."""
    chance = random.Random(number)
    above, below = SKIES[number % len(SKIES)]
    width, height = size
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        draw.line((0, y, width, y), _between(above, below, min(1.0, 1.5 * y / height)))
    sun, x, y = height // 14, int(width * (0.3 + 0.1 * (number % 4))), int(height * 0.38)
    draw.ellipse((x - sun, y - sun, x + sun, y + sun), _between(below, (255, 255, 235), 0.7))
    picture = picture.filter(ImageFilter.GaussianBlur(height / 400))
    draw = ImageDraw.Draw(picture)
    for layer in range(LAYERS):
        near = (layer + 1) / LAYERS
        waves = [(chance.uniform(1, 5), chance.uniform(0, 6), chance.random()) for _ in range(4)]
        line = []
        for x in range(0, width + 8, 8):
            swing = sum(
                part * math.sin(often * math.pi * x / width + shift) / (1 + often)
                for often, shift, part in waves
            )
            line.append((x, height * (0.42 + 0.45 * near - 0.09 * swing)))
        draw.polygon(
            [*line, (width, height), (0, height)], _between(below, NEAR, 0.25 + 0.7 * near)
        )
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def _between(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (
        round(first + (second - first) * share) for first, second in zip(one, other, strict=True)
    )
    return red, green, blue
