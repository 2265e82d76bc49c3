"""Compares the numbers of every page with those that SQL reads from the database."""

import json
import re
from collections import Counter
from collections.abc import Mapping

from tests.browser.checks import Checks
from tests.browser.chromium import Browser
from tests.browser.place import Place
from tonearm.settings import Level

PRESENT = "missing_since IS NULL AND left_out_since IS NULL AND moved_to_id IS NULL"
RUN = "SELECT discovered, counts, failed FROM runs WHERE id = ?"
OPEN = ("queued", "running", "retrying")


def whole_numbers(text: str) -> list[int]:
    """The whole numbers in a text."""
    return [int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*", text)]


def jobs_by_state(place: Place, run: int) -> Mapping[str, int]:
    """The jobs of a run."""
    return dict(place.program.query("SELECT state, count(*) FROM jobs WHERE run_id = ? GROUP BY state", run))


def figures_of_run(place: Place, run: int) -> dict[str, int]:
    """Found, done, partial, failed and waiting files of a run."""
    [(discovered, counts, failed)] = place.program.query(RUN, run)
    if counts:
        kept = json.loads(counts)
        return {
            name: kept[key]
            for name, key in (
                ("found", "discovered"),
                ("done", "done"),
                ("partial", "partial"),
                ("failed", "failed"),
                ("waiting", "pending"),
            )
        }
    jobs = jobs_by_state(place, run)
    return {
        "found": discovered,
        "done": jobs.get("done", 0),
        "partial": jobs.get("partial", 0),
        "failed": failed + jobs.get("quarantined", 0),
        "waiting": sum(jobs.get(state, 0) for state in OPEN),
    }


def now(browser: Browser, place: Place, checks: Checks, run: int) -> None:
    """The first page, while a run is open: the run's line, and the queue by level."""
    browser.page.goto(place.url)

    def shown() -> tuple[int, int, int]:
        line = browser.text(f'.run:has(a[href="/runs/{run}"]) p')
        found = re.search(r"([\d,]+) of ([\d,]+) files? ended(?:, ([\d,]+) failed)?", line)
        assert found is not None, line
        ended, all_, failed = (int((each or "0").replace(",", "")) for each in found.groups())
        return all_, ended, failed

    def stored() -> tuple[int, int, int]:
        figures = figures_of_run(place, run)
        return figures["found"], figures["found"] - figures["waiting"], figures["failed"]

    def queue() -> list[dict[str, str]]:
        table = browser.page.locator('section:has(> h2:text-is("Queue"))')
        heads = [str(each) for each in table.locator("th").all_inner_texts()]
        rows = [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]
        kept = ("priority", "waiting", "paused", "running")
        return [
            {head: str(cell) for head, cell in zip(heads, row, strict=True) if head in kept} for row in rows
        ]

    def stored_queue() -> list[dict[str, str]]:
        counts = Counter[tuple[int, str]]()
        for level, state, paused, jobs in place.program.query(
            "SELECT level, jobs.state, runs.state = 'paused', count(*) FROM jobs JOIN runs ON runs.id = run_id"
            " WHERE jobs.finished_at IS NULL GROUP BY 1, 2, 3"
        ):
            counts[level, "running" if state == "running" else "paused" if paused else "waiting"] += jobs
        kinds = (
            ("waiting", "paused", "running")
            if any(kind == "paused" for _, kind in counts)
            else (
                "waiting",
                "running",
            )
        )
        return [
            {"priority": level.label, **{kind: f"{counts[int(level), kind]:,}" for kind in kinds}}
            for level in Level
        ]

    checks.agree("Now: files of the run", shown, stored)
    checks.agree("Now: queue by level", queue, stored_queue)
    checks.agree(
        "Now: paths that could not be read",
        lambda: whole_numbers(browser.text(f'a[href="/runs/{run}#unread"]')),
        lambda: [place.value("SELECT json_extract(unread, '$.count') FROM runs WHERE id = ?", run)],
    )


def runs(browser: Browser, place: Place, checks: Checks) -> None:
    """The list of runs, and the page of each: files by outcome, jobs, what could not be read."""
    browser.page.goto(f"{place.url}/runs")
    ids = [each for (each,) in place.program.query("SELECT id FROM runs ORDER BY id DESC")]
    checks.equal(
        "numbers", "Runs: list", [int(each) for each in browser.texts("tbody tr td:first-child")], ids
    )
    for run in ids:
        browser.page.goto(f"{place.url}/runs/{run}")
        names, values = browser.texts(".figures dt"), browser.texts(".figures dd")
        figures = dict(zip(names, (int(each.replace(",", "")) for each in values), strict=True))
        figures.pop("unchanged")
        checks.equal("numbers", f"Run {run}: files", figures, figures_of_run(place, run))
        rows = len(browser.texts('section:has(> h2:text-is("Jobs")) tbody tr:has(a)'))
        checks.equal("numbers", f"Run {run}: jobs", rows, sum(jobs_by_state(place, run).values()))
        unread = place.value("SELECT unread FROM runs WHERE id = ?", run)
        count = len(browser.texts("section:has(> #unread) tbody tr"))
        checks.equal("numbers", f"Run {run}: not read", count, json.loads(unread).get("count", 0))


def job(browser: Browser, place: Place, checks: Checks) -> None:
    """The times of an attempt, by its table."""
    [(number, wait_s, run_s, store_s, timings)] = place.program.query(
        "SELECT job_id, queue_wait_s, run_s, store_s, timings FROM attempts WHERE outcome = 'done'"
        " ORDER BY run_s DESC LIMIT 1"
    )
    browser.page.goto(f"{place.url}/jobs/{number}")
    browser.page.locator("details summary").first.click()
    rows = dict(
        zip(browser.texts("details tbody td:first-child"), browser.texts("details td.number"), strict=True)
    )
    stored = {
        "in the queue": wait_s,
        "in a child": run_s,
        "until it was stored": store_s,
        **json.loads(timings),
    }
    shown = {name: rows.get(name) for name in stored}
    wanted = {name: f"{seconds:.3f}" for name, seconds in stored.items()}
    checks.equal("numbers", f"Job {number}: times", shown, wanted)


def library(browser: Browser, place: Place, checks: Checks) -> None:
    """The count of several filters, the values of each row, and the versions."""
    filters = {
        "": "1",
        "state=quarantined": "state = 'quarantined'",
        "codec=flac": "audio.codec LIKE '%flac%'",
        "bpm_from=120&bpm_to=140": "json_extract(tempo.scalars, '$.bpm') BETWEEN 120 AND 140",
        "key=8A": "json_extract(key.scalars, '$.camelot') = '8A'",
        "key=8A&neighbours=yes": "json_extract(key.scalars, '$.camelot') IN ('7A', '8A', '9A', '8B')",
    }
    joined = (
        "FROM files LEFT JOIN audio ON audio.id = files.audio_id"
        " LEFT JOIN analyses AS tempo ON tempo.audio_id = audio.id AND tempo.analyser = 'tempo'"
        " LEFT JOIN analyses AS key ON key.audio_id = audio.id AND key.analyser = 'key'"
        f" WHERE {PRESENT} AND "
    )
    for query, condition in filters.items():
        browser.page.goto(f"{place.url}/library?{query}")
        browser.page.locator("span[hx-get]").filter(has_text=re.compile(r"\d tracks?")).wait_for()
        files = place.value(f"SELECT count(*) {joined} {condition}")
        checks.equal(
            "numbers", f"Library {query}: count", whole_numbers(browser.text("span[hx-get]")), [files]
        )
        rows = len(browser.texts("tbody tr:has(a[href^='/tracks/'])"))
        checks.equal("numbers", f"Library {query}: rows", rows, files)
    browser.page.goto(f"{place.url}/library")
    links = [str(each.get_attribute("href")) for each in browser.page.locator("tbody td:first-child a").all()]
    shown = [
        (int(href.rpartition("/")[2]), bpm, key)
        for href, bpm, key in zip(
            links, browser.texts("tbody td:nth-child(3)"), browser.texts("tbody td:nth-child(4)"), strict=True
        )
    ]
    for file, bpm, key in shown:
        [(stored_bpm, stored_key)] = place.program.query(
            "SELECT json_extract(tempo.scalars, '$.bpm'), json_extract(key.scalars, '$.key')"
            f" {joined} files.id = ?",
            file,
        )
        texts = "–" if stored_bpm is None else f"{stored_bpm:.1f}", stored_key or "–"
        checks.equal("numbers", f"Library: tempo and key of track {file}", (bpm, key), texts)


def coverage(browser: Browser, place: Place, checks: Checks) -> None:
    """What is measured: files by version, which the database has as one text for each file."""
    counts = Counter[tuple[str, str]]()
    for engine, files in place.program.query(
        f"SELECT engine, count(*) FROM files WHERE state IN ('done', 'partial') AND {PRESENT} GROUP BY engine"
    ):
        for each in engine.split():
            analyser, _, version = each.rpartition(":")
            counts[analyser, version] += files
    browser.page.goto(f"{place.url}/library/coverage")
    shown = {
        (analyser, version): int(files.replace(",", ""))
        for analyser, version, files in zip(
            browser.texts("tbody th"),
            browser.texts("tbody td:nth-child(2)"),
            browser.texts("tbody td:nth-child(3)"),
            strict=True,
        )
    }
    checks.equal("numbers", "What is measured: files by version", shown, dict(counts))


def plots(browser: Browser, place: Place, checks: Checks) -> None:
    """Each plot has all tracks: those in its cells, and those without one of the values."""
    files = place.value(f"SELECT count(*) FROM files WHERE {PRESENT}")
    browser.page.goto(f"{place.url}/plots")
    for number, plot in enumerate(browser.page.locator("section.plotted").all()):
        cells = [int(each) for each in plot.locator("td a").all_inner_texts()]
        without = [
            whole_numbers(text)[0]
            for text in plot.locator("p.quiet").all_inner_texts()
            if "without one" in text
        ]
        checks.equal("numbers", f"Plots: tracks of plot {number + 1}", sum(cells) + sum(without), files)


def failures(browser: Browser, place: Place, checks: Checks) -> None:
    """Failed files and their groups."""
    last = "SELECT max(id) FROM jobs GROUP BY file_id"
    failed = f"FROM jobs WHERE id IN ({last}) AND state IN ('quarantined', 'partial')"
    browser.page.goto(f"{place.url}/failures")
    codes = dict(place.program.query(f"SELECT code, count(*) {failed} GROUP BY code"))
    heads = browser.texts("section h2")
    shown = {head.split(": ")[1]: whole_numbers(head)[0] for head in heads}
    checks.equal("numbers", "Failures: files by code", shown, codes)
    numbers = whole_numbers(browser.text("main > p.quiet"))
    checks.equal("numbers", "Failures: files and groups", numbers, [sum(codes.values()), len(codes)])


def proposals(browser: Browser, place: Place, checks: Checks, path: str, kind: str) -> None:
    """Proposals by status, of the batch that the page shows."""
    browser.page.goto(f"{place.url}{path}")
    batch = int(browser.page.locator("input[name=batch]").first.input_value())
    stored = dict(
        place.program.query(
            "SELECT status, count(*) FROM proposals WHERE batch_id = ? AND kind = ? GROUP BY status",
            batch,
            kind,
        )
    )
    shown = {
        name: int(number.replace(",", ""))
        for number, name in re.findall(r"([\d,]+) (\w+)", browser.text("main > p.quiet"))
    }
    checks.equal("numbers", f"{path}: by status", shown, stored)
    rows = len(browser.texts("tbody[id]"))
    checks.equal("numbers", f"{path}: rows", rows, sum(stored.values()))
