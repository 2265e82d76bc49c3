"""``tonearm token``: makes, lists and revokes the tokens of the HTTP service."""

import click

from tonearm.cli.audit_note import noted
from tonearm.cli.opened import library, retried
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import note, write_line
from tonearm.library.access_tokens import AccessTokens
from tonearm.names import printable
from tonearm.views.formatting import moment

COLUMNS = (
    Column("name", least=12),
    Column("may"),
    Column("made", rank=1),
    Column("last used", rank=2),
)
LONGEST_NAME = 100


class TokenName(click.ParamType[str]):
    """The name of a token: printable, not empty, and of bounded length."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, as it was given."""
        text = str(value)
        if not 0 < len(text) <= LONGEST_NAME or printable(text) != text or text != text.strip():
            self.fail(f"a name has 1 to {LONGEST_NAME} printable characters", param, ctx)
        return text


name_argument = click.argument("name", metavar="NAME", type=TokenName())


@click.group()
def token() -> None:
    """Make, list and revoke the tokens with which others use the HTTP service.

    Without a token the service answers this host alone.
    """


@token.command("make", short_help="Make a token; it is shown once.")
@name_argument
@click.option(
    "--act", "may_act", is_flag=True, help="It may change something, too; otherwise it may only read."
)
@data_option
@json_option
def make(name: str, may_act: bool, data: str | None, as_json: bool) -> None:
    """Make a token for a person or a program, and show it once: only its SHA-256 digest is stored."""
    with library(data) as opened:
        secret = AccessTokens(opened.database).make(name, may_act)
        noted(opened, "make a token", {"name": name, "may_act": may_act})
    if as_json:
        print_json({"name": name, "may_act": may_act, "token": secret})
        return
    write_line(secret)
    note(
        "This is shown once. Send it as `Authorization: Bearer TOKEN`, or give it on the page that asks for it."
    )


@token.command("list")
@data_option
@json_option
def list_tokens(data: str | None, as_json: bool) -> None:
    """List the tokens, without their secrets."""
    with library(data) as opened:
        found = AccessTokens(opened.database).each()
    if as_json:
        for one in found:
            print_json(
                {"name": one.name, "may_act": one.may_act, "made_at": one.made_at, "used_at": one.used_at}
            )
        return
    with Listing(COLUMNS, "No tokens: `tonearm token make NAME` makes one.") as listing:
        for one in found:
            used = "never" if one.used_at is None else moment(one.used_at)
            listing.add(one.name, "read and act" if one.may_act else "read", moment(one.made_at), used)


@token.command("revoke", short_help="Have the service refuse a token from now on.")
@name_argument
@data_option
@json_option
def revoke(name: str, data: str | None, as_json: bool) -> None:
    """Remove a token: the service refuses it from now on."""
    with library(data) as opened:
        retried(lambda: AccessTokens(opened.database).revoke(name))
        noted(opened, "revoke a token", {"name": name})
    if as_json:
        print_json({"name": name, "revoked": True})
        return
    note(f"The token {name} is revoked.")
