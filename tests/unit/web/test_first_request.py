"""The service asks itself for what takes long at the first request, and goes on whatever comes of that."""

from tests.unit.web.client import Client
from tonearm.web.first_request import PAGES, ask_first


def test_the_pages_have_been_asked_for_once_it_is_done(own_service: Client) -> None:
    ask_first(own_service.url).join()
    metrics = own_service.get("/metrics").text
    for page in PAGES:
        assert f'tonearm_http_requests_total{{method="GET",route="{page}",status="200"}} 1.0' in metrics


def test_a_service_that_has_ended_is_no_trouble() -> None:
    thread = ask_first("http://127.0.0.1:1")
    thread.join()
    assert not thread.is_alive()
