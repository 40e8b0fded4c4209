"""`python -m sim.load`."""

import typer

from sim.load import command

if __name__ == "__main__":
    typer.run(command)
