"""Whether the file of a SQLite library can be read, asked without a change and without the rest of the library."""

import os
import sqlite3
import urllib.parse

LOCKED = "is locked by another program"
_PROBLEMS = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_NOTADB: "is not a SQLite database",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_CANTOPEN: "can't be opened",
    sqlite3.SQLITE_IOERR: "can't be read: its disk fails",
}


def problem_of(path: bytes, busy_s: float) -> str | None:
    """Read a row of a library; returns what is wrong, which follows the path in a sentence, or ``None``.

    busy_s: how long another program's lock is waited for.
    """
    unused = not os.path.exists(path + b"-wal")  # then nothing has to be made beside it
    address = f"file:{urllib.parse.quote(path)}?mode=ro" + ("&immutable=1" if unused else "")
    try:
        connection = sqlite3.connect(address, uri=True, timeout=busy_s)
        try:
            connection.execute("SELECT version_num FROM alembic_version").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return _PROBLEMS.get(code, "is not a library of this version")
    return None
