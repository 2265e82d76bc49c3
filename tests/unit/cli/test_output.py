"""A person relies on: a command whose reader has had enough ends quietly, as other programs do."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"]])
def test_a_command_whose_output_nobody_reads_ends_quietly_as_by_sigpipe(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "TONEARM_CONFIG": os.devnull}
    ended = subprocess.run(
        [sys.executable, "-m", "tonearm", *arguments], stdout=writer, stderr=subprocess.PIPE, env=environment
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")
