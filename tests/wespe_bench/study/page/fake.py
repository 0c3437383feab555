"""A stand-in for `study serve`: the same HTTP, votes in memory."""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import wespe_bench

PAGE = Path(wespe_bench.__file__).parent / "study" / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Fake:
    """Sessions and votes; every answer is (status, body)."""

    def __init__(self, study: dict[str, Any], token: str = "") -> None:
        self.study = study
        self.token = token
        self.closed = False
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        self.log: list[str] = []  # "PUT /api/votes/...", in order
        self.lock = threading.Lock()

    def create(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.closed:
            return 410, {}
        if body.get("token") != self.token:
            return 403, {}
        rater = secrets.token_urlsafe(16)
        draw = random.Random(f"{self.study['revision']} {rater}")
        turns = []
        for question in draw.sample(self.study["questions"], len(self.study["questions"])):
            sides = [question["first"], question["second"]]
            draw.shuffle(sides)
            turns.append({"question": question, "left": sides[0], "right": sides[1], "votes": []})
        self.sessions[rater] = turns
        return 201, {"rater": rater}

    def session(self, rater: str) -> tuple[int, Any]:
        if rater not in self.sessions:
            return 404, {}
        turns = self.sessions[rater]
        pictures = self.study["pictures"]

        def side(picture: str) -> dict[str, Any]:
            return {"picture": picture, "levels": pictures[picture]["levels"]}

        return 200, {
            "title": self.study["title"],
            "total": len(turns),
            "tile": self.study["tile"],
            "position": self.position(rater),
            "closed": self.closed,
            "questions": [
                {
                    "id": turn["question"]["id"],
                    "left": side(turn["left"]),
                    "right": side(turn["right"]),
                    "answer": turn["votes"][-1]["choice"] if turn["votes"] else None,
                }
                for turn in turns
            ],
        }

    def position(self, rater: str) -> int:
        return sum(bool(turn["votes"]) for turn in self.sessions[rater])

    def vote(self, rater: str, question: str, body: Any) -> tuple[int, Any]:
        if rater not in self.sessions:
            return 404, {}
        if self.closed:
            return 410, {}
        turns = self.sessions[rater]
        try:
            place = [turn["question"]["id"] for turn in turns].index(question)
            vote = {"vote": body["vote"], "choice": body["choice"]}
            vote["milliseconds"] = body["milliseconds"]
        except (KeyError, TypeError, ValueError):
            return 400, {}
        if vote["choice"] not in ("left", "right") or type(vote["milliseconds"]) is not int:
            return 400, {}
        for at, turn in enumerate(turns):
            for known in turn["votes"]:
                if known["vote"] == vote["vote"]:
                    same = at == place and known == vote
                    return (200, {"position": self.position(rater)}) if same else (409, {})
        if not self.position(rater) - 1 <= place <= self.position(rater):
            return 409, {}
        turns[place]["votes"].append(vote)
        return 200, {"position": self.position(rater)}

    def votes(self) -> list[dict[str, Any]]:
        """One row per standing vote, in each rater's order: the columns of votes.csv."""
        method = {key: value["method"] for key, value in self.study["pictures"].items()}
        return [
            {
                "rater": rater,
                "question": turn["question"]["id"],
                "left": method[turn["left"]],
                "right": method[turn["right"]],
                "choice": turn["votes"][-1]["choice"],
                "position": place,
                "milliseconds": turn["votes"][-1]["milliseconds"],
                "revised": len(turn["votes"]) - 1,
            }
            for rater, turns in self.sessions.items()
            for place, turn in enumerate(turns, 1)
            if turn["votes"]
        ]


@contextlib.contextmanager
def serve(folder: Path, fake: Fake) -> Iterator[str]:
    """The address of the study in ``folder`` while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self, status: int, body: bytes, kind: str, cache: str = "no-store") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", cache)
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def answer(self, act: Any) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            rater = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            with fake.lock:
                fake.log.append(f"{self.command} {self.path}")
                status, found = act(rater, json.loads(body or b"{}"))
            self.reply(status, json.dumps(found).encode(), "application/json")

        def file(self, path: Path, cache: str = "no-store") -> None:
            if ".." in self.path or not path.is_file():
                self.reply(404, b"", "text/plain")
            else:
                self.reply(200, path.read_bytes(), KINDS[path.suffix], cache)

        def do_GET(self) -> None:
            if self.path == "/":
                self.file(PAGE / "index.html")
            elif self.path.startswith("/page/"):
                self.file(PAGE / self.path.removeprefix("/page/"))
            elif self.path.startswith("/tiles/"):
                fake.log.append(f"GET {self.path}")
                self.file(folder / self.path[1:], "public, max-age=31536000, immutable")
            elif self.path == "/api/session":
                self.answer(lambda rater, _: fake.session(rater))
            else:
                self.reply(404, b"", "text/plain")

        def do_POST(self) -> None:
            self.answer(lambda _, body: fake.create(body))

        def do_PUT(self) -> None:
            question = self.path.removeprefix("/api/votes/")
            self.answer(lambda rater, body: fake.vote(rater, question, body))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # called-off tiles
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
