"""The commands, gathered."""

import typer

from tonearm import __version__
from tonearm.cli import analyze, config, graph, jobs, migrate, move, runs, status, tracks, worker, workers

app = typer.Typer(
    name="tonearm",
    help="Reads a whole music collection and shows how it is doing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tonearm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Reads a whole music collection and shows how it is doing."""


app.command("analyze")(analyze.analyze)
app.command("status")(status.status)
app.command("tracks")(tracks.tracks)
app.command("show")(tracks.show)
app.command("mix")(graph.mix)
app.command("path")(graph.path)
app.command("connection")(graph.connection)
app.add_typer(graph.app, name="graph")
app.command("jobs")(jobs.jobs)
app.command("failures")(jobs.failures)
app.command("retry")(jobs.retry)
app.command("prioritize")(jobs.prioritize)
app.add_typer(runs.app, name="runs")
app.command("worker")(worker.worker)
app.add_typer(workers.app, name="workers")
app.command("migrate")(migrate.migrate)
app.command("move")(move.move_library)
app.command("config")(config.config)
