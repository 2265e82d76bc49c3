"""Draws a profile as a flame graph: one SVG without scripts, which any browser shows.

Each box is a function, as wide as the time that was spent in it; the functions that it called lie below it. Background
threads that waited are drawn apart, since they would hide the work of the others by their number.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from tonearm.names import printable
from tonearm.worker.profile import Profile
from tonearm.worker.stacks import WAITING, Frame, Stack
from tonearm.worker.thread_sampler import MAIN

WIDTH = 1200
MARGIN = 10
ROW = 17
"""Height of a box in pixels, as are the other lengths."""
CHARACTER = 6.7
"""Width of a character of the font."""
LEAST = 0.3
"""Boxes that are narrower are left out."""
STYLE = (
    "text{font:11px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1a1a1a}"
    ".title{font-size:15px;font-weight:bold}.heading{font-size:12px;font-weight:bold}.note{fill:#a02020}"
    "rect{stroke:#fff;stroke-width:.6}g:hover>rect{stroke:#000;stroke-width:1}"
)


@dataclass(slots=True)
class Box:
    """A function in the tree of stacks; seconds: spent in it and in what it called."""

    frame: Frame
    seconds: float = 0.0
    below: dict[Frame, "Box"] = field(default_factory=dict)

    def add(self, stack: Iterable[Frame], seconds: float) -> None:
        """Add the time of a stack that lies below this one."""
        box = self
        box.seconds += seconds
        for frame in stack:
            box = box.below.setdefault(frame, Box(frame))
            box.seconds += seconds

    @property
    def depth(self) -> int:
        """The number of rows that are needed."""
        return 1 + max((box.depth for box in self.below.values()), default=0)


def draw(profile: Profile) -> str:
    """The flame graph of a profile, as the text of an SVG file."""
    working, resting = Box(Frame("all")), Box(Frame("all"))
    for process in profile.processes:
        root = Frame(process.name)
        for stack, seconds in process.stacks:
            tree = resting if _rests(stack, process.child) else working
            tree.add((root, *stack), seconds)
    began = datetime.fromtimestamp(profile.began_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    texts = [("title", f"{profile.worker}: {profile.seconds:.1f} s from {began}")]
    texts += [("note", note) for note in profile.notes]
    body: list[str] = []
    y = MARGIN + ROW
    for kind, text in texts:
        body.append(_text(MARGIN, y, text, kind))
        y += ROW + 4
    for heading, tree in (
        ("Work, and what the main threads waited for", working),
        ("Background threads that waited", resting),
    ):
        if tree.seconds:
            body.append(_text(MARGIN, y + ROW, f"{heading}: {tree.seconds:.2f} s of threads", "heading"))
            y += ROW + 8
            body += _boxes(tree, tree, MARGIN, y, WIDTH - 2 * MARGIN)
            y += tree.depth * ROW
    height = y + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}"><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    )
    return "\n".join([head, *body, "</svg>", ""])


def _rests(stack: Stack, child: bool) -> bool:
    """Whether it is a background thread that waits."""
    return not child and stack[-1] == WAITING and stack[0] != MAIN


def _boxes(box: Box, whole: Box, x: float, y: float, width: float) -> Iterator[str]:
    """The boxes below a box, side by side, the widest first, each with those below it."""
    for inner in sorted(box.below.values(), key=lambda one: -one.seconds):
        wide = width * inner.seconds / box.seconds
        if wide >= LEAST:
            yield _box(inner, whole, x, y, wide)
            yield from _boxes(inner, whole, x, y + ROW, wide)
        x += wide


def _box(box: Box, whole: Box, x: float, y: float, width: float) -> str:
    frame = box.frame
    where = f" ({frame.module}:{frame.line})" if frame.module else ""
    told = f"{frame.name}{where}: {box.seconds:.2f} s, {box.seconds / whole.seconds:.1%}"
    room = int((width - 6) / CHARACTER)
    label = printable(frame.name)
    if len(label) > room:
        label = label[: room - 1] + "…" if room > 3 else ""
    text = _text(x + 3, y + 12, label) if label else ""
    return (
        f"<g><title>{_escaped(told)}</title>"
        f'<rect x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" height="{ROW - 1}" fill="{_colour(frame)}"/>{text}</g>'
    )


def _text(x: float, y: float, text: str, kind: str | None = None) -> str:
    chosen = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.2f}" y="{y:.1f}"{chosen}>{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    """Text for XML: control characters, which XML forbids, are shown as escapes."""
    return escape(printable(text))


def _colour(frame: Frame) -> str:
    """Grey for waiting; blue for threads and processes, orange for this program, green for libraries; by name."""
    if frame == WAITING:
        return "#d0d0d0"
    shade = zlib.crc32(frame.name.encode("utf-8", "replace")) % 20
    if not frame.module:
        return f"hsl(210,55%,{72 + shade / 2:.0f}%)"
    hue = 25 if frame.module.split(".")[0] == "tonearm" else 100
    return f"hsl({hue + shade},75%,{66 + shade / 2:.0f}%)"
