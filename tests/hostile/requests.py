"""Hostile requests to a served study: what is sent, and the answer.

One server stands for all of them (`tests.hostile.test_requests`); the study that it serves has
tiles that are links to a file of another's, to an endless device and to a pipe.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.hostile import studies

TITLE = "Requests to a served study"

#: The token that the study needs, and what the linked tiles lead to.
TOKEN = "river-42-bend-river-42-bend"
SECRET = b"not for readers"

_PICTURE = f"{studies.FIRST[:-1]}0"
_OTHER = f"{studies.SECOND[:-1]}"
_VOTE = "/api/votes/QUESTION"
_UUID = "0123abcd-0123-0123-0123-0123456789ab"
_GOOD = f'{{"vote":"{_UUID}","choice":"left","milliseconds":1}}'
_BEARER = ("Authorization: Bearer WORD",)
_JSON = ("Content-Type: application/json",)


@dataclass(frozen=True)
class Request:
    """``line`` is the method and path; QUESTION and WORD stand for the rater's own.

    ``answer`` is the body's beginning, its "..." what a library says.
    """

    offered: str
    line: str
    status: int
    answer: str = ""
    headers: tuple[str, ...] = ()
    body: str | bytes = b""
    #: What Content-Length says, where that is not the body's length.
    length: str = ""

    def data(self, word: str, question: str) -> bytes:
        """The bytes to send."""
        body = self.body.encode() if isinstance(self.body, str) else self.body
        lines = [f"{self.line} HTTP/1.1", *self.headers, "Connection: close"]
        if not any(line.lower().startswith("host:") for line in self.headers):
            lines.insert(1, "Host: localhost")
        if self.length or body:
            lines.append(f"Content-Length: {self.length or len(body)}")
        head = "\r\n".join(lines).replace("QUESTION", question).replace("WORD", word)
        return head.encode("latin-1") + b"\r\n\r\n" + body


def make(folder: Path) -> None:
    """The study that is served."""
    made = studies.study(4)
    studies.write(folder, made)
    (folder.parent / "secret.txt").write_bytes(SECRET)
    os.mkfifo(folder.parent / "pipe")


def link(folder: Path) -> None:
    """Put links where tiles are; serving starts with a look that they are files."""
    for number, target in enumerate(("../secret.txt", "/dev/zero", "../pipe")):
        level = folder / "tiles" / f"{_OTHER}{number}" / "0"
        (level / "0_0.png").unlink()
        (level / "0_0.png").symlink_to((folder / target).resolve())


def _vote(offered: str, body: str | bytes, status: int, answer: str) -> Request:
    return Request(offered, f"PUT {_VOTE}", status, answer, _BEARER + _JSON, body)


def _get(offered: str, path: str, status: int = 404, answer: str = "not found") -> Request:
    return Request(offered, f"GET {path}", status, answer)


_NO_JSON = "malformed: no JSON"
_TIME = "malformed: milliseconds from 0 to 2592000000"
_GONE = "this tile is gone; build the study again"

REQUESTS = (
    _get("a path that climbs out", "/../study.json", answer="Not Found"),
    _get(
        "the same of a tile, encoded",
        f"/tiles/{_PICTURE}/0/..%2f..%2f..%2f..%2fsecret.json",
        answer="Not Found",
    ),
    _get("the same twice encoded", "/tiles/..%252f..%252fsecret.json/0/0_0.png"),
    _get("the same with backslashes", "/tiles/..%5c..%5csecret.json/0/0_0.png"),
    _get("the same of the page's files", "/page/..%2f..%2fserve.py", answer="Not Found"),
    _get("the study's own secret", "/secret.json", answer="Not Found"),
    _get("the votes", "/votes.sqlite", answer="Not Found"),
    _get("a zero byte for a picture", "/tiles/%00/0/0_0.png"),
    _get("a tile at -1", f"/tiles/{_PICTURE}/0/-1_0.png", answer="Not Found"),
    _get("a tile at 10^400", f"/tiles/{_PICTURE}/0/1{'0' * 400}_0.png"),
    _get(
        "a tile that is a link to a file of another's", f"/tiles/{_OTHER}0/0/0_0.png", answer=_GONE
    ),
    _get("a tile that is a link to an endless device", f"/tiles/{_OTHER}1/0/0_0.png", answer=_GONE),
    _get("a tile that is a link to a pipe", f"/tiles/{_OTHER}2/0/0_0.png", answer=_GONE),
    _get("an address of 600 characters", "/" + "x" * 600, 414, "this address is too long"),
    _get(
        "a line break in an address, and a header after it",
        "/%0d%0aSet-Cookie:%20a=b",
        answer="Not Found",
    ),
    Request("a line break in a path, unencoded", "GET /\r\nX: y z", 400, "Invalid HTTP request..."),
    Request(
        "a header that is no header",
        "GET /",
        400,
        "Invalid HTTP request...",
        ("A header of words",),
    ),
    Request(
        "a rater's word of another form",
        "GET /api/session",
        404,
        "unknown rater",
        ("Authorization: Bearer ../../etc/passwd/../../x",),
    ),
    Request(
        "another rater's word, guessed",
        "GET /api/session",
        404,
        "unknown rater",
        (f"Authorization: Bearer {'B' * 32}",),
    ),
    Request(
        "no word at all",
        f"PUT {_VOTE}",
        401,
        "who votes? the header Authorization is missing",
        _JSON,
        _GOOD,
    ),
    Request(
        "a session without the study's token",
        "POST /api/session",
        403,
        "this is not the token that the study has now: it is in the link that study serve printed "
        "when it was started last; ask for that link",
        _JSON,
        "{}",
    ),
    Request(
        "a session with half a character for a token",
        "POST /api/session",
        403,
        "this is not the token that the study has now: it is in the link that study serve printed "
        "when it was started last; ask for that link",
        _JSON,
        '{"token":"\\ud800"}',
    ),
    Request(
        "a session with a list for a token",
        "POST /api/session",
        400,
        "expected {token}",
        _JSON,
        '{"token":["x"]}',
    ),
    Request(
        "the export with the rater's word",
        "GET /admin/votes.csv",
        403,
        "votes.csv needs the admin token that study serve printed when it was started last; every "
        "start draws another",
        _BEARER,
    ),
    Request(
        "another method than there is", "DELETE /api/session", 405, "Method Not Allowed", _BEARER
    ),
    Request(
        "a vote on what was not asked",
        f"PUT /api/votes/{'f' * 16}",
        404,
        "no such question",
        _BEARER + _JSON,
        _GOOD,
    ),
    Request(
        "SQL for a question",
        "PUT /api/votes/';DROP%20TABLE%20votes;--",
        404,
        "no such question",
        _BEARER + _JSON,
        _GOOD,
    ),
    Request(
        "a vote as a form of another site sends it",
        f"PUT {_VOTE}",
        415,
        "expected application/json",
        (*_BEARER, "Content-Type: text/plain"),
        _GOOD,
    ),
    Request(
        "a vote of 1 TB, as its length says",
        f"PUT {_VOTE}",
        413,
        "at most 4096 bytes",
        _BEARER + _JSON,
        length="1099511627776",
    ),
    Request(
        "a vote of 5 kB", f"PUT {_VOTE}", 413, "at most 4096 bytes", _BEARER + _JSON, b" " * 5000
    ),
    Request(
        "a vote of 5 kB in pieces, its length unsaid",
        f"PUT {_VOTE}",
        413,
        "at most 4096 bytes",
        (*_BEARER, *_JSON, "Transfer-Encoding: chunked"),
        b"1388\r\n" + b" " * 5000 + b"\r\n0\r\n\r\n",
    ),
    _vote("a vote nested 4,000 deep", "[" * 4000, 400, _NO_JSON),
    _vote("a vote that is no UTF-8", b"\xff\xfe", 400, _NO_JSON),
    _vote("a vote that is a list", "[]", 400, "malformed: expected an object"),
    _vote("a vote with NaN milliseconds", _GOOD.replace(":1}", ":NaN}"), 400, _TIME),
    _vote("a vote with infinite milliseconds", _GOOD.replace(":1}", ":Infinity}"), 400, _TIME),
    _vote("a vote with -1 milliseconds", _GOOD.replace(":1}", ":-1}"), 400, _TIME),
    _vote("a vote with 10^400 milliseconds", _GOOD.replace(":1}", f":1{'0' * 400}}}"), 400, _TIME),
    _vote(
        "a vote that names a rater and a position",
        _GOOD[:-1] + ',"rater":"x","position":-1}',
        400,
        "malformed: expected vote, choice, milliseconds and screen",
    ),
    _vote(
        "a vote whose number is a path",
        _GOOD.replace(_UUID, "../../x"),
        400,
        "malformed: vote is no UUID",
    ),
    _vote(
        "a vote for `<script>`",
        _GOOD.replace("left", "<script>"),
        400,
        "malformed: choice is left or right",
    ),
)


def table() -> list[str]:
    """The lines of docs/reference/hostile.md."""
    lines = ["", f"## {TITLE}", "", "| offered | request | status | answer |", "|---|---|--:|---|"]
    for one in REQUESTS:
        line = one.line if len(one.line) < 60 else f"{one.line[:56]}..."
        shown = line.replace("\r\n", " ").replace("QUESTION", "...")
        cells = (one.offered, f"`{shown}`", str(one.status), f"`{one.answer}`")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines
