"""Composes what has a worker leave the machine to others: the rules by which it rests, and its budget of CPU time."""

from tonearm.events.event import Announce
from tonearm.settings import Settings
from tonearm.settings.machine import this_machine
from tonearm.settings.work_hours import read_hour_range
from tonearm.worker.battery import BatteryRule
from tonearm.worker.cpu_budget import CpuBudget
from tonearm.worker.load import LoadRule, look
from tonearm.worker.own_cpu import OwnCpu
from tonearm.worker.rest import HoursRule, RestRule, RestWatch


def rest_watch(settings: Settings, worker: str, announce: Announce, own_cpu: OwnCpu) -> RestWatch:
    """Whether a worker rests, by the settings; without any of them, or without slots, it never does."""
    rules: list[RestRule] = []
    if not settings.workers:
        return RestWatch()
    if settings.work_hours:
        ranges = [read_hour_range(each) for each in settings.work_hours]
        rules.append(HoursRule(ranges, worker, announce))
    if settings.rest_on_battery:
        rules.append(BatteryRule())
    if settings.rest_above_pressure is not None:
        rules.append(LoadRule(settings.rest_above_pressure, lambda now: look(now, own_cpu.seconds())))
    return RestWatch(rules, worker, announce)


def cpu_budget(settings: Settings, own_cpu: OwnCpu) -> CpuBudget | None:
    """How much CPU time a worker may use; ``None`` for all of it."""
    if settings.cpu_share == 1:
        return None
    machine = this_machine()
    cores = min(machine.cores, machine.cpu_quota or machine.cores)
    return CpuBudget(settings.cpu_share * cores, own_cpu.seconds)
