"""Our Flickr on loopback, or without any network: faults by plan, and a log of requests."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from ffs.retries import Clock, System
from tests.ffs import pictures
from tests.ffs.flickr import World, encoded, fail

#: Fault -> its share of calls, of images.
FAULTS = {
    "429": (0.03, 0.02),
    "503": (0.03, 0.03),
    "502": (0.01, 0.0),
    "105": (0.02, 0.0),
    "html": (0.01, 0.01),
    "cut": (0.03, 0.03),
    "slow": (0.02, 0.01),
}


@dataclass
class Answer:
    """``fault`` is also what the transport shall do: "cut" the body, or be "slow"."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of the log: the clock's time, "api" or "image", what was asked, how it ended."""

    at: float
    kind: str
    what: dict[str, str]
    end: str


class Server:
    """Answers requests about ``world``. ``faults`` turns them on; ``plan`` forces the next ones."""

    def __init__(
        self, world: World, clock: Clock | None = None, *, faults: bool = False, seed: int = 0
    ) -> None:
        self.world, self.clock, self.faults = world, clock or System(), faults
        self.log: list[Entry] = []
        self.plan: list[str] = []
        self.retry_after = "3"
        self.spoilt = 97  # three of so many photos cannot be had
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def answer(self, path: str, body: bytes) -> Answer:
        """The answer to one request, which is logged without the key."""
        with self._lock:
            if path.startswith("/services/rest"):
                form = dict(parse_qsl(body.decode()))
                what = {k: v for k, v in form.items() if k not in ("api_key", "extras")}
                given = self._fault(0) or self._answer(form)
                kind = "api"
            else:
                what = {"path": path}
                # Faults of the placeholder would go unsaid: its address alone tells what it is.
                given = (None if "unavailable" in path else self._fault(1)) or self._image(path)
                kind = "image"
            self.log.append(Entry(self.clock.now(), kind, what, given.fault or str(given.status)))
            return given

    def _answer(self, form: dict[str, str]) -> Answer:
        body = self.world.answer(form)
        fault = "" if body["stat"] == "ok" else f"fail {body['code']}"
        return Answer(200, encoded(body), {"Content-Type": "application/json"}, fault)

    def _fault(self, which: int) -> Answer | None:
        name = self.plan.pop(0) if self.plan else ""
        if not name and self.faults:
            draw = self._random.random()
            for name_, shares in FAULTS.items():
                draw -= shares[which]
                if draw < 0:
                    name = name_
                    break
        if name in ("", "ok"):
            return None
        if name in ("cut", "slow", "gone"):
            return Answer(200, b'{"stat": "ok", "photos": {"page": 1, "pho', {}, name)
        if name == "105":
            return Answer(200, encoded(fail(105, "Service currently unavailable")), {}, "105")
        if name == "html":
            return Answer(200, b"<html>Please log in to this hotel's network</html>", {}, "html")
        headers = {"Retry-After": self.retry_after} if name == "429" else {}
        return Answer(int(name), b"busy", headers, name)

    def _image(self, path: str) -> Answer:
        if path.endswith("photo_unavailable.png"):
            return Answer(200, pictures.placeholder(), fault="placeholder")
        name = path.rpartition("/")[2].removesuffix(".jpg")
        id_, _, letter = name.partition("_")
        number = self.world.place.get(id_)
        if number is None or id_ in self.world.removed:
            return Answer(404, b"not found")
        luck = int(id_) % self.spoilt
        if luck == 0:
            return Answer(404, b"not found")
        if luck == 1:
            headers = {"Location": f"{self.world.base}/en-us/photo_unavailable.png"}
            return Answer(302, b"", headers, "redirect")
        if luck == 2:
            return Answer(200, pictures.placeholder(), fault="placeholder")
        kind, strength = int(self.world.owner[number]), int(self.world.strength[number])
        size = self.world.files(number)[letter]
        return Answer(200, pictures.jpeg(id_, kind, strength, size))

    def transport(self) -> httpx.MockTransport:
        """For a client in this process: no sockets."""

        def handle(request: httpx.Request) -> httpx.Response:
            given = self.answer(request.url.path, request.read())
            if given.fault == "cut":
                raise httpx.RemoteProtocolError("peer closed connection", request=request)
            if given.fault == "slow":
                raise httpx.ReadTimeout("timed out", request=request)
            if given.fault == "gone":
                raise httpx.ConnectError("no route to host", request=request)
            return httpx.Response(given.status, headers=given.headers, content=given.body)

        return httpx.MockTransport(handle)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of the API on loopback, while the block runs."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self._send(server.answer(urlsplit(self.path).path, self.rfile.read(length)))

            def do_GET(self) -> None:
                self._send(server.answer(urlsplit(self.path).path, b""))

            def _send(self, given: Answer) -> None:
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                extra = 1000 if given.fault in ("cut", "slow") else 0
                self.send_header("Content-Length", str(len(given.body) + extra))
                self.end_headers()
                self.wfile.write(given.body)
                if given.fault == "slow":
                    time.sleep(3.5)
                if extra:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a client that was killed

        with Quiet(("127.0.0.1", 0), Handler) as http:
            base = f"http://127.0.0.1:{http.server_address[1]}"
            self.world.base = base
            thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield f"{base}/services/rest/"
            finally:
                http.shutdown()
                thread.join()

    def ends(self, kind: str) -> dict[str, int]:
        """How many requests of a kind ended how."""
        found: dict[str, int] = {}
        for entry in self.log:
            if entry.kind == kind:
                found[entry.end] = found.get(entry.end, 0) + 1
        return found

    def received(self) -> str:
        """The log as text."""
        return "\n".join(json.dumps([e.at, e.kind, e.what, e.end]) for e in self.log)
