"""What a process exports is composed from its settings, and ends well however the process ends."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scrapes import parsed
from tonearm.bootstrap.metrics import open_exporter
from tonearm.bootstrap.servers import Servers
from tonearm.bootstrap.traces import Tracing
from tonearm.errors import ConfigurationError, LibraryInUse
from tonearm.events.bus import EventBus
from tonearm.settings import Settings
from tonearm.telemetry.log_context import LogContext
from tonearm.telemetry.log_handler import LogHandler, Sink
from tonearm.telemetry.traces_export import SpanCounts


def settings(tmp_path: Path, listen: str | None = None) -> Settings:
    return Settings(data_dir=tmp_path, listen=listen)


def test_nothing_is_exported_where_nothing_asks_for_it(tmp_path: Path) -> None:
    with open_exporter(settings(tmp_path), must_listen=True) as exporter:
        assert exporter is None


def test_the_file_is_written_also_where_the_library_could_not_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "tonearm.prom"
    with pytest.raises(LibraryInUse), open_exporter(settings(tmp_path), False, str(file)):
        raise LibraryInUse("another process is analysing")
    assert parsed(file.read_text()).sum("tonearm_build_info") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tonearm.prom"]


def test_a_file_in_no_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="does not exist"),
        open_exporter(settings(tmp_path), False, str(tmp_path / "x" / "tonearm.prom")),
    ):
        raise AssertionError


@pytest.mark.parametrize("name", ["", "."])
def test_a_name_that_is_no_file_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(ConfigurationError, match="not the name"),
        open_exporter(settings(tmp_path), False, name),
    ):
        raise AssertionError


def test_a_file_that_cannot_be_written_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tonearm.prom"
    with open_exporter(settings(tmp_path), False, str(file)) as exporter:
        assert exporter is not None
        file.mkdir()  # while the run goes on
        exporter.write()
    assert capsys.readouterr().err.count(f"{file}: the metrics can't be written") == 1


def test_the_library_for_metrics_is_loaded_by_those_that_export_alone() -> None:
    code = (
        "import sys\n"
        "from tonearm.bootstrap import analyze, metrics, worker\n"
        "assert 'prometheus_client' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_every_subscriber_missed_is_counted(tmp_path: Path) -> None:
    class Full:
        name = "a full disk"

        def write(self, line: str) -> None:  # noqa: ARG002  the signature of Output
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    handler = LogHandler(LogContext("tests", "here"), [Sink(Full(), logging.Formatter())])
    logger = logging.getLogger("tonearm")
    bus = EventBus()
    bus.subscribe_queued(lambda _: None, "standard output")
    logger.addHandler(handler)
    try:
        logger.error("one line")
        handler.flush()
        with open_exporter(settings(tmp_path), False, str(tmp_path / "tonearm.prom")) as exporter:
            assert exporter is not None
            tracing = Tracing(counts=SpanCounts(exported=5, failed=1, dropped=2))
            exporter.join(bus, Servers(settings(tmp_path), bus), tracing)
    finally:
        logger.removeHandler(handler)
        handler.close()
        bus.close()
    written = parsed((tmp_path / "tonearm.prom").read_text())
    missed = {
        name: written.sum("tonearm_events_dropped_total", subscriber=name) for name in ("log", "traces")
    }
    assert missed == {"log": 1, "traces": 3}
