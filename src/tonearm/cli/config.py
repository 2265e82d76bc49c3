"""``tonearm config``: shows every setting, its value and where it comes from, without passwords."""

from typing import Any

import click

from tonearm.bootstrap.consistency import check_consistent
from tonearm.bootstrap.servers import check_addresses
from tonearm.cli.options import chosen_settings, data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, note, say
from tonearm.errors import ConfigurationError
from tonearm.names import printable
from tonearm.settings import (
    Settings,
    load,
    located_config,
    unknown_variables,
)
from tonearm.settings.listing import shown_settings

COLUMNS = (Column("setting"), Column("value"), Column("from"), Column("what it does"))


@click.command()
@data_option
@click.option(
    "--check", is_flag=True, help="Print nothing; an unknown variable or an unusable address is an error."
)
@json_option
def config(data: str | None, check: bool, as_json: bool) -> None:
    """Show every setting, its value and where it comes from."""
    if check:
        _check(load({"data_dir": data}).settings)
        return
    rows = shown_settings(chosen_settings({"data_dir": data}))
    if as_json:
        for row in rows:
            print_json(row)
        return
    if is_terminal():
        for row in rows:
            say(f"{row['setting']} = {printable(_short(row['value']))}  ({row['from']})")
            say(row["description"], "dim", indent=4)
    else:
        with Listing(COLUMNS) as listing:
            for row in rows:
                listing.add(row["setting"], printable(_short(row["value"])), row["from"], row["description"])
    note(f"Settings file: {located_config()}. Environment variables: TONEARM_ and the name in capitals.")


def _check(settings: Settings) -> None:
    """Check what other commands check late or never. Raises ConfigurationError."""
    unknown = unknown_variables()
    if unknown:
        raise ConfigurationError("; ".join(unknown))
    check_consistent(settings)
    check_addresses(settings)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={_short(inner)}" for name, inner in value.items() if inner not in (None, []))
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
