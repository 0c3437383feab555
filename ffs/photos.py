"""Downloading one photo: streamed under a temporary name, checked, brought to HD, kept as JPEG.

What is kept has no metadata: neither the camera's nor the place where the photo was taken.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from ffs import retries
from ffs.crops import prepare_hd
from ffs.flickr import USER_AGENT
from ffs.retries import KEPT, Clock, Pace, RetryLater
from wespe_bench import atomic, provenance
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb

if TYPE_CHECKING:
    import httpx

#: Quality of the JPEGs that are kept.
QUALITY = 95
FOLDER = "photos"

_MOST_BYTES = 200_000_000
_MOST_SECONDS = 600.0
_DAMAGED_TRIES = 3
#: Flickr answers for a photo that is gone with a picture that says so.
_PLACEHOLDER = "photo_unavailable"


class Unusable(Exception):  # noqa: N818
    """This photo cannot be downloaded. ``server_fault``: perhaps not the photo is at fault."""

    def __init__(self, why: str, *, server_fault: bool = False) -> None:
        super().__init__(why)
        self.server_fault = server_fault


@dataclass(frozen=True, slots=True)
class Kept:
    """SHA-256 of the JPEG in the folder, and of the file it was made of ("" where it was here)."""

    sha256: str
    download: str


class Downloads:
    """Photos into ``folder``/photos, at most ``per_second`` of them a second."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        size: tuple[int, int],
        *,
        per_second: float = 2.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._folder, self._clock, self._size = folder / FOLDER, clock, size
        self._pace = Pace(per_second, clock)
        self._client = retries.client(transport, USER_AGENT, follow_redirects=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(".*.download"):  # a killed process's
            left.unlink(missing_ok=True)

    def close(self) -> None:
        self._client.close()

    def fetch(
        self, id_: str, url: str, listed: tuple[int, int], known: Callable[[str], str | None]
    ) -> Kept:
        """Download the photo as ``photos/ID.jpg``, unless it is there already.

        ``listed`` is the width and height that Flickr promised; ``known`` gives the id of a
        photo whose file has this SHA-256. Raises `Unusable`, InputError when no photo can be
        downloaded at all, and OSError when the disk is full.
        """
        path = self._folder / f"{id_}.jpg"
        if (there := self._there(path)) is not None:
            return there
        damaged = 0

        def once() -> tuple[bytes, np.ndarray]:
            nonlocal damaged
            data = self._download(id_, url)
            try:
                return data, read_rgb(data, name=url)
            except InputError:
                damaged += 1
                if damaged >= _DAMAGED_TRIES:
                    raise Unusable("damaged, or no photo") from None
                raise RetryLater("a damaged photo", server_wide=False) from None

        host = urlsplit(url).hostname or "?"
        try:
            data, image = retries.with_retries(once, host, self._clock)
        except RetryLater as error:
            if error.server_wide:
                raise InputError(f"{host}: {error}, {retries.TRIES} times; {KEPT}") from None
            raise Unusable(f"{error}, {retries.TRIES} times", server_fault=True) from None
        height, width = image.shape[:2]
        if (width, height) not in (listed, listed[::-1]):
            raise Unusable(f"{width}x{height} came, {listed[0]}x{listed[1]} was listed")
        digest = provenance.sha256_bytes(data)
        if (twin := known(digest)) is not None:
            raise Unusable(f"the same file as photo {twin}")
        jpeg = encode_jpeg(prepare_hd(image, self._size))
        atomic.write_bytes(path, jpeg)
        return Kept(provenance.sha256_bytes(jpeg), digest)

    def _there(self, path: Path) -> Kept | None:
        """A photo that a killed process had finished, but not noted."""
        if not path.exists():
            return None
        try:
            data = path.read_bytes()
            if read_rgb(data, name=str(path)).shape[1::-1] == self._size:
                return Kept(provenance.sha256_bytes(data), "")
        except InputError:
            pass
        return None

    def _download(self, id_: str, url: str) -> bytes:
        """The file's bytes, streamed to a temporary name first."""
        import httpx

        temporary = self._folder / f".{id_}.download"
        self._pace.turn()
        begun = self._clock.now()
        try:
            with self._client.stream("GET", url) as response, open(temporary, "wb") as file:
                self._check(response)
                size = 0
                for piece in response.iter_bytes():
                    size += len(piece)
                    if size > _MOST_BYTES:
                        raise Unusable(f"more than {_MOST_BYTES} bytes")
                    if self._clock.now() - begun > _MOST_SECONDS:
                        raise RetryLater(f"not done after {_MOST_SECONDS:.0f} s", server_wide=False)
                    file.write(piece)
            return temporary.read_bytes()
        except httpx.HTTPError as error:
            raise retries.connection_error(error) from None
        except (httpx.InvalidURL, UnicodeError):
            raise Unusable("its address is not a URL") from None
        except OSError as error:
            error.filename = error.filename or str(temporary)  # a full disk names no file
            raise
        finally:
            temporary.unlink(missing_ok=True)

    def _check(self, response: httpx.Response) -> None:
        if _PLACEHOLDER in response.url.path:
            raise Unusable("unavailable: a placeholder came")
        if not retries.is_safe(str(response.url)):
            raise Unusable("sent on to an address without https")
        retries.check_status(response, self._clock)
        if response.status_code != 200:
            raise Unusable(f"HTTP {response.status_code}")


def encode_jpeg(image: np.ndarray) -> bytes:
    """JPEG of uint8 (H, W, 3): quality `QUALITY`, colour at full resolution, no metadata."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
