"""PgBouncer before PostgreSQL is refused by name, whatever its mode and its version make of the session's settings."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.engine import make_url

from tests.doctored import doctor
from tests.program import until
from tests.servers import SCRIPT, missing
from tonearm.errors import BehindPooler
from tonearm.library.database import open_postgres


@contextmanager
def pgbouncer(folder: Path, database: str, mode: str, ignored: str) -> Iterator[str]:
    """A PgBouncer of one's own before a database; the address of the database behind it."""
    installed = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    program = [installed] if installed else [SCRIPT, "tool", "pgbouncer"]
    if subprocess.run([*program, "--version"], capture_output=True).returncode:
        missing("pgbouncer")
    url = make_url(database)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "users.txt").write_text(f'"{url.username}" "{url.password or ""}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={url.host} port={url.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users.txt\n"
        f"pool_mode = {mode}\nignore_startup_parameters = {ignored}\n"
    )
    folder.chmod(0o755)
    user = ("-u", "nobody") if os.geteuid() == 0 else ()  # it refuses to run as root
    with subprocess.Popen(
        [*program, "-q", *user, folder / "pgbouncer.ini"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: answers(port))
            yield url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        finally:
            process.terminate()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.mark.usefixtures("durable_postgres")
@pytest.mark.parametrize(
    ("mode", "ignored"), [("transaction", ""), ("transaction", "options"), ("session", "options")]
)
def test_a_pooler_is_refused_by_name(mode: str, ignored: str, postgres_url: str, tmp_path: Path) -> None:
    with TemporaryDirectory() as folder, pgbouncer(Path(folder), postgres_url, mode, ignored) as behind:
        with pytest.raises(BehindPooler, match=r"PgBouncer.*name PostgreSQL itself in database_url"):
            open_postgres(behind, 5, 30)
        if mode == "transaction":
            ended = doctor(tmp_path / "none", TONEARM_DATABASE_URL=behind)
            assert (ended.ids, ended.status) == ({"postgresql.pgbouncer"}, 2)
            assert "name PostgreSQL itself" in ended.of("postgresql.pgbouncer")["remedy"]
