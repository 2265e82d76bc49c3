"""The list of commands. A command is imported when it is called; ``--help`` lists them without importing any."""

import gc
from importlib import import_module
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """A command as ``--help`` lists it.

    target: the module in ``tonearm.cli`` and the name of the command in it.
    """

    name: str
    target: str
    help: str


SECTIONS = {
    "Analyse": (
        Entry("analyze", "analyze:analyze", "Scan folders and analyse what is new or changed."),
        Entry("worker", "worker:worker", "Take jobs of a library that several hosts share."),
    ),
    "Look": (
        Entry(
            "status",
            "status:status",
            "Show what the library holds, what is running, and whether the servers answer.",
        ),
        Entry("serve", "serve:serve", "Keep the library up to date, and serve pages and an API."),
        Entry("top", "top:top", "Show live what the workers do; keys pause, resume, prioritise and retry."),
        Entry("slow", "slow:slow", "Show where the time went: by stage, file, codec or worker."),
        Entry("profile", "profile:profile", "Sample where the time of a running worker goes."),
        Entry("tracks", "tracks:tracks", "List tracks: filter, sort, limit."),
        Entry("show", "tracks:show", "Show everything that is stored about one track."),
        Entry("duplicates", "duplicates:list_duplicates", "List the same sound under several paths."),
        Entry(
            "descriptors", "descriptors:descriptors", "Show how each result is distributed over the library."
        ),
        Entry("mix", "mixes:mix", "List what mixes well with a track."),
        Entry("path", "mixes:path", "Find a sequence of tracks in which each mixes with the next."),
        Entry("connection", "mixes:connection", "Show what connects two artists."),
    ),
    "Queue": (
        Entry("jobs", "jobs:jobs", "List jobs: running and waiting ones, in order."),
        Entry(
            "failures", "failures:failures", "Show what failed, grouped by reason; list files; name suspects."
        ),
        Entry("trace", "trace:trace", "Show what happened to a file, from the scan to the stored results."),
        Entry("retry", "retry:retry", "Queue failed files again."),
        Entry("prioritize", "jobs:prioritize", "Change the priority of waiting jobs."),
        Entry("runs", "runs:runs", "List runs; pause, resume or cancel one."),
        Entry("forget", "forget:forget_files", "Remove missing files from the library."),
    ),
    "Decide": (
        Entry("tempo", "tempo:tempo", "List tempi that are in doubt; set and lock the tempo of a track."),
        Entry("key", "key:key", "Set and lock the key of a track."),
    ),
    "Names and tags": (
        Entry("rename", "rename:rename", "Propose names for files, decide on them, rename, and undo."),
        Entry("tags", "tags:tags", "Propose to write results into tags, decide, write, and undo."),
    ),
    "Other programs": (
        Entry(
            "export", "export:export", "Export tracks: CSV, JSON, Parquet, M3U8, Rekordbox, Traktor, Mixxx."
        ),
    ),
    "Servers and settings": (
        Entry("doctor", "doctor:doctor", "Examine the installation: what is wrong, and what to do about it."),
        Entry("workers", "workers:workers", "List workers; drain one."),
        Entry("graph", "graph:graph", "Rebuild the graph in Neo4j, or compare it with the database."),
        Entry("token", "token:token", "Make, list and revoke tokens of the HTTP service."),
        Entry("audit", "audit:audit", "Show who had what done."),
        Entry("migrate", "migrate:migrate", "Bring the tables of the library to the newest revision."),
        Entry("move", "move:move_library", "Copy a library into another database."),
        Entry("tune", "tune:tune", "Measure this machine on real music, and propose settings."),
        Entry("config", "config:config", "Show every setting, its value and where it comes from."),
    ),
}
"""The commands by section of ``tonearm --help``, in the order of the list."""


class Deferred(click.Command):
    """A command that is imported when it is called."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, short_help=entry.help)
        self._target = entry.target

    def loaded(self) -> click.Command:
        """Import the command itself."""
        module, _, name = self._target.partition(":")
        command: click.Command = getattr(import_module(f"tonearm.cli.{module}"), name)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Import the command and let it parse its arguments."""
        command = self.loaded()
        if not gc.isenabled():  # it was off while modules were loaded
            gc.freeze()
            gc.enable()
        return command.make_context(info_name, args, parent, **extra)


class Commands(click.Group):
    """The commands of the table, shown by section."""

    def __init__(self, **settings: Any) -> None:
        entries = [entry for section in SECTIONS.values() for entry in section]
        super().__init__(commands={entry.name: Deferred(entry) for entry in entries}, **settings)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's signature
        """Write the sections, with their help in one column."""
        width = max(map(len, self.commands))
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name.ljust(width), entry.help) for entry in entries])
