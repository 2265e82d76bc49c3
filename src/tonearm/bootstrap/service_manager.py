"""Composes what the service manager that started this process is told."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonearm.telemetry.service_manager import ServiceManager


@contextlib.contextmanager
def open_service_manager() -> Iterator["ServiceManager | None"]:
    """Tell the manager that this process is ready, and at the end that it stops; ``None`` where none listens."""
    if not os.environ.get("NOTIFY_SOCKET"):
        yield None
        return
    from tonearm.telemetry.service_manager import ServiceManager

    manager = ServiceManager.of(os.environ, os.getpid())
    if manager is None:
        yield None
        return
    with contextlib.closing(manager):
        manager.ready()
        try:
            yield manager
        finally:
            manager.stopping()
