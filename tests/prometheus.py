"""A real Prometheus with the shipped configuration, rules and dashboard, for tests."""

import json
import re
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.program import until
from tests.servers import SCRIPT, missing

PROJECT = Path(__file__).parents[1]
SHIPPED = PROJECT / "infrastructure" / "prometheus"
DASHBOARD = PROJECT / "infrastructure" / "grafana" / "dashboards" / "tonearm.json"

Series = dict[str, Any]


def prometheus_can_start() -> None:
    """Skip the test, or fail it where ``CI`` is set, if there is no Prometheus to start."""
    if subprocess.run([SCRIPT, "tool", "prometheus", "--version"], capture_output=True).returncode:
        missing("prometheus")


class Prometheus:
    """Scrapes and evaluates every second what the shipped configuration names."""

    def __init__(self, folder: Path, hasten: dict[str, str] | None = None) -> None:
        """``hasten``: what is replaced in the rules, so that a test need not wait for minutes."""
        (folder / "targets").mkdir(parents=True)
        self._targets = folder / "targets" / "tonearm.json"
        configuration = (SHIPPED / "prometheus.yml").read_text(encoding="utf-8")
        for setting in ("scrape_interval", "evaluation_interval", "refresh_interval"):
            configuration = re.sub(rf"{setting}: \S+", f"{setting}: 1s", configuration)
        (folder / "prometheus.yml").write_text(configuration, encoding="utf-8")
        rules = (SHIPPED / "rules.yml").read_text(encoding="utf-8")
        for before, after in (hasten or {}).items():
            assert before in rules, before
            rules = rules.replace(before, after)
        (folder / "rules.yml").write_text(rules, encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = open(folder / "prometheus.log", "wb")  # noqa: SIM115  closed by `close`
        self._process = subprocess.Popen(
            [
                *(SCRIPT, "tool", "prometheus", f"--config.file={folder}/prometheus.yml"),
                *(f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"),
                "--enable-feature=exemplar-storage",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            until(self._is_ready, 60)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "Prometheus":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()

    def scrape(self, discovered: str) -> None:
        """Scrape the processes that ``tonearm workers --prometheus-sd`` has printed."""
        new = self._targets.with_suffix(".new")
        new.write_text(discovered, encoding="utf-8")
        new.rename(self._targets)

    def query(self, expression: str) -> list[Series]:
        """The series of an instant query."""
        found: list[Series] = self._get("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float | None:
        """The only value of a query; ``None`` if there is none."""
        series = self.query(expression)
        assert len(series) < 2, series
        return float(series[0]["value"][1]) if series else None

    def exemplars(self, expression: str, start: float, end: float) -> list[Series]:
        """The series of a query that have exemplars between two times, in seconds since 1970."""
        found: list[Series] = self._get("query_exemplars", query=expression, start=start, end=end)
        return [series for series in found if series["exemplars"]]

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {series["metric"]["alertname"] for series in self.query('ALERTS{alertstate="firing"}')}

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, Path(self._log.name).read_text(encoding="utf-8")
        try:
            with urlopen(f"{self.url}/-/ready", timeout=30) as answer:  # noqa: S310  a URL of our own
                return bool(answer.status == 200)
        except (URLError, ConnectionError):
            return False

    def _get(self, endpoint: str, **parameters: object) -> Any:
        with urlopen(f"{self.url}/api/v1/{endpoint}?{urlencode(parameters)}", timeout=30) as answer:  # noqa: S310  a URL of our own
            return json.load(answer)["data"]


def panel_queries() -> list[tuple[str, str]]:
    """Each query of the dashboard with the title of its panel, for every process, over the last minute."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*"))
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]
