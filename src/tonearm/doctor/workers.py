"""The live workers of a shared library: what their rows tell of trouble on their hosts."""

from collections.abc import Iterator, Sequence

from tonearm import __version__
from tonearm.doctor.diagnosis import Diagnosis
from tonearm.names import from_document, printable
from tonearm.views.workers import ALIVE, WorkerView


def workers(found: Sequence[WorkerView]) -> Iterator[Diagnosis]:
    """What is wrong with workers that have not ended."""
    alive = [worker for worker in found if worker.state in ALIVE]
    slots, hosts = sum(worker.slots for worker in alive), sorted({worker.host for worker in alive})
    detail = f"{len(alive)} on {', '.join(hosts)}, {slots} files at the same time" if alive else "none now"
    yield Diagnosis("workers.alive", "workers", detail)
    for worker in found:
        if worker.state == "lost":
            yield Diagnosis(
                "workers.lost",
                worker.name,
                f"no heartbeat for {worker.seen_s_ago:,.0f} s from process {worker.pid} on {worker.host}",
                "look whether that host and process are alive; other workers take its jobs",
            )
    for worker in alive:
        yield from _trouble(worker)


def _trouble(worker: WorkerView) -> Iterator[Diagnosis]:
    if worker.version != __version__:
        yield Diagnosis(
            "workers.version",
            worker.name,
            f"it runs version {worker.version}, and this is {__version__}",
            f"install the same version on {worker.host}",
        )
    for place in worker.unmounted:
        yield Diagnosis(
            "workers.unmounted",
            worker.name,
            f"not mounted on {worker.host}: {printable(from_document(place))}",
            "mount it there; its jobs wait, or are taken by workers that have it",
        )
    refused = [service for service, state in worker.breakers.items() if state != "closed"]
    if refused:
        yield Diagnosis(
            "workers.breaker",
            worker.name,
            f"it can't use {', '.join(refused)}",
            f"look at those servers, and at the network between them and {worker.host}",
        )
