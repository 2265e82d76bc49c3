"""Settings that contradict each other, and what else is wrong with how they are given."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.settings import Settings, located_config, unknown_variables

PRESSURE = Path("/proc/pressure/cpu")
PASSWORDS = ("database_url", "rabbitmq_url", "rabbitmq_management_url", "redis_url", "neo4j_url")


def source() -> Iterator[Diagnosis]:
    """Where settings are read from, and variables that look like settings and are none."""
    path = located_config()
    there = "" if path.exists() else ", which does not exist"
    yield Diagnosis("settings.file", "settings file", f"{path}{there}")
    for message in unknown_variables():
        yield Diagnosis(
            "settings.unknown-variable",
            "environment",
            message,
            "correct its name, or remove it; `tonearm config` lists every setting",
        )


def files(path: Path, settings: Settings) -> Iterator[Diagnosis]:
    """Whether others may read passwords in the settings file, and whether the log file can be written."""
    with contextlib.suppress(OSError):
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode) and mode & stat.S_IROTH and _has_password(path):
            yield Diagnosis(
                "settings.password-readable",
                str(path),
                "it holds a password, and every user of this host may read it",
                f"chmod 640 {path}, with the group of the user who runs tonearm",
            )
    log = settings.log_file
    if log is None or str(log) == "-":
        return
    if log.is_dir() or not _may_write(log):
        what = "it is a folder" if log.is_dir() else "this user may not write it, or make it"
        yield Diagnosis(
            "settings.log-file",
            str(log),
            f"{what}: log lines are lost",
            "set TONEARM_LOG_FILE to a file that can be written, or - for standard error",
        )


def _may_write(path: Path) -> bool:
    """Whether a file can be written, or made with the folders above it."""
    if path.exists():
        return os.access(path, os.W_OK)
    above = next(folder for folder in path.absolute().parents if folder.exists())
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)


def _has_password(path: Path) -> bool:
    import tomllib

    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    addresses = [str(values.get(name, "")) for name in PASSWORDS]
    return any(":" in address.partition("://")[2].rpartition("@")[0] for address in addresses)


def contradictions(settings: Settings, pressure: Path = PRESSURE) -> Iterator[Diagnosis]:
    """Settings that work, but not together or not here as somebody may expect. ``pressure``: the kernel's file."""
    if settings.rabbitmq_management_url and not settings.rabbitmq_url:
        yield Diagnosis(
            "settings.management-alone",
            "rabbitmq_management_url",
            "it is set without rabbitmq_url, and so it is not used",
            "set TONEARM_RABBITMQ_URL too, or remove TONEARM_RABBITMQ_MANAGEMENT_URL",
        )
    if settings.database_url is not None and settings.lease_s <= settings.call_timeout_s:
        yield Diagnosis(
            "settings.lease-short",
            "lease_s",
            f"leases expire after {settings.lease_s:g} s, and one call of the database may take "
            f"{settings.call_timeout_s:g} s (call_timeout_s): other workers may take jobs that are being analysed",
            "set TONEARM_LEASE_S to at least twice TONEARM_CALL_TIMEOUT_S",
        )
    if settings.retry_cap_s < settings.retry_base_s:
        yield Diagnosis(
            "settings.retry-order",
            "retry_cap_s",
            f"the longest pause before any attempt ({settings.retry_cap_s:g} s) is shorter than the one before the "
            f"second attempt ({settings.retry_base_s:g} s, retry_base_s)",
            "set TONEARM_RETRY_CAP_S above TONEARM_RETRY_BASE_S",
        )
    if settings.breaker_slow_call_s >= settings.call_timeout_s:
        yield Diagnosis(
            "settings.slow-call",
            "breaker_slow_call_s",
            f"a call counts as slow after {settings.breaker_slow_call_s:g} s, and is ended after "
            f"{settings.call_timeout_s:g} s (call_timeout_s): no call is ever counted as slow",
            "set TONEARM_BREAKER_SLOW_CALL_S below TONEARM_CALL_TIMEOUT_S",
        )
    if settings.breaker_window_s < settings.breaker_open_s:
        yield Diagnosis(
            "settings.breaker-window",
            "breaker_window_s",
            f"calls are counted for {settings.breaker_window_s:g} s, less than a circuit breaker stays open "
            f"({settings.breaker_open_s:g} s, breaker_open_s)",
            "set TONEARM_BREAKER_WINDOW_S above TONEARM_BREAKER_OPEN_S",
        )
    if settings.rest_above_pressure is not None and not pressure.exists():
        yield Diagnosis(
            "settings.no-pressure",
            "rest_above_pressure",
            "this kernel does not tell how long programs wait, so that the setting has no effect",
            "boot it with psi=1, or remove TONEARM_REST_ABOVE_PRESSURE; a cpu_share below 1 always leaves room",
        )
    if not settings.extensions:
        yield Diagnosis(
            "settings.no-extensions",
            "extensions",
            "no file name ending counts as music, so that no file is found",
            "remove TONEARM_EXTENSIONS, or name endings such as flac,mp3",
        )
