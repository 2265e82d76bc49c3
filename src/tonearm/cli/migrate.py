"""``tonearm migrate``: brings the tables of the library to the revision that this version needs."""

import click

from tonearm.bootstrap.migrate_and_move import open_migrated
from tonearm.cli.options import chosen_settings, data_option, json_option, print_json
from tonearm.cli.terminal import say
from tonearm.library.database import REVISION


@click.command()
@data_option
@json_option
def migrate(data: str | None, as_json: bool) -> None:
    """Bring the tables of the library to the newest revision.

    A library in a folder is migrated by any command that opens it. One on a server is used by several hosts and is
    only migrated by this command: stop the workers of the older version first.
    """
    with open_migrated(chosen_settings({"data_dir": data}).settings) as database:
        address, found = database.address, database.found
    if as_json:
        print_json({"database": address, "from": found, "to": REVISION, "changed": found != REVISION})
    elif found == REVISION:
        say(f"{address}: its tables have the newest revision ({REVISION}); nothing to do.")
    elif found is None:
        say(f"{address}: was empty; its tables were created (revision {REVISION}).")
    else:
        say(f"{address}: its tables were migrated from revision {found} to {REVISION}.")
