"""The command line: one file a group of commands, each thin."""

import sys

from tonearm.errors import TonearmError


def main() -> None:
    """Run the command line; every error of ours becomes one clear line and status 2."""
    from tonearm.cli.app import app

    try:
        app()
    except TonearmError as error:
        sys.stderr.write(f"tonearm: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has had enough
        sys.exit(0)
