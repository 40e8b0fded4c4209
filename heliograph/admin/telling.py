"""What the commands of `heliograph admin` have in common: options, reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from actors.verify.report import Report

Data = Annotated[Path, typer.Option(help="The data folder of the server.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DATA = Path("heliograph-data")


def show_report(report: Report, as_json: bool) -> None:
    """Print what was found, and end: exit code 0 if nothing was."""
    if as_json:
        findings = [{"where": f.where, "what": f.what} for f in report.findings]
        shown = {"clean": report.clean, "findings_total": report.findings_total}
        print(json.dumps(shown | {"findings": findings, "counts": dict(report.counts)}))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for name, count in sorted(report.counts.items()):
            console.print(f"{count:>12,} {name}", markup=False)
        for finding in report.findings:
            console.print(str(finding), markup=False)
        if report.clean:
            console.print("Everything is as it must be.")
        else:
            console.print(f"{report.findings_total:,} findings.")
    raise typer.Exit(0 if report.clean else 1)
