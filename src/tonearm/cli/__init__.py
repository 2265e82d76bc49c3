"""The command line: one file for each group of commands; they parse, call and print."""

import gc
import sys

from tonearm.errors import TonearmError

REFUSED = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line; every error of ours becomes one clear line and status 2."""
    gc.disable()  # importing creates no garbage, and collecting takes a fifth of the time to start
    try:
        status = _run()
    finally:
        gc.freeze()  # the process ends now; collecting again would take as long
    sys.exit(status)


def _run() -> int:
    import click

    from tonearm.cli.app import app
    from tonearm.cli.standard_output import UNREAD, OutputFailed, ReaderGone, watched_output

    try:
        with watched_output():
            status = app.main(prog_name="tonearm", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except TonearmError as error:
        sys.stderr.write(f"tonearm: {error}\n")
        return REFUSED
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except OutputFailed as error:
        sys.stderr.write(f"tonearm: {error}\n")
        return REFUSED
    except ReaderGone:
        return UNREAD
