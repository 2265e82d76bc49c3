"""The page of workers, over a library that several share."""

import os
import secrets
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.browser.checks import Checks
from tests.browser.chromium import Browser
from tests.browser.look import one
from tests.browser.place import served, until
from tests.material import good
from tests.program import Program


def walk_workers(browser: Browser, folder: Path, pictures: Path, checks: Checks) -> bool:
    """Compare the numbers of a worker, and drain it; ``False`` where no PostgreSQL is named."""
    named = os.environ.get("TONEARM_DATABASE_URL")
    if named is None:
        print("without TONEARM_DATABASE_URL: the page of workers is left out", flush=True)
        return False
    url = make_url(named)
    database = f"walk_{secrets.token_hex(4)}"
    plain = url.set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
        try:
            own = url.set(database=database).render_as_string(hide_password=False)
            same = plain.set(database=database).render_as_string(hide_password=False)
            with (
                Program(folder / "shared", TONEARM_DATABASE_URL=own) as program,
                psycopg.connect(same, autocommit=True) as library,
            ):
                program.run("migrate")
                _walk(browser, program, library, folder, pictures, checks)
        finally:
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())
    return True


def _walk(
    browser: Browser,
    program: Program,
    library: "psycopg.Connection[tuple[object, ...]]",
    folder: Path,
    pictures: Path,
    checks: Checks,
) -> None:
    music = folder / "shared-music"
    music.mkdir()
    for number in range(4):
        (music / f"{number}.flac").write_bytes(good("flac", seed=200 + number))
    (music / "no music.mp3").write_bytes(b"no music")
    worker = program.start("worker")
    with served(program) as service:
        program.run("analyze", music)

        def stored() -> list[tuple[str, ...]]:
            rows = library.execute(
                "SELECT name, slots, done, failed FROM workers WHERE ended_at IS NULL ORDER BY name"
            ).fetchall()
            return [tuple(map(str, row)) for row in rows]

        def shown() -> list[tuple[str, ...]]:
            browser.page.goto(f"{service}/workers")
            cells = [row.locator("td").all_inner_texts() for row in browser.page.locator("tbody tr").all()]
            return [(each[0], *each[2:5]) for each in cells]

        checks.agree("Workers: slots, done, failed", shown, stored)
        one(browser, f"{service}/workers", checks, pictures / "workers-shared.png")
        browser.page.get_by_role("button", name="Drain").first.click()
        until(lambda: worker.poll() is not None, 60)
        checks.equal("buttons", "Drain ends the worker in order", worker.returncode, 0)
