"""Looking into files: `python -m tests.bench.look_bench [--workers N] [--seconds S]`.

Prints JSON: files a second for JPEGs of 12 megapixels and small ones (each with a thumbnail, a
preview and a copy without metadata), for files that are no pictures, and what a process costs: the
start of a zygote with the first file, and a file that nothing is done with. Beside them, the same
work in this process, for what the isolation costs.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import tempfile
import time
from pathlib import Path

from PIL import Image

from media.look import Kind, Looker
from media.look import picture as pictures


def photo(width: int, height: int) -> bytes:
    """A JPEG with about as much in it as a photograph."""
    rough = Image.effect_noise((width // 8, height // 8), 90).resize((width, height))
    colours = Image.merge(
        "RGB", (rough, rough.rotate(180), Image.linear_gradient("L").resize(rough.size))
    )
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    out = io.BytesIO()
    colours.save(out, "JPEG", quality=88, exif=exif)
    return out.getvalue()


async def rate(looker: Looker, paths: list[Path], kind: Kind, seconds: float) -> float:
    """Files a second, always as many at once as there are paths."""
    done, start = 0, time.perf_counter()

    async def again(path: Path) -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            look = await looker.look(path, kind, "name")
            assert look.kind == kind
            done += 1

    await asyncio.gather(*map(again, paths))
    return done / (time.perf_counter() - start)


def here(data: bytes, seconds: float) -> float:
    """Pictures a second in this process, one after the other."""
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        pictures.look_at(io.BytesIO(data), io.BytesIO())
        done += 1
    return done / (time.perf_counter() - start)


async def measure(folder: Path, workers: int, seconds: float) -> dict[str, float]:
    large, small = photo(4000, 3000), photo(640, 480)

    def copies(data: bytes) -> list[Path]:
        """Several are waited for by each worker, so that none waits for this process."""
        paths = [folder / f"{len(data)}-{number}" for number in range(2 * workers)]
        for path in paths:
            path.write_bytes(data)
        return paths

    text = copies(b"some text\n")
    looker = Looker(workers)
    start = time.perf_counter()
    await looker.look(text[0], "file", "name")
    first = time.perf_counter() - start
    await rate(looker, text, "file", 0.2)
    figures = {
        "large_photo_bytes": len(large),
        "small_photo_bytes": len(small),
        "large_photos_per_second": await rate(looker, copies(large), "photo", seconds),
        "small_photos_per_second": await rate(looker, copies(small), "photo", seconds),
        "plain_files_per_second": await rate(looker, text, "file", seconds),
        "first_file_ms": 1000 * first,
        "file_ms": 1000 / await rate(looker, text[:1], "file", seconds),
    }
    await looker.close()
    pictures.load()
    figures["large_photos_per_second_here"] = here(large, seconds)
    figures["small_photos_per_second_here"] = here(small, seconds)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), options.workers, options.seconds))
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
