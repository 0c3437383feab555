"""Downloading one large file: what broke off goes on where it stopped (HTTP Range)."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from wespe_bench import atomic, reading
from wespe_bench.errors import InputError, one_line

_TRIES = 5  # in a row without a new byte
_TIMEOUT = (15, 60)  # s, to connect and between two pieces
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Resuming:
    """A downloader for pooch that goes on where an earlier one broke off.

    The beginning lies in ``partial``; beside it, what the server said the whole file was.
    ``size`` in bytes is checked when it is known (0: it is not).
    """

    partial: Path
    size: int = 0

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        """Fetch ``url`` to the path ``output_file``; tried again while it gets on."""
        import requests

        tries = 0
        while True:
            before = self._have()
            try:
                self._go_on(url)
                break
            except (requests.HTTPError, requests.exceptions.InvalidURL):
                raise  # the server has spoken, or there is none
            except (requests.RequestException, _BrokenOff) as error:
                have = self._have()
                tries = 0 if have > before else tries + 1
                if tries >= _TRIES:
                    kept = f"; {have} bytes are kept, the same command goes on"
                    raise InputError(unreachable(url, error) + kept * bool(have)) from None
                time.sleep(min(2**tries * 0.25, 8))
        self.partial.replace(output_file)
        self._stamp_path().unlink(missing_ok=True)

    def _have(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _stamp_path(self) -> Path:
        return self.partial.with_name(self.partial.name + ".json")

    def _go_on(self, url: str) -> None:
        import requests
        from tqdm import tqdm

        have, stamp = self._have(), self._stamp(url)
        headers = {"Accept-Encoding": "identity", "User-Agent": "wespe-bench"}
        if have and stamp:
            headers |= {"Range": f"bytes={have}-", "If-Range": stamp}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if response.status_code == 416:  # past the end: what is here is another file
                self.partial.unlink(missing_ok=True)
                raise _BrokenOff("the server knows no such range")
            response.raise_for_status()
            resumed = response.status_code == 206
            said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            if resumed and (said is None or int(said[1]) != have):
                self.partial.unlink(missing_ok=True)
                raise _BrokenOff("the server sent another range than was asked for")
            begin = have if resumed else 0
            length = int(response.headers.get("Content-Length") or 0)
            total = int(said[2]) if said else length
            if self.size and total and total != self.size:
                self.partial.unlink(missing_ok=True)
                raise InputError(f"{url}: {total} bytes there, expected {self.size}")
            tag = response.headers.get("ETag", "")
            strong = tag if tag and not tag.startswith("W/") else ""
            stamp = strong or response.headers.get("Last-Modified", "")
            atomic.write_text(self._stamp_path(), json.dumps({"url": url, "stamp": stamp}))
            with (
                open(self.partial, "ab" if resumed else "wb") as file,
                tqdm(
                    total=total or None,
                    initial=begin,
                    desc=file_name(url),
                    unit="B",
                    unit_scale=True,
                ) as bar,
            ):
                for piece in response.iter_content(_CHUNK):
                    file.write(piece)
                    bar.update(len(piece))
        if total and self._have() != total:
            raise _BrokenOff(f"the connection broke off after {self._have()} of {total} bytes")

    def _stamp(self, url: str) -> str:
        """What the server called the file whose beginning we have; empty when unknown."""
        try:
            noted = reading.read_json(self._stamp_path())
            return str(noted["stamp"]) if noted["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""


class _BrokenOff(Exception):  # noqa: N818
    """The transfer ended too early."""


def unreachable(url: str, error: BaseException) -> str:
    """Why nothing came from ``url``, in one line."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{url}: the server says {error.response.status_code} {error.response.reason}"
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, _BrokenOff)):
        return f"{url}: the connection broke off, again and again"
    if isinstance(error, requests.ConnectionError) and not isinstance(error, requests.Timeout):
        return f"{url}: cannot be reached (no network, or a wrong address)"
    return f"{url}: {one_line(error)[:160]}"


def file_name(url: str) -> str:
    """What the file at ``url`` is called, in letters that any disk takes."""
    name = re.sub(r"[^\w.-]", "_", unquote(urlsplit(url).path).rpartition("/")[2])
    return name.lstrip(".") or "archive"
