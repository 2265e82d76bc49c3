"""The command line: one file a group of commands, each thin."""

import gc
import sys

from tonearm.errors import TonearmError


def main() -> None:
    """Run the command line; every error of ours becomes one clear line and status 2."""
    gc.disable()  # loading makes no garbage, and looking for it takes a fifth of the time to start
    from tonearm.cli.app import app
    from tonearm.cli.standard_output import UNREAD, ReaderGone, watched_output

    gc.freeze()
    gc.enable()
    try:
        with watched_output():
            app()
    except TonearmError as error:
        sys.stderr.write(f"tonearm: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except ReaderGone:
        sys.exit(UNREAD)
