"""The management API is called at its configured address, and a wrong address is reported as such."""

import io
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message

import pytest

from tonearm.jobs.rabbitmq.management import Management, ManagementUnavailable
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.resilience.gate import Unguarded


class Answer(io.BytesIO):
    """An answer over HTTP, without headers."""

    headers = Message()


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://ada:hush@mq.example", "http://mq.example:15672/api/queues/%2F/t.jobs"),
        ("https://mq.example/", "https://mq.example:15671/api/queues/%2F/t.jobs"),
        ("https://mq.example:443/rabbit/", "https://mq.example:443/rabbit/api/queues/%2F/t.jobs"),
        ("http://[::1]:1234", "http://[::1]:1234/api/queues/%2F/t.jobs"),
    ],
)
def test_the_queues_are_asked_for_where_the_address_says(
    url: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def answer(request: urllib.request.Request, timeout: float) -> Answer:  # noqa: ARG001  as the real one
        sent.append(request.full_url)
        return Answer(b'{"messages_ready": 3}')

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    [jobs, _] = Management(url, "/", Topology("t"), Unguarded(), 1).figures()
    assert (sent[0], jobs.ready) == (asked, 3)


@pytest.fixture
def broker() -> Iterator[int]:
    """The port of something that answers as RabbitMQ does at 5672."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):  # nobody has asked until the end
                client, _ = server.accept()
                with client:
                    client.recv(4096)
                    client.sendall(b"AMQP\0\0\x09\x01")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_port_that_speaks_something_else_is_told_in_words(broker: int) -> None:
    management = Management(f"http://127.0.0.1:{broker}", "/", Topology("t"), Unguarded(), 5)
    with pytest.raises(ManagementUnavailable, match="the server at this address is not RabbitMQ"):
        management.figures()
