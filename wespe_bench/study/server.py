"""The study over HTTP: the page, the tiles, sessions, votes, and the owner's export.

A rater is known by a random word that only the rater's browser has; it comes in a header, never
in an address, so no log holds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from wespe_bench import reading
from wespe_bench.study import guard, screen, secret
from wespe_bench.study.guard import MOST_BYTES, Guard, Limit
from wespe_bench.study.manifest import Study
from wespe_bench.study.register import Rater, Refused, Register, Vote
from wespe_bench.study.votes import to_csv
from wespe_bench.study.writer import Writer

_WORD = re.compile(r"Bearer ([0-9A-Za-z_-]{22,64})")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: Longest time (ms) a pair can have been on screen: 30 days.
MOST_MILLISECONDS = 30 * 24 * 3600 * 1000

#: Most bytes of a tile; 512 x 512 pixels take 800,000.
MOST_TILE = 2**24

#: Seconds until a body that does not come is given up.
_PATIENCE = 10

#: Seconds that the answer to a wrong token takes, so that guessing is slow.
_WRONG_TOKEN_SECONDS = 0.5

_NO_STORE = {"cache-control": "no-store"}
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}

#: The page's files, shipped with the package.
PAGE = Path(__file__).with_name("page")


class Server:
    """The routes of one study. ``token`` empty: anybody who reaches it may take part."""

    def __init__(
        self, folder: Path, study: Study, writer: Writer, *, token: str, admin: str, page: Path
    ) -> None:
        self._folder, self._study, self._writer = folder, study, writer
        self._token, self._admin = token, admin
        self._page = _read_page(page)
        self._shown = {
            name: {"picture": name, "levels": [asdict(level) for level in picture.levels]}
            for name, picture in study.pictures.items()
        }
        self._sessions = Limit(guard.SESSIONS_RATE, guard.SESSIONS_BURST)
        self._votes = Limit(guard.VOTES_RATE, guard.VOTES_BURST)

    def app(self) -> Guard:
        """The ASGI app: routes inside the `guard.Guard`."""
        routes = [
            Route("/api/votes/{question}", self.vote, methods=["PUT"]),
            Route("/tiles/{picture}/{level:int}/{column:int}_{row:int}.png", self.tile),
            Route("/api/session", self.begin, methods=["POST"]),
            Route("/api/session", self.session),
            Route("/", self.page),
            Route("/page/{name}", self.page),
            Route("/admin/votes.csv", self.export),
        ]
        app = Starlette(
            routes=routes, exception_handlers={Refused: _refuse}, lifespan=self._lifespan
        )
        app.router.redirect_slashes = False
        return Guard(app, local_only=not self._token)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        self._writer.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._writer.stop)

    async def page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in self._page or (name == "index.html" and "name" in request.path_params):
            raise Refused(404, "not found")
        body, media = self._page[name]
        return Response(body, media_type=media, headers={"cache-control": "no-cache"})

    async def tile(self, request: Request) -> Response:
        of = request.path_params
        picture = self._study.pictures.get(of["picture"])
        levels = picture.levels if picture else ()
        if of["level"] >= len(levels):
            raise Refused(404, "not found")
        level = levels[of["level"]]
        if of["column"] >= level.columns or of["row"] >= level.rows:
            raise Refused(404, "not found")
        # Of the study's own words and of numbers: no path leads out of the folder.
        path = self._folder / "tiles" / of["picture"] / str(of["level"])
        try:
            data = await asyncio.to_thread(self._read, path / f"{of['column']}_{of['row']}.png")
        except (OSError, RuntimeError):  # a circle of links is a RuntimeError before Python 3.13
            raise Refused(404, "this tile is gone; build the study again") from None
        return Response(data, media_type="image/png", headers=_FOR_EVER)

    def _read(self, path: Path) -> bytes:
        """A tile's bytes. Raises OSError where a link would lead out of the study's tiles."""
        if not path.resolve().is_relative_to((self._folder / "tiles").resolve()):
            raise OSError(f"{path}: a link")
        reading.check_regular(path)
        if path.stat().st_size > MOST_TILE:
            raise OSError(f"{path}: no tile")
        return path.read_bytes()

    async def begin(self, request: Request) -> Response:
        fields = await _body(request)
        token = fields.get("token", "")
        if fields.keys() - {"token"} or not isinstance(token, str):
            raise Refused(400, "expected {token}")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode()):
            await asyncio.sleep(_WRONG_TOKEN_SECONDS)
            raise Refused(
                403,
                "this is not the token that the study has now: it is in the link that study "
                "serve printed when it was started last; ask for that link",
            )
        if not self._sessions.allows(guard.address(request.scope)):
            raise Refused(429, "too many new raters; wait a little")
        word = secret.drawn()
        await self._writer.run(lambda register: register.begin(word))
        return JSONResponse({"rater": word}, 201, headers=_NO_STORE)

    async def session(self, request: Request) -> Response:
        word = _word(request)
        fields = await self._writer.run(lambda register: self._session(register, word))
        return JSONResponse(fields, headers=_NO_STORE)

    def _session(self, register: Register, word: str) -> dict[str, Any]:
        rater: Rater = register.rater(word)
        questions = []
        for place, turn in enumerate(rater.turns):
            question = self._study.questions[turn.question]
            sides = (question.first, question.second)
            left, right = sides if turn.first_left else sides[::-1]
            answer = None
            if place < len(rater.answers):
                answer = "left" if rater.answers[place] else "right"
            shown = {"left": self._shown[left], "right": self._shown[right], "answer": answer}
            questions.append({"id": question.id, **shown})
        return {
            "title": self._study.title,
            "total": len(questions),
            "tile": self._study.tile,
            "position": len(rater.answers),
            "closed": register.closed,
            "questions": questions,
        }

    async def vote(self, request: Request) -> Response:
        word = _word(request)
        vote = _vote(request.path_params["question"], await _body(request))
        if not self._votes.allows(word):
            raise Refused(429, "too many votes; wait a little")
        position = await self._writer.run(lambda register: register.cast(word, vote))
        return JSONResponse({"position": position}, headers=_NO_STORE)

    async def export(self, request: Request) -> Response:
        given = request.headers.get("authorization", "")
        wanted = f"Bearer {self._admin}"
        if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
            await asyncio.sleep(_WRONG_TOKEN_SECONDS)
            raise Refused(
                403,
                "votes.csv needs the admin token that study serve printed when it was started "
                "last; every start draws another",
            )
        text = await asyncio.to_thread(to_csv, self._folder)
        headers = {**_NO_STORE, "content-disposition": 'attachment; filename="votes.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


async def _refuse(_: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refused) else 500
    headers = dict(_NO_STORE)
    if status in (429, 503):
        headers["retry-after"] = "1"
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return PlainTextResponse(str(error), status, headers=headers)


def _word(request: Request) -> str:
    given = request.headers.get("authorization", "")
    if not given:
        raise Refused(401, "who votes? the header Authorization is missing")
    found = _WORD.fullmatch(given)
    if not found:
        raise Refused(404, "unknown rater")
    return found[1]


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises Refused: 400, 408, 413, 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # what another site's form could send is not that
        raise Refused(415, "expected application/json")
    data = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for part in request.stream():
                data += part
                if len(data) > MOST_BYTES:
                    raise Refused(413, f"at most {MOST_BYTES} bytes")
    except TimeoutError:
        raise Refused(408, "the request did not arrive") from None
    except ClientDisconnect:
        raise Refused(400, "the request was cut short") from None
    try:
        fields = reading.parse_json(bytes(data))
    except ValueError:
        raise Refused(400, "malformed: no JSON") from None
    if not isinstance(fields, dict):
        raise Refused(400, "malformed: expected an object")
    return fields


def _vote(question: str, fields: Mapping[str, Any]) -> Vote:
    """A vote as sent. Raises Refused (400)."""
    number, choice, milliseconds = (fields.get(k) for k in ("vote", "choice", "milliseconds"))
    if fields.keys() - {"screen"} != {"vote", "choice", "milliseconds"}:
        raise Refused(400, "malformed: expected vote, choice, milliseconds and screen")
    if not isinstance(number, str) or not _UUID.fullmatch(number.lower()):
        raise Refused(400, "malformed: vote is no UUID")
    if choice not in ("left", "right"):
        raise Refused(400, "malformed: choice is left or right")
    if type(milliseconds) is not int or not 0 <= milliseconds <= MOST_MILLISECONDS:
        raise Refused(400, f"malformed: milliseconds from 0 to {MOST_MILLISECONDS}")
    try:
        seen = screen.parse(fields.get("screen"))
    except ValueError as error:
        raise Refused(400, f"malformed: {error}") from None
    return Vote(UUID(number), question, choice == "left", milliseconds, seen)


def _read_page(folder: Path) -> dict[str, tuple[bytes, str]]:
    """The page's files by name, with their media types."""
    return {
        path.name: (path.read_bytes(), _MEDIA[path.suffix])
        for path in sorted(folder.glob("*"))
        if path.suffix in _MEDIA and path.is_file()
    }
