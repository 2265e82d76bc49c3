"""Reads what a process exports, as Prometheus does."""

import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@dataclass(frozen=True)
class Scrape:
    """The metrics of a process at one moment."""

    families: tuple[Metric, ...]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels; 0 where there is none."""
        return sum(value for _, value in self._found(name, labels))

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """The sums of the samples that are not 0, by one label."""
        found: dict[str, float] = {}
        for values, value in self._found(name, labels):
            if value:
                found[values[label]] = found.get(values[label], 0.0) + value
        return found

    def has(self, name: str) -> bool:
        """Whether there is any sample of this name."""
        return any(sample.name == name for family in self.families for sample in family.samples)

    def _found(self, name: str, labels: dict[str, str]) -> Iterable[tuple[dict[str, str], float]]:
        return [
            (sample.labels, sample.value)
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


def parsed(text: str) -> Scrape:
    """What a text in Prometheus' format says."""
    return Scrape(tuple(text_string_to_metric_families(text)))


def text_of(url: str, accept: str = "text/plain") -> str:
    """The text that a process answers."""
    request = urllib.request.Request(f"{url}/metrics", headers={"Accept": accept})  # noqa: S310  ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  the same request
        text: str = answer.read().decode()
        return text


def scrape(url: str) -> Scrape:
    """What a process exports now."""
    return parsed(text_of(url))
