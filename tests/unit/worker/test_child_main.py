"""A child has loaded everything it needs before system calls that open files are denied."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests import material
from tonearm.analysis.catalog import for_child
from tonearm.settings import load_settings

SCRIPT = """
import json, sys
from tonearm.analysis.decode import open_audio
from tonearm.analysis.engine import measure
from tonearm.worker import child_main

analysers = child_main.load_all(json.loads(sys.argv[1]))
child_main.warm_up(analysers)
before = set(sys.modules)
for path in sys.argv[2:]:
    with open(path, "rb", buffering=0) as file:
        with open_audio(file) as source:
            sound = source.sound
            rate, channels = sound.sample_rate_hz, sound.channels
            measure(source.samples(), rate, channels, analysers, lambda _: None, source.speakers)
        child_main.examine(file)
        child_main.read_tags(file)
print(json.dumps({"late": sorted(set(sys.modules) - before), "all": sorted(sys.modules)}))
"""


def test_nothing_is_loaded_after_the_warm_up_and_nothing_that_is_not_needed(tmp_path: Path) -> None:
    paths = []
    for name, form in material.FORMATS.items():
        path = tmp_path / f"{name}.{form.extension}"
        path.write_bytes(material.good(name, seconds=20))
        paths.append(str(path))
    declared = json.dumps(for_child(load_settings({"data_dir": tmp_path})))
    ended = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT, declared, *paths],
        capture_output=True,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    modules = json.loads(ended.stdout)
    assert modules["late"] == []
    unwanted = {"scipy", "sqlalchemy", "pydantic", "numpy.ma", "numpy.testing", "importlib.metadata"}
    assert unwanted.intersection(modules["all"]) == set()
