"""Photographs that nobody took: hills behind hills, in the morning or in the evening; and faces."""

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
    picture = _shaded(size, above, below, height * 2 // 3)
    _sun(picture, number, _between(below, (255, 255, 235), 0.7))
    for layer in range(LAYERS):
        near = (layer + 1) / LAYERS
        colour = _between(below, NEAR, 0.25 + 0.7 * near)
        mist = _between(colour, below, 0.45 * (1 - near / 2))
        line = _ridge(chance, width, height, near)
        top = max(0, int(min(y for _, y in line)))
        hill = Image.new("L", size)
        ImageDraw.Draw(hill).polygon([*line, (width, height), (0, height)], 255)
        slope = Image.new("RGB", size, mist)
        slope.paste(_shaded((width, height - top), colour, mist, height // 3), (0, top))
        picture.paste(slope, mask=hill)
    return _jpeg(picture)


def _ridge(
    chance: random.Random, width: int, height: int, near: float
) -> list[tuple[float, float]]:
    """Far ones are steep, near ones soft."""
    waves = [(chance.uniform(1, 5), chance.uniform(0, 6), chance.random()) for _ in range(4)]
    waves += [(chance.uniform(9, 40), chance.uniform(0, 6), 1.6 * (1 - near)) for _ in range(5)]
    return [
        (x, height * (0.42 + 0.45 * near - 0.09 * _swing(waves, x / width)))
        for x in range(0, width + 4, 4)
    ]


def _swing(waves: list[tuple[float, float, float]], x: float) -> float:
    return sum(
        part * math.sin(often * math.pi * x + shift) / (1 + often) for often, shift, part in waves
    )


def _shaded(size: tuple[int, int], above: Colour, below: Colour, until: int) -> Image.Image:
    """From one colour to the other, which it is from `until` downwards."""
    picture = Image.new("RGB", size, below)
    draw = ImageDraw.Draw(picture)
    for y in range(min(until, size[1])):
        draw.line((0, y, size[0], y), _between(above, below, y / until))
    return picture


def _sun(picture: Image.Image, number: int, colour: Colour) -> None:
    width, height = picture.size
    x, y = int(width * (0.3 + 0.1 * (number % 4))), int(height * 0.3)
    for radius, light in ((height // 4, 0.3), (height // 14, 1.0)):
        glow = Image.new("L", (4 * radius, 4 * radius))
        box = (radius, radius, 3 * radius, 3 * radius)
        ImageDraw.Draw(glow).ellipse(box, round(255 * light))
        glow = glow.filter(ImageFilter.GaussianBlur(radius / 2 if light < 1 else height / 400))
        picture.paste(colour, (x - 2 * radius, y - 2 * radius), glow)


FACES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((246, 205, 170), (92, 52, 30), (63, 120, 122), (226, 236, 232)),
    ((196, 140, 100), (30, 24, 22), (206, 120, 48), (246, 226, 196)),
    ((250, 214, 186), (214, 158, 76), (122, 70, 110), (238, 224, 240)),
    ((142, 92, 62), (38, 26, 22), (70, 98, 62), (226, 234, 208)),
    ((240, 196, 166), (176, 84, 44), (58, 74, 110), (214, 226, 240)),
)
"""Skin, hair, clothes and what is behind."""


def portrait(size: int, number: int = 0) -> bytes:
    """Somebody, as a JPEG."""
    skin, hair, clothes, behind = FACES[number % len(FACES)]
    picture = Image.new("RGB", (4 * size, 4 * size), behind)
    draw = ImageDraw.Draw(picture)

    def oval(x: float, y: float, wide: float, high: float, colour: Colour) -> None:
        box = (x - wide, y - high, x + wide, y + high)
        draw.ellipse([round(4 * size * each) for each in box], colour)

    if long := number % 2 == 0:
        oval(0.5, 0.5, 0.25, 0.34, hair)
    oval(0.5, 1.06, 0.4, 0.34, clothes)
    oval(0.5, 0.66, 0.09, 0.14, _between(skin, (0, 0, 0), 0.12))
    oval(0.5, 0.38, 0.21, 0.22, hair)
    oval(0.5, 0.46, 0.18, 0.22, skin)
    oval(0.42 if long else 0.56, 0.285, 0.14, 0.08, hair)
    return _jpeg(picture.resize((size, size), Image.Resampling.LANCZOS))


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def _between(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (
        round(first + (second - first) * share) for first, second in zip(one, other, strict=True)
    )
    return red, green, blue
