"""The API's client: what it takes for an answer, when it waits, what it never says."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffs import retries
from ffs.flickr import BudgetSpent, Flickr, Key, Refused, clean, search_params, whole
from ffs.listing import best_of
from ffs.photos import Downloads, Unusable
from tests.ffs.clocks import Jumping
from tests.ffs.flickr import KEY, SINCE, TITLES
from tests.ffs.server import Server
from wespe_bench.errors import InputError


@pytest.fixture
def flickr(server: Server) -> Iterator[Flickr]:
    made = Flickr(Key(KEY), server.clock, transport=server.transport())
    yield made
    made.close()


def search(flickr: Flickr) -> None:
    params = search_params(SINCE, SINCE + 86400, 1, (1, 2, 4), 1)
    flickr.call("flickr.photos.search", {"kind": "search"}, **params)


@pytest.mark.parametrize("fault", ["429", "503", "502", "105", "html", "cut", "slow"])
def test_temporary_errors_are_retried(flickr: Flickr, server: Server, fault: str) -> None:
    server.plan = [fault, fault]
    search(flickr)
    assert [entry.end for entry in server.log] == [fault, fault, "200"]
    assert flickr.calls == 3


def test_retry_after_is_obeyed(flickr: Flickr, server: Server) -> None:
    server.plan, server.retry_after = ["429"], "77"
    search(flickr)
    assert server.log[1].at - server.log[0].at >= 77


def test_retry_after_as_a_date() -> None:
    clock = Jumping(784_111_777.0)
    assert retries.seconds_of("Sun, 06 Nov 1994 08:50:37 GMT", clock) == 60
    assert retries.seconds_of("Sun, 06 Nov 1994 08:00:00 GMT", clock) == 0


def test_a_used_up_quota_stops_at_once(flickr: Flickr, server: Server) -> None:
    server.plan, server.retry_after = ["429"], "3600"
    with pytest.raises(InputError, match=r"no more requests for 3600 s .*quota.*kept"):
        search(flickr)
    assert len(server.log) == 1


def test_a_minute_without_network_is_survived(flickr: Flickr, server: Server) -> None:
    server.plan = ["gone"] * 5
    before = server.clock.now()
    search(flickr)
    assert server.clock.now() - before > 60


def test_one_call_a_second(flickr: Flickr, server: Server) -> None:
    for _ in range(5):
        search(flickr)
    times = [entry.at for entry in server.log]
    assert all(after - before >= 1 for before, after in pairwise(times))


def test_a_budget_counts_every_request(server: Server) -> None:
    flickr = Flickr(Key(KEY), server.clock, budget=3, transport=server.transport())
    server.plan = ["ok", "503"]
    search(flickr)
    search(flickr)
    with pytest.raises(BudgetSpent):
        search(flickr)
    assert len(server.log) == 3


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("flickr.photos.search", {"page": 1, "per_page": 500}, 3),
        ("flickr.photos.getInfo", {"photo_id": 1}, 1),
        ("flickr.nothing", {}, 112),
    ],
)
def test_a_refusal_is_not_tried_again(
    flickr: Flickr, server: Server, method: str, params: dict[str, object], code: int
) -> None:
    with pytest.raises(Refused, match=rf"Flickr refuses {method} \(code {code}: ") as caught:
        flickr.call(method, {}, **params)
    assert caught.value.code == code
    assert len(server.log) == 1


def test_a_revoked_key_stops_at_once_and_is_not_named(server: Server) -> None:
    revoked = "0123456789abcdef0123456789abcdef"
    flickr = Flickr(Key(revoked), server.clock, transport=server.transport())
    with pytest.raises(Refused, match=r"refuses the key in FLICKR_API_KEY \(code 100: ") as caught:
        search(flickr)
    assert len(server.log) == 1
    assert "[key] has no access" in str(caught.value)
    assert revoked not in "".join(traceback.format_exception(caught.value))
    assert revoked not in str(caught.value.reply)


@pytest.mark.parametrize("fault", ["gone", "cut", "slow", "503", "html"])
def test_no_traceback_holds_the_key(flickr: Flickr, server: Server, fault: str) -> None:
    server.plan = [fault] * retries.TRIES
    with pytest.raises(InputError, match=f"{retries.TRIES} times; what is fetched") as caught:
        search(flickr)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(report.format())


def test_httpx_logs_no_key(
    flickr: Flickr, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        search(flickr)
    assert "POST" in caplog.text
    assert KEY not in caplog.text


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.lists(st.text()))
)
def test_a_count_is_a_number_or_unknown(value: object) -> None:
    found = whole(value)
    assert found is None or 0 <= found < 10**15
    if type(value) is int and 0 <= value < 10**15:
        assert found == whole(str(value)) == whole(f"{value:,}") == value


@given(st.text() | st.sampled_from(TITLES))
def test_a_text_can_be_stored_and_printed(text: str) -> None:
    made = clean(text)
    assert made.encode("utf-8").decode() == made
    assert made.isprintable()


def test_the_key_follows_no_redirect() -> None:
    """A network that sends calls elsewhere gets no key there, and no line names the place."""
    asked: list[httpx.Request] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(302, headers={"Location": f"https://hotel.test/?was={KEY}"})

    flickr = Flickr(Key(KEY), Jumping(0.0), transport=httpx.MockTransport(elsewhere))
    try:
        with pytest.raises(
            InputError, match=r"not an answer of Flickr's \(HTTP 302\), 8 times"
        ) as caught:
            search(flickr)
    finally:
        flickr.close()
    assert {request.url.host for request in asked} == {"api.flickr.com"}
    assert not any(KEY in str(request.url) for request in asked)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(report.format())


def answering(body: bytes) -> Flickr:
    """A client whose every request is answered with ``body``."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    return Flickr(Key(KEY), Jumping(0.0), transport=transport)


def test_a_key_in_escapes_is_hidden() -> None:
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    flickr = answering(f'{{"stat": "ok", "x": "{escaped} is yours"}}'.encode())
    reply = flickr.call("flickr.test.echo", {})
    assert reply.body()["x"] == "[key] is yours"
    refusing = answering(f'{{"stat": "fail", "code": 100, "message": "{escaped}"}}'.encode())
    with pytest.raises(Refused, match=r"refuses the key .*\[key\]"):
        refusing.call("flickr.test.echo", {})


def test_an_endless_reply_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffs.flickr._MOST_BYTES", 1000)
    with pytest.raises(InputError, match="more than 1000 bytes came, 8 times"):
        answering(b" " * 2000).call("flickr.test.echo", {})


def test_photos_come_by_https_alone(tmp_path: Path) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://elsewhere.test/a.jpg"})
        return httpx.Response(200, content=b"")

    downloads = Downloads(tmp_path, Jumping(0.0), (64, 36), transport=httpx.MockTransport(handle))
    with pytest.raises(Unusable, match="an address without https"):
        downloads.fetch("1", "https://flickr.test/a.jpg", (64, 36), lambda _: None)
    downloads.close()
    assert best_of([(64, 36, "http://flickr.test/a.jpg")], (64, 36))[0] == ""
