"""``tonearm config``: every setting, its value, where it came from and what it does; passwords are not shown."""

from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tonearm.cli.options import data_option, json_option, print_json
from tonearm.settings import Level, Settings, load_settings, located_config, origin, without_password


@click.command()
@data_option
@json_option
def config(data: str | None, as_json: bool) -> None:
    """Show every setting, its value and where it comes from."""
    overrides: dict[str, object] = {"data_dir": data}
    settings = load_settings(overrides)
    values: dict[str, Any] = settings.model_dump(mode="json")
    for rule in values["rules"]:
        rule["level"] = Level(rule["level"]).label
    for name in values:
        if name.endswith("_url") and values[name] is not None:
            values[name] = without_password(values[name])
    table = Table("setting", "value", "from", "what it does")
    for name, field in Settings.model_fields.items():
        source = origin(name, settings, overrides)
        if as_json:
            print_json(
                {
                    "setting": name,
                    "value": values[name],
                    "from": source,
                    "environment": f"TONEARM_{name.upper()}",
                    "description": field.description,
                }
            )
        else:
            table.add_row(name, Text(_short(values[name])), source, field.description)
    if not as_json:
        console = Console()
        console.print(table)
        console.print(f"The file is {located_config()}; in the environment each is TONEARM_ and its name.")


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={_short(inner)}" for name, inner in value.items() if inner not in (None, []))
    return str(value)
