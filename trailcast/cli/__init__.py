"""The command line: `python -m trailcast …`, each command a few lines over the engine's own functions.

`commands` declares them, `database` brings the database that they work on, `serving` and `running` are `serve` and `run`,
`demonstration` and `welcome` are what `run` shows. Every mistake that somebody can mend ends as one sentence and exit code 2.
"""

from trailcast.cli.commands import main

__all__ = ["main"]
