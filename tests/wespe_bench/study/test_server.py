"""A real server on this machine's own address, and what raters and others send it."""

from __future__ import annotations

import socket
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from reports.study import votes as reported
from tests.wespe_bench.study.loops import in_a_loop
from tests.wespe_bench.study.studies import Person, Served
from wespe_bench.study.guard import Limit, address
from wespe_bench.study.manifest import Study
from wespe_bench.study.server import Server
from wespe_bench.study.votes import load_votes
from wespe_bench.study.writer import Writer

Place = tuple[Path, Study]


def raw(server: Served, request: bytes) -> bytes:
    """The start of the answer to bytes that no client library would send."""
    where = urlsplit(server.root)
    with socket.create_connection((where.hostname, where.port), timeout=120) as connection:
        connection.sendall(request)
        return connection.recv(4096)


def test_a_rater_from_first_to_last(client: httpx.Client, place: Place) -> None:
    folder, study = place
    person = Person(client).join()
    questions = person.session["questions"]
    assert person.session["title"] == "Which?"
    assert person.session["tile"] == 512
    assert (person.session["total"], person.session["position"]) == (6, 0)
    assert sorted(q["id"] for q in questions) == [q.id for q in study.questions]
    assert not person.session["closed"]
    by_id = {question.id: question for question in study.questions}
    chosen = ["left", "right", "left", "left", "right", "right"]
    for number, choice in enumerate(chosen):
        assert questions[number]["answer"] is None
        answer = person.vote(number, choice, milliseconds=1000 + number)
        assert (answer.status_code, answer.json()) == (200, {"position": number + 1})
    screen = {"surround": "#777777", "width": 1280, "height": 720, "ratio": 1.5}
    assert person.vote(5, "left", milliseconds=7, screen=screen).json() == {"position": 6}
    person.look()
    assert [q["answer"] for q in person.session["questions"]] == [*chosen[:5], "left"]
    assert [q["left"] for q in person.session["questions"]] == [q["left"] for q in questions]
    rows = load_votes(folder)
    rows = rows[rows["rater"] == rows["rater"].iloc[-1]]
    assert list(rows["position"]) == [1, 2, 3, 4, 5, 6]
    assert list(rows["milliseconds"]) == [1000, 1001, 1002, 1003, 1004, 7]
    assert list(rows["revised"]) == [0, 0, 0, 0, 0, 1]
    assert list(rows["choice"]) == [*chosen[:5], "left"]
    for (_, row), shown in zip(rows.iterrows(), questions, strict=True):
        question = by_id[row["question"]]
        assert row["question"] == shown["id"]
        for side in ("left", "right"):
            assert study.pictures[shown[side]["picture"]].method == row[side]
        assert row["chosen"] == row[row["choice"]]
        assert row["check"] == (question.check or "")
        if question.check:
            assert row["correct"] == (row["chosen"] == row["second"])
    assert rows["correct"].isna().sum() == 5
    assert set(rows["source"]) == {"server"}
    seen = [tuple(row) for row in rows[["surround", "window", "pixel_ratio"]].to_numpy()]
    assert seen == [("", "", "")] * 5 + [("#777777", "1280x720", "1.5")]


def test_a_vote_sent_twice_counts_once(client: httpx.Client, place: Place) -> None:
    person = Person(client).join()
    number = str(uuid.uuid4())
    before = len(load_votes(place[0]))
    for _ in range(3):
        assert person.vote(0, vote=number).json() == {"position": 1}
    assert person.vote(1).json() == {"position": 2}
    # Even late, when the answer could not be changed any more.
    assert person.vote(2).json() == {"position": 3}
    assert person.vote(0, vote=number).json() == {"position": 3}
    assert len(load_votes(place[0])) == before + 3
    for changes in ({"choice": "right"}, {"milliseconds": 1}):
        answer = person.vote(0, **{"vote": number, **changes})
        assert answer.status_code == 409
    assert person.vote(3, vote=number).status_code == 409
    # Nor under another's name.
    assert Person(client).join().vote(0, vote=number).status_code == 409
    assert len(load_votes(place[0])) == before + 3


def test_order_and_one_step_back(client: httpx.Client) -> None:
    person = Person(client).join()
    assert person.vote(1).status_code == 409
    assert person.vote(0).status_code == 200
    assert person.vote(1).status_code == 200
    assert person.vote(0, "right").status_code == 409
    assert person.vote(3).status_code == 409
    assert person.vote(1, "right").json() == {"position": 2}
    assert person.vote(1, "left").json() == {"position": 2}
    assert person.look().session["questions"][1]["answer"] == "left"
    assert person.session["position"] == 2


def test_unknown_raters_and_questions(client: httpx.Client) -> None:
    person = Person(client).join()
    stranger = Person(client, "A" * 32, person.session)
    assert stranger.vote(0).status_code == 404
    assert client.get("/api/session", headers=stranger.bearer).status_code == 404
    assert client.get("/api/session").status_code == 401
    for given in (
        "Bearer",
        "Bearer x",
        "Basic eDp5",
        f"Bearer {person.word}x",
        "Bearer " + "é" * 22,
    ):
        answer = client.get("/api/session", headers={"authorization": given.encode()})
        assert answer.status_code == 404, given
    body = {"vote": str(uuid.uuid4()), "choice": "left", "milliseconds": 1}
    for question in ("0" * 16, "x", "%2e%2e", "'; DROP TABLE votes; --"):
        answer = client.put(f"/api/votes/{question}", json=body, headers=person.bearer)
        assert answer.status_code == 404, question


MALFORMED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 4000,
    b'{"vote": 1e999}',
    b'{"vote":"VOTE","choice":"left"}',
    b'{"vote":"VOTE","choice":"left","milliseconds":1,"rater":"x"}',
    b'{"vote":"x","choice":"left","milliseconds":1}',
    b'{"vote":["VOTE"],"choice":"left","milliseconds":1}',
    b'{"vote":"\\ud800","choice":"left","milliseconds":1}',
    b'{"vote":"VOTE","choice":"middle","milliseconds":1}',
    b'{"vote":"VOTE","choice":null,"milliseconds":1}',
    b'{"vote":"VOTE","choice":["left"],"milliseconds":1}',
    b'{"vote":"VOTE","choice":"left","milliseconds":-1}',
    b'{"vote":"VOTE","choice":"left","milliseconds":1.5}',
    b'{"vote":"VOTE","choice":"left","milliseconds":true}',
    b'{"vote":"VOTE","choice":"left","milliseconds":NaN}',
    b'{"vote":"VOTE","choice":"left","milliseconds":"1"}',
    b'{"vote":"VOTE","choice":"left","milliseconds":99999999999999999999}',
    b'{"vote":"VOTE","choice":"left","milliseconds":1,"screen":[]}',
    b'{"vote":"VOTE","choice":"left","milliseconds":1,"screen":{"surround":"#777777"}}',
]


def test_malformed_votes(client: httpx.Client) -> None:
    person = Person(client).join()
    headers = {**person.bearer, "content-type": "application/json"}
    path = f"/api/votes/{person.id(0)}"
    for body in MALFORMED:
        sent = body.replace(b"VOTE", str(uuid.uuid4()).encode())
        answer = client.put(path, content=sent, headers=headers)
        assert answer.status_code == 400, (body, answer.text)
        assert len(answer.text.splitlines()) == 1
    other = {**person.bearer, "content-type": "text/plain"}
    good = b'{"vote":"%s","choice":"left","milliseconds":1}' % str(uuid.uuid4()).encode()
    assert client.put(path, content=good, headers=other).status_code == 415
    assert person.look().session["position"] == 0
    assert client.put(path, content=good, headers=headers).status_code == 200


def test_oversized_requests(client: httpx.Client, server: Served) -> None:
    person = Person(client).join()
    headers = {**person.bearer, "content-type": "application/json"}
    path = f"/api/votes/{person.id(0)}"
    # The length is refused as stated, before any of it is read ...
    start = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\n"
    for length in (b"4097", b"99999999999999999999"):
        answer = raw(server, start.encode() + b"Content-Length: " + length + b"\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400")), answer
    # ... and counted where none is stated.
    answer2 = client.put(path, content=(b"x" * 512 for _ in range(9)), headers=headers)
    assert answer2.status_code == 413
    assert client.get("/" + "x" * 600).status_code == 414
    assert person.vote(0).status_code == 200


def test_nothing_leads_out_of_the_folder(
    client: httpx.Client, server: Served, place: Place
) -> None:
    picture = place[1].questions[0].first
    good = client.get(f"/tiles/{picture}/0/0_0.png")
    assert good.status_code == 200
    assert good.headers["content-type"] == "image/png"
    assert "immutable" in good.headers["cache-control"]
    for path in (
        f"/tiles/{picture}/0/1_0.png",
        f"/tiles/{picture}/0/0_1.png",
        f"/tiles/{picture}/1/0_0.png",
        f"/tiles/{picture}/0/-1_0.png",
        f"/tiles/{picture}/99999999999999999999/0_0.png",
        f"/tiles/{picture}/0/",
        f"/tiles/{picture}",
        "/tiles/",
        "/tiles/0000000000000000/0/0_0.png",
        "/study.json",
        "/secret.json",
        "/votes.sqlite",
        "/page/",
        "/page/index.html",
        "/page/..%2fserver.py",
        "/admin/",
    ):
        assert client.get(path).status_code == 404, path
    for path in (
        "/../study.json",
        "/page/../../serve.py",
        "/page/..%2f..%2fserve.py",
        "/page/%2e%2e/serve.py",
        f"/tiles/{picture}/0/..%2f..%2f..%2f..%2fstudy.json",
        f"/tiles/{picture}/../../study.json",
        "/tiles/..%5c..%5cstudy.json",
        "/tiles/%00/0/0_0.png",
        "//etc/passwd",
    ):
        answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (path, answer)


def test_every_answer_has_strict_headers(client: httpx.Client, place: Place) -> None:
    person = Person(client).join()
    tile = f"/tiles/{place[1].questions[0].first}/0/0_0.png"
    answers = [
        client.get("/"),
        client.get(tile),
        client.get("/nothing"),
        client.get("/api/session", headers=person.bearer),
        client.get("/" + "x" * 600),
        client.get("/", headers={"host": "evil.example"}),
        client.delete("/api/session"),
        person.vote(0),
        person.vote(5),
    ]
    statuses = [answer.status_code for answer in answers[1:]]
    assert statuses == [200, 404, 200, 414, 421, 405, 200, 409]
    for answer in answers:
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_export_needs_the_admin_token(client: httpx.Client, server: Served, place: Place) -> None:
    person = Person(client).join()
    person.vote(0)
    for given in ("", "Bearer", "Bearer x", f"Bearer {person.word}", f"bearer {server.admin}"):
        answer = client.get("/admin/votes.csv", headers={"authorization": given})
        assert answer.status_code == 403
        assert "study serve printed when it was started last" in answer.text
    answer = client.get("/admin/votes.csv", headers={"authorization": f"Bearer {server.admin}"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert person.word not in answer.text
    copy = place[0].parent / "votes.csv"
    copy.write_text(answer.text)
    exported, stored = reported.load_votes(copy), load_votes(place[0])
    assert reported.check_votes(exported).equals(reported.check_votes(stored))


def test_too_many_votes_of_one_rater(client: httpx.Client) -> None:
    person = Person(client).join()
    statuses = {person.vote(0, choice).status_code for choice in ("left", "right") * 25}
    assert statuses == {200, 429}
    assert Person(client).join().vote(0).status_code == 200


def test_nobody_is_named_in_the_files(client: httpx.Client, place: Place) -> None:
    person = Person(client).join()
    person.vote(0)
    for path in place[0].glob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert person.word.encode() not in data
            assert b"127.0.0.1" not in data and b"httpx" not in data


def test_page_files_are_served(place: Place, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>page</title>")
    (tmp_path / "main.js").write_text("1")
    (tmp_path / "notes.md").write_text("mine")
    folder, study = place
    writer = Writer(folder, study)
    app = Server(folder, study, writer, token="t" * 9, admin="a", page=tmp_path).app()

    async def look() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://study.example"
        ) as client:
            return [await client.get(path) for path in ("/", "/page/main.js", "/page/notes.md")]

    page, script, notes = in_a_loop(look())
    writer.stop()
    assert page.text == "<title>page</title>"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert notes.status_code == 404


@pytest.mark.parametrize("burst", [1, 3])
def test_limits(burst: int) -> None:
    now = [0.0]
    limit = Limit(2, burst, most=2, clock=lambda: now[0])
    assert [limit.allows("a") for _ in range(burst + 1)] == [True] * burst + [False]
    assert limit.allows("b")
    now[0] = 0.5
    assert limit.allows("a") and not limit.allows("a")
    now[0] = 99
    assert [limit.allows("a") for _ in range(burst + 1)] == [True] * burst + [False]
    limit.allows("b")
    limit.allows("c")  # a is forgotten, not the memory filled
    assert limit.allows("a")


def test_a_network_counts_as_one() -> None:
    here = address({"client": ("2001:db8::1", 1)})
    assert here == address({"client": ("2001:db8::ffff:2", 2)})
    assert here != address({"client": ("2001:db8:0:1::1", 1)})
    assert address({"client": ("192.0.2.7", 1)}) == "192.0.2.7"
    assert address({}) == ""
