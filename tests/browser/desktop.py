"""A desktop of one's own for a screen reader: a screen that nobody sees, a window manager, Orca,
and Debian's Chromium, used by its keyboard alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.browser.chromium import PATH
from tests.browser.voice import Voice

PACKAGES = "at-spi2-core chromium dbus-x11 openbox orca xauth xdotool xvfb"
PROGRAMS = ("chromium", "dbus-run-session", "openbox", "orca", "xdotool", "xvfb-run")
SCREEN = "-screen 0 1280x900x24 -nolisten tcp"
INSIDE = "HELIOGRAPH_DESKTOP"
"""Set for what runs on the desktop."""
ORCA = """import orca.settings
orca.settings.enableKeyEcho = False
"""
"""Orca's own configuration, but for the keys: what was pressed is written down anyway."""
CHROMIUM = """{
  "credentials_enable_service": false,
  "translate": {"enabled": false}
}"""
"""Its preferences: no windows of its own over the page."""
FLAGS = (
    "--no-sandbox",
    "--test-type",  # says nothing of the flag before
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--lang=en-GB",
    "--force-renderer-accessibility",
)


def enter(*command: str) -> int:
    """Run something on a desktop with a session bus of its own; how it ended. Whoever lacks a
    program is told."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        sys.exit(f"no {', '.join(missing)}; on Debian: apt-get install {PACKAGES}")
    desktop = ["dbus-run-session", "--", "xvfb-run", "--auto-servernum", "-s", SCREEN]
    return subprocess.run(
        [*desktop, *command], env={**os.environ, INSIDE: "1"}, check=False
    ).returncode


def is_here() -> bool:
    return INSIDE in os.environ


@contextlib.contextmanager
def running(folder: Path, url: str) -> Iterator[Voice]:
    """Orca, and a browser that shows an address. All that they keep is in the folder."""
    home, run, profile = folder / "home", folder / "run", folder / "profile"
    for made in (home / "orca", profile / "Default"):
        made.mkdir(parents=True)
    run.mkdir(mode=0o700)
    (home / "orca" / "orca-customizations.py").write_text(ORCA)
    (profile / "Default" / "Preferences").write_text(CHROMIUM)
    voice = Voice(folder / "speech")
    env = {
        **os.environ,
        "ACCESSIBILITY_ENABLED": "1",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "SPEECHD_ADDRESS": voice.address,
        "XDG_CONFIG_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_RUNTIME_DIR": str(run),
    }
    with contextlib.ExitStack() as stack:
        stack.callback(voice.close)
        stack.enter_context(_process(folder, env, "openbox"))
        stack.enter_context(_process(folder, env, "orca", "--debug-file", str(folder / "orca.log")))
        voice.hears("Screen reader on.", 0)
        stack.enter_context(
            _process(folder, env, str(PATH), *FLAGS, f"--user-data-dir={profile}", url)
        )
        yield voice


@contextlib.contextmanager
def _process(folder: Path, env: dict[str, str], *command: str) -> Iterator[None]:
    with open(folder / f"{Path(command[0]).name}.out", "wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def press(*keys: str) -> None:
    subprocess.run(["xdotool", "key", "--clearmodifiers", *keys], check=True)


def type_text(text: str) -> None:
    subprocess.run(["xdotool", "type", "--clearmodifiers", "--delay", "30", text], check=True)
