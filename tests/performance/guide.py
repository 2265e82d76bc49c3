"""The settings in the guides that are ready to be copied.

A guide marks them, ``<!-- settings: NAME -->``; a fenced block of TOML, or of ``export`` lines for a shell, follows.
"""

import re
import shlex
from collections.abc import Mapping

from tests.performance.results import PROJECT

GUIDES = ("size-and-tune.md", "settings-by-size.md")
BLOCK = re.compile(r"<!-- settings: ([\w-]+) -->\n+```(toml|sh)\n(.*?)```", re.DOTALL)


def blocks() -> Mapping[str, tuple[str, str]]:
    """Every block by its name: ``toml`` or ``sh``, and its text."""
    found = {}
    for guide in GUIDES:
        text = (PROJECT / "docs" / "how-to" / guide).read_text(encoding="utf-8")
        for name, kind, content in BLOCK.findall(text):
            assert name not in found, f"{guide}: {name} is there twice"
            found[name] = (kind, content)
    return found


def settings_of(name: str) -> str:
    """The text of a block of TOML. Raises KeyError for one that is not there."""
    return blocks()[name][1]


def variables_of(name: str) -> Mapping[str, str]:
    """The variables that a block for a shell sets. Raises KeyError for one that is not there."""
    words = shlex.split(blocks()[name][1], comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)
