"""Whether this machine runs on its battery, as Linux tells it in /sys/class/power_supply (sysfs-class-power)."""

from pathlib import Path

from tonearm.events.states import RestCode
from tonearm.settings.machine import read_text
from tonearm.worker.rest import Rest

SUPPLIES = Path("/sys/class/power_supply")
LOOK_S = 5.0
"""Seconds between two looks."""


class BatteryRule:
    """Rests while the machine runs on its battery."""

    def __init__(self, supplies: Path = SUPPLIES) -> None:
        self._supplies = supplies
        self._looked_at = float("-inf")
        self._found = False

    def rest(self, now: float) -> Rest | None:
        """Rest until there is mains power."""
        if abs(now - self._looked_at) >= LOOK_S:
            self._looked_at = now
            self._found = on_battery(self._supplies)
        return Rest(RestCode.BATTERY, "the machine runs on its battery") if self._found else None


def on_battery(supplies: Path = SUPPLIES) -> bool:
    """Whether a battery of the machine is being discharged and no mains is connected.

    Batteries of mice and the like, whose scope is a device, do not count.
    """
    discharged = False
    try:
        folders = sorted(supplies.iterdir())
    except OSError:
        return False
    for folder in folders:
        kind, status, online, scope = (
            read_text(folder / name).strip() for name in ("type", "status", "online", "scope")
        )
        if kind != "Battery" and online == "1":
            return False
        discharged |= kind == "Battery" and scope != "Device" and status == "Discharging"
    return discharged
