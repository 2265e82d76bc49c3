"""``tonearm doctor`` finds faults that are planted on this machine, in the settings and in the library."""

import dataclasses
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.contracts.broker import Broker
from tests.doctored import contents, doctor
from tests.hung_mount import hung_mount
from tests.servers import VARIABLES
from tests.unit.library_fixture import Library, found
from tonearm.jobs.worker_registry import Heartbeat, WorkerInstance, WorkerRegistry
from tonearm.library.database import open_postgres, open_sqlite
from tonearm.library.roots import Roots

LIMITS = {
    "limits.open-files-few": "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))",
    "limits.file-size": "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))",
    "limits.processes-few": "resource.setrlimit(resource.RLIMIT_NPROC, (300, 300))",
    "limits.memory-short": "resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))",
}
"""Faults of this machine, and what plants each in the process of the command."""

SETTINGS = {
    "settings.unknown-variable": {"TONEARM_WORKER": "2"},
    "settings.management-alone": {"TONEARM_RABBITMQ_MANAGEMENT_URL": "http://127.0.0.1:1"},
    "settings.contradiction": {"TONEARM_PATH_MAP": "music=here"},
    "settings.retry-order": {"TONEARM_RETRY_BASE_S": "90"},
    "settings.slow-call": {"TONEARM_BREAKER_SLOW_CALL_S": "31"},
    "settings.breaker-window": {"TONEARM_BREAKER_WINDOW_S": "4"},
    "settings.no-extensions": {"TONEARM_EXTENSIONS": "[]"},
    "settings.log-file": {"TONEARM_LOG_FILE": "/dev/null/tonearm.log"},
    "machine.workers-many": {"TONEARM_WORKERS": "500"},
    "machine.memory-short": {},  # by as many workers
}
"""Faults of the settings, and what plants each."""


def test_an_installation_in_order_has_facts_alone_and_is_left_as_it_was(tmp_path: Path) -> None:
    missing = doctor(tmp_path / "none", TONEARM_WORKERS="1")
    assert (missing.ids, missing.status) == (set(), 0)
    assert "decoders.child" in {each["id"] for each in missing.found}
    assert not (tmp_path / "none").exists()

    open_sqlite(tmp_path / "data").close()
    before = contents(tmp_path / "data")
    there = doctor(tmp_path / "data")
    assert (there.ids, there.status) == (set(), 0)
    assert there.of("library.tables")["severity"] == "fact"
    assert contents(tmp_path / "data") == before


def test_low_limits_and_wrong_settings_are_found(tmp_path: Path) -> None:
    settings = tmp_path / "tonearm.toml"
    settings.write_text('redis_url = "redis://:secret@127.0.0.1:1/0"')
    settings.chmod(0o644)
    environment = {name: value for planted in SETTINGS.values() for name, value in planted.items()}
    ended = doctor(
        tmp_path / "none",
        "import resource",
        *LIMITS.values(),
        TONEARM_CONFIG=str(settings),
        **environment,
    )
    assert ended.ids >= {*LIMITS, *SETTINGS, "settings.password-readable", "redis.unreachable"}
    assert ended.status == 2
    assert ended.of("settings.unknown-variable")["detail"].endswith("do you mean TONEARM_WORKERS?")
    assert "secret" not in str(ended.found)
