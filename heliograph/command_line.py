"""What all commands have in common: how their values are checked, and how they end.

A command of an `App` is a `Checked`: values that no command can do anything with are refused before
it begins. `Program` is the root of all commands: whatever happens in one becomes one line on
standard error and an exit code there, and nowhere else. Commands only raise.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from api import limits
from heliograph.failing import UNABLE, Told, fail, is_unicode

WHOLE_MAX, REAL_MAX = limits.JSON_INT_MAX, 1e9
"""Whole numbers above are exact nowhere; as many seconds as the other are 31 years. Larger ones
mean nothing for any option, and clocks and selectors fail at them."""
TRACEBACKS = "HELIOGRAPH_TRACEBACKS"
INTERRUPTED, UNHEARD = 130, 141
"""Exit codes of what ends by Ctrl-C, and of what prints to where nobody reads: as the shell tells
them of a process that ended by the signal."""


class Checked(TyperCommand):
    """A command whose values have been looked at."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        left = super().parse_args(ctx, args)
        for param in self.params:
            value = ctx.params.get(param.name)
            for one in value if isinstance(value, (list, tuple)) else (value,):
                if problem := unusable(one):
                    raise typer.BadParameter(problem, ctx=ctx, param=cast(Any, param))
        return left


def unusable(value: object) -> str:
    """Why no command can use this value; empty if one may."""
    if isinstance(value, (str, Path)):
        if "\0" in str(value):
            return "there is a NUL character in it"
        if isinstance(value, str) and not is_unicode(value):
            return "it is not UTF-8"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no number for this"
    if isinstance(value, (int, float)):
        most = REAL_MAX if isinstance(value, float) else WHOLE_MAX
        return "it is too large" if abs(value) > most else ""
    return ""


class App(typer.Typer):
    """Commands that are `Checked`."""

    def command(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        return super().command(*args, **{"cls": Checked, **kwargs})


class Program(TyperGroup):
    """The root of all commands. `codes`: the exit codes of the errors that a user is told by their
    messages; the first that fits counts."""

    codes: ClassVar[Sequence[tuple[type[BaseException], int]]] = ((Told, UNABLE), (OSError, UNABLE))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,
        **extra: Any,
    ) -> Any:
        """Run a command, and end with its exit code."""
        _take_any_text()
        arguments = list(sys.argv[1:] if args is None else args)
        code = self._ended(lambda: self._run(arguments, prog_name or "heliograph"))
        sys.exit(_printed(code))

    def _run(self, args: list[str], name: str) -> int:
        with self.make_context(name, args) as ctx:
            self.invoke(ctx)
        return 0

    def _ended(self, run: Callable[[], int]) -> int:
        """The exit code of what was run."""
        try:
            return run()
        except typer.Exit as end:
            return end.exit_code
        except TyperException as error:
            return _misused(error)
        except KeyboardInterrupt:
            return fail("interrupted", INTERRUPTED).exit_code
        except (typer.Abort, EOFError):
            return fail("nothing was typed").exit_code
        except BrokenPipeError:
            return UNHEARD
        except SystemExit as end:  # rich ends so where it finds that nobody reads
            if not isinstance(end.__context__, BrokenPipeError):
                raise
            return UNHEARD
        except Exception as error:
            return self._told(error)

    def _told(self, error: Exception) -> int:
        for kind, code in self.codes:
            if isinstance(error, kind):
                return fail(words(error), code).exit_code
        if os.environ.get(TRACEBACKS):
            traceback.print_exception(error)
        return fail(
            f"this is a fault of Heliograph, please report it; {TRACEBACKS}=1 shows where it is: "
            f"{type(error).__name__}: {error}"
        ).exit_code


def words(error: Exception) -> str:
    """An error as a user is told it."""
    if isinstance(error, UnicodeError):
        return "what was typed or read is not UTF-8"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(getattr(error, "detail", error))


def _misused(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.message, file=sys.stderr)
        return UNABLE
    hint = f"; see: {context.command_path} --help" if context is not None else ""
    said = error.format_message().rstrip(".").replace("Value error, ", "")
    return fail(said[:1].lower() + said[1:] + hint).exit_code


# --- standard input and output ----------------------------------------------------------------


def _take_any_text() -> None:
    """Standard input and output that were closed are /dev/null: else the next file that is opened,
    maybe a store, would be written into by who means them. What the terminal has no characters for
    is shown by its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _printed(code: int) -> int:
    """See to it that all of the output has been written; the exit code."""
    try:
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        code = UNHEARD
    except OSError as error:
        code = fail(f"standard output: {error.strerror}").exit_code
    with contextlib.suppress(OSError):  # what is left of it must not be tried again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
