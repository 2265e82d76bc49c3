"""The values of labels. What a child or a file says must not make series without end, so some are bounded."""

import re

OTHER = "other"
UNKNOWN = "unknown"


class LabelValues:
    """The values of one label: the first ``most`` that match ``pattern``; everything else is ``other``."""

    def __init__(self, pattern: str, most: int) -> None:
        self._pattern = re.compile(pattern)
        self._most = most
        self._known: set[str] = set()

    def bounded(self, value: str | None) -> str:
        """The value of the label for a value; ``unknown`` for none."""
        if value is None:
            return UNKNOWN
        if value not in self._known:
            if len(self._known) >= self._most or not self._pattern.fullmatch(value):
                return OTHER
            self._known.add(value)
        return value


def service_label(service: str) -> str:
    """The name of a service as it stands in labels: ``RabbitMQ management`` is ``rabbitmq-management``."""
    return service.lower().replace(" ", "-")
