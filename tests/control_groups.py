"""Control groups of a test's own, in which it runs the real command."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tonearm.settings.machine import control_groups


@contextlib.contextmanager
def own_group(controller: str, **limits: object) -> Iterator[Path]:
    """A group of version 1 below that of this process, removed at the end; skips the test where none can be made.

    ``limits``: the contents of its files; ``__`` stands for the dot in their names.
    """
    above = [group.folder for group in control_groups() if group.controllers == {controller}]
    if not above:
        pytest.skip(f"needs a control group of version 1 for {controller}")
    folder = above[0] / f"tonearm-test-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
        for name, value in limits.items():
            (folder / name.replace("__", ".")).write_text(str(value))
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        pytest.skip(f"needs to make control groups: {error}")
    try:
        yield folder
    finally:
        folder.rmdir()


def joining(group: Path) -> list[str]:
    """What joins a group and then becomes the command that follows."""
    return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', os.fspath(group / "cgroup.procs")]
