"""All measurements of this folder by one command.

python -m tests.performance                       which there are
python -m tests.performance NAME ...              measure
python -m tests.performance --record NAME ...     measure, and record what was printed in results/NAME.json
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.performance.results import record
from tests.performance.scripts import scripts


def main() -> int:
    """List the measurements, or call one."""
    arguments = sys.argv[1:]
    known = scripts()
    recording = arguments[:1] == ["--record"]
    name, *rest = arguments[recording:] or [""]
    if name in known:
        call = [sys.executable, "-m", f"tests.performance.{name}", *rest]
        return recorded(name, rest, call) if recording else subprocess.call(call)
    for each, purpose in known.items():
        print(f"{each:16}{purpose}")
    if name not in ("", "list"):
        print(f"there is no measurement {name}", file=sys.stderr)
        return 2
    return 0


def recorded(name: str, arguments: Sequence[str], call: Sequence[str]) -> int:
    """Call a measurement, print what it prints, and record it if it succeeds."""
    lines = []
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode == 0:
        command = " ".join(["python -m tests.performance", name, *map(_shown, arguments)])
        record(name, command, {"printed": lines})
    return process.returncode


def _shown(argument: str) -> str:
    """An argument as it is recorded: what is only so on this machine by what it is."""
    if "://" in argument:
        return "URL"
    if os.path.isdir(argument):
        return "LIBRARY" if os.path.exists(os.path.join(argument, "tonearm.db")) else "MUSIC"
    return argument


if __name__ == "__main__":
    sys.exit(main())
