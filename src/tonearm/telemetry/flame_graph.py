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
LEAST = 0.8
"""Boxes that are narrower are left out."""
LEGEND = (
    "Width is time. Below a function lie those that it called. Blue: processes and threads; orange: Tonearm; "
    "green: libraries; grey: waiting."
)
STYLE = (
    "text{font:11px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1a1a1a}"
    ".title{font-size:15px;font-weight:bold}.heading{font-size:12px;font-weight:bold}.legend{fill:#606060}.note{fill:#a02020}"
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


def draw(profile: Profile) -> str:
    """The flame graph of a profile, as the text of an SVG file."""
    working, resting = Box(Frame("all")), Box(Frame("all"))
    for process in profile.processes:
        root = Frame(process.name)
        for stack, seconds in process.stacks:
            tree = resting if _rests(stack, process.child) else working
            tree.add((root, *stack), seconds)
    began = datetime.fromtimestamp(profile.began_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    texts = [("title", f"{profile.worker}: {profile.seconds:.1f} s from {began}"), ("legend", LEGEND)]
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
            rows = [*_rows(tree)]
            body += [_box(each, tree.seconds, y) for each in rows]
            y += ROW * (2 + max(each.row for each in rows))
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


@dataclass(frozen=True, slots=True)
class _Placed:
    box: Box
    row: int
    x: float
    width: float


def _rows(tree: Box) -> Iterator[_Placed]:
    """The boxes below the root with their places: processes in their order, functions with the widest first."""
    whole = WIDTH - 2 * MARGIN
    open_boxes = [_Placed(tree, -1, MARGIN, whole)]
    while open_boxes:
        outer = open_boxes.pop()
        if outer.row >= 0:
            yield outer
        x, inner = outer.x, list(outer.box.below.values())
        if outer.row >= 0:
            inner.sort(key=lambda box: -box.seconds)
        for box in inner:
            width = whole * box.seconds / tree.seconds
            if width >= LEAST:
                open_boxes.append(_Placed(box, outer.row + 1, x, width))
            x += width


def _box(placed: _Placed, whole_s: float, top: float) -> str:
    frame, seconds = placed.box.frame, placed.box.seconds
    x, y, width = placed.x, top + ROW * placed.row, placed.width
    where = f" ({frame.module}:{frame.line})" if frame.module else ""
    told = f"{frame.name}{where}: {seconds:.2f} s, {seconds / whole_s:.1%}"
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
