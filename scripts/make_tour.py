"""Makes the pictures of the tour (docs/tutorial/tour.md): ``.venv/bin/python -m scripts.make_tour FOLDER``.

The bundled samples are analysed in FOLDER, such as /srv/tour, whose name the pages show. It must not exist before, and
is deleted afterwards. The pages are shown by Chromium, which has to be installed.
"""

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from tonearm.settings import load_settings
from tonearm.web.open_service import open_service

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "tutorial" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1024
MOST_BYTES = 100_000
TRACK = "Two Gears"
TEMPLATE = "{artist} - {title}< [{bpm:.0f} {camelot}]>"
SHOWN = {
    "library": ("/library", 470, "light"),
    "track": ("/tracks/{track}", 900, "light"),
    "track-dark": ("/tracks/{track}", 420, "dark"),
    "names": ("/names", 540, "light"),
}
"""By the name of a picture: the page, its height in pixels, and the colours that the browser prefers."""


def main() -> None:
    """Analyse the samples, and write every picture."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed")
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit("name a folder that does not exist yet")
    PICTURES.mkdir(parents=True, exist_ok=True)
    folder = Path(sys.argv[1])
    folder.mkdir()
    try:
        music, data = folder / "music", folder / "library"
        shutil.copytree(ROOT / "samples", music)
        for command in (("analyze", music), ("rename", "plan", music, "--template", TEMPLATE)):
            called = [sys.executable, "-m", "tonearm", *map(str, command), "--data", str(data)]
            subprocess.run(called, check=True, capture_output=True)  # noqa: S603  our own command
        with open_service(load_settings({"data_dir": str(data)}), "127.0.0.1:0") as url:
            for name, (path, height, colours) in SHOWN.items():
                _take(browser, f"{url}{path.format(track=_track(url))}", name, height, colours)
    finally:
        shutil.rmtree(folder)


def _track(url: str) -> int:
    with urllib.request.urlopen(f"{url}/api/v1/tracks?title={TRACK.replace(' ', '%20')}") as answer:  # noqa: S310  ours
        return int(json.load(answer)["items"][0]["id"])


def _take(browser: str, url: str, name: str, height: int, colours: str) -> None:
    picture = PICTURES / f"{name}.png"
    subprocess.run(  # noqa: S603  the browser that was found
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            f"--blink-settings=preferredColorScheme={0 if colours == 'dark' else 1}",
            f"--window-size={WIDTH},{height}",
            f"--screenshot={picture}",
            "--timeout=3000",
            url,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if (size := picture.stat().st_size) > MOST_BYTES:
        sys.exit(f"{picture}: {size:,} bytes, and {MOST_BYTES:,} is the most")


if __name__ == "__main__":
    main()
