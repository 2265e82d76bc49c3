"""A service manager hears when a worker is ready, what it waits for, that its loops turn, and that it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.variables import other_variables
from tonearm.events.facts import WorkerStateChanged
from tonearm.events.services import BrokerStateChanged, StorageStateChanged
from tonearm.events.states import BrokerState, StorageState, WorkerState
from tonearm.resilience.loop_watchdog import CALL_S, STUCK_S, LoopTurns
from tonearm.telemetry.service_manager import ServiceManager

ABSTRACT = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract names")


class Listener:
    """The socket of a service manager; what it receives."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(60)

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    def until(self, wanted: str) -> list[str]:
        """What is received until a message begins so."""
        heard = [self.next()]
        while not heard[-1].startswith(wanted):
            heard.append(self.next())
        return heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", pytest.param("abstract", marks=ABSTRACT)])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    heard = Listener(str(tmp_path / "notify") if request.param == "path" else f"@tonearm-{uuid.uuid4()}")
    yield heard
    heard.close()


@pytest.fixture
def manager(listener: Listener) -> Iterator[ServiceManager]:
    found = ServiceManager.of({"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "100000"}, os.getpid())
    assert found is not None
    yield found
    found.close()


def test_the_status_is_what_the_worker_is_doing(listener: Listener, manager: ServiceManager) -> None:
    manager.ready()
    manager(WorkerStateChanged("w", WorkerState.WORKING, "w takes jobs, 2 at a time"))
    manager(StorageStateChanged(StorageState.WAITING, "PostgreSQL does not answer\nat all"))
    manager(StorageStateChanged(StorageState.AVAILABLE))
    manager(BrokerStateChanged(BrokerState.UNAVAILABLE, "RabbitMQ does not answer"))
    manager(BrokerStateChanged(BrokerState.READY))
    manager(WorkerStateChanged("w", WorkerState.STOPPING, "finishing"))
    assert (
        [listener.next() for _ in range(8)]
        == [
            "READY=1",
            "STATUS=w takes jobs, 2 at a time",
            "STATUS=waiting: PostgreSQL does not answer\\nat all",  # a line of its own would be a message of its own
            "STATUS=w takes jobs, 2 at a time",
            "STATUS=waiting: RabbitMQ does not answer",
            "STATUS=w takes jobs, 2 at a time",
            "STATUS=finishing",
            "STOPPING=1",
        ]
    )


def test_a_drained_worker_may_take_its_time(listener: Listener, manager: ServiceManager) -> None:
    manager(WorkerStateChanged("w", WorkerState.DRAINING, "finishing, taking no more"))
    manager.ready()
    assert [listener.next(), listener.next()] == ["STATUS=finishing, taking no more", "READY=1"]


@pytest.mark.parametrize("is_calling", [False, True])
def test_the_watchdog_is_fed_only_while_every_loop_turns(
    listener: Listener, manager: ServiceManager, is_calling: bool
) -> None:
    now = 0.0
    turns = LoopTurns(lambda: now)
    assert manager.watchdog_s is not None
    for each in ("relay", "supervisor"):
        turns.turned(each)
    if is_calling:
        turns.call_began()
    stop = threading.Event()
    thread = threading.Thread(target=manager.watching(turns, manager.watchdog_s), args=(stop,))
    thread.start()
    try:
        assert listener.next() == "WATCHDOG=1"
        now = CALL_S + 1 if is_calling else STUCK_S + 1
        if not is_calling:
            turns.turned("relay")
        listener.until("STATUS=no turn of ")
        assert listener.next().startswith("STATUS=no turn of ")  # and no sign of life any more
        turns.call_ended()
        for each in ("relay", "supervisor"):
            turns.turned(each)
        listener.until("WATCHDOG=1")
    finally:
        stop.set()
        thread.join()


def test_messages_go_nowhere_when_nobody_listens(tmp_path: Path) -> None:
    gone = ServiceManager(str(tmp_path / "gone"))
    gone.ready()
    gone.stopping()
    gone.close()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_of_another_process_is_not_ours(
    environment: dict[str, str], watchdog_s: float | None
) -> None:
    manager = ServiceManager.of({"NOTIFY_SOCKET": "/run/notify", **environment}, 7)
    assert manager is not None
    assert manager.watchdog_s == watchdog_s
    manager.close()


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "notify"])
def test_an_address_that_is_no_local_socket_is_nobody(address: str) -> None:
    assert ServiceManager.of({"NOTIFY_SOCKET": address}, 7) is None


@pytest.mark.parametrize("listener", ["path"], indirect=True)
def test_a_worker_tells_that_it_waits_for_its_database_and_that_it_ends(listener: Listener) -> None:
    environment = other_variables() | {
        "TONEARM_CONFIG": os.devnull,
        "TONEARM_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "NOTIFY_SOCKET": listener.address,
        "WATCHDOG_USEC": "500000",
    }
    command = [sys.executable, "-m", "tonearm", "worker", "--listen", "0", "--quiet"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert listener.next() == "READY=1"
            heard = listener.until("STATUS=waiting: ")
            heard += listener.until("WATCHDOG=1")
            process.send_signal(signal.SIGTERM)
            heard += listener.until("STOPPING=1")
            assert [line for line in heard if "PostgreSQL nothing at 127.0.0.1:1 does not answer" in line]
            printed, logged = process.communicate(timeout=60)
            assert process.returncode == 0
            assert printed == b""
            assert b"waiting: PostgreSQL" in logged
        finally:
            process.kill()
