"""A data set as one memory-mapped block of pixels: random batches at the speed of memory.

`wespe-bench data pack` writes a folder::

    pack.json             what was packed: data set, revision, kind, names of the files below
    index-KEY.parquet     a row per photo: id, offset, size, SHA-256 of the file and the pixels
    input-KEY.npy         the pixels, uint8; for patches of one size (N, H, W, 3), else flat
    reference-KEY.npy     the references' pixels, at the same offsets (paired sets only)

``pack.json`` is written last and names the other files, so a reader meets a whole set or
none. The ``.npy`` files open in numpy alone: ``numpy.load(file, mmap_mode="r")``.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wespe_bench import provenance, reading
from wespe_bench.errors import InputError, one_line

#: Layout number of a packed set; a reader refuses a larger one.
SCHEMA = 1

COLUMNS = {
    "sample": "string",
    "offset": "int64",
    "height": "int64",
    "width": "int64",
    "source_sha256": "string",
    "pixels_sha256": "string",
    "reference_source_sha256": "string",
    "reference_pixels_sha256": "string",
}


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A packed set, opened by `Packed.open`; it reads nothing until pixels are asked for.

    ``ids`` are in the data set's order; ``offsets`` int64 (N,) in bytes and ``sizes`` int64
    (N, 2) as height and width belong to them. ``head`` is pack.json.
    """

    folder: Path
    head: dict[str, Any]
    ids: tuple[str, ...]
    offsets: np.ndarray
    sizes: np.ndarray
    _smallest: tuple[int, int]
    _largest: tuple[int, int]
    _input: np.ndarray
    _reference: np.ndarray | None

    @staticmethod
    def open(folder: Path | str) -> Packed:
        """Map the packed set in ``folder``. Raises InputError when it is none, or damaged."""
        folder = Path(folder)
        head = read_head(folder)
        index = read_index(folder, head)
        sides = {side: _mapped(folder / name, index) for side, name in head["files"].items()}
        sizes = np.stack([np.asarray(index[edge], np.int64) for edge in ("height", "width")], 1)
        return Packed(
            folder,
            head,
            tuple(index["sample"]),
            np.asarray(index["offset"], np.int64),
            sizes,
            (int(sizes[:, 0].min()), int(sizes[:, 1].min())),
            (int(sizes[:, 0].max()), int(sizes[:, 1].max())),
            sides["input"],
            sides.get("reference"),
        )

    def __reduce__(self) -> Any:
        # Each worker process maps the files itself: only the path is pickled.
        return Packed.open, (self.folder,)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def name(self) -> str:
        """The data set's name."""
        return str(self.head["dataset"]["name"])

    @property
    def revision(self) -> str:
        """The data set's revision when it was packed."""
        return str(self.head["dataset"]["revision"])

    @property
    def paired(self) -> bool:
        """Whether there are references."""
        return self._reference is not None

    def rows(self) -> dict[str, dict[str, Any]]:
        """Id -> its row of the index (`COLUMNS`)."""
        index = read_index(self.folder, self.head)
        rows = (dict(zip(index, row, strict=True)) for row in zip(*index.values(), strict=True))
        return {row["sample"]: row for row in rows}

    def block(self, references: bool = False) -> np.ndarray:
        """All pixels, flat uint8, read-only: what ``offsets`` and ``sizes`` are about.

        Raises InputError for the references of a set that is not paired.
        """
        return self._references() if references else self._input

    def photo(self, number: int) -> np.ndarray:
        """The ``number``-th photo, uint8 (H, W, 3) sRGB: a read-only view of the file."""
        return self._view(self._input, number)

    def reference(self, number: int) -> np.ndarray:
        """Its reference, of the same size. Raises InputError when the set is not paired."""
        return self._view(self._references(), number)

    def batch(
        self, count: int, rng: np.random.Generator, size: tuple[int, int] | None = None
    ) -> np.ndarray:
        """``count`` photos drawn with replacement, uint8 (count, H, W, 3).

        Every photo is as likely as any other. With ``size`` (height, width) a crop of that
        size is taken from each, every position as likely as any other; photos smaller than
        it are not drawn, with a warning. Without it all photos have to be of one size.

        Raises InputError when no photo is large enough, or the sizes differ and none is given.
        """
        return self._gather(self._input, *self._draw(count, rng, size))

    def pairs(
        self, count: int, rng: np.random.Generator, size: tuple[int, int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `batch`, with the references cut from the same places: two uint8 (count, H, W, 3)."""
        drawn = self._draw(count, rng, size)
        return self._gather(self._input, *drawn), self._gather(self._references(), *drawn)

    def _references(self) -> np.ndarray:
        if self._reference is None:
            raise InputError(f"{self.folder}: packed without references")
        return self._reference

    def _view(self, pixels: np.ndarray, number: int) -> np.ndarray:
        height, width = self.sizes[number]
        begin = int(self.offsets[number])
        return pixels[begin : begin + height * width * 3].reshape(height, width, 3)

    def _draw(
        self, count: int, rng: np.random.Generator, size: tuple[int, int] | None
    ) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
        """Which photos, the crops' corners (count, 2), and the crops' size."""
        if size is None and self._smallest != self._largest:
            raise InputError(f"{self.folder}: the photos' sizes differ; give a size to crop")
        height, width = size or self._smallest
        if height < 1 or width < 1:
            raise InputError(f"crops of {width}x{height} pixels: expected positive numbers")
        if height <= self._smallest[0] and width <= self._smallest[1]:
            numbers = rng.integers(0, len(self.ids), count)
        else:
            large = np.flatnonzero((self.sizes[:, 0] >= height) & (self.sizes[:, 1] >= width))
            if not len(large):
                raise InputError(f"{self.folder}: no photo is as large as {width}x{height}")
            warnings.warn(
                f"{self.folder}: {len(self.ids) - len(large)} of {len(self.ids)} photos are "
                f"smaller than {width}x{height} and are not drawn",
                stacklevel=3,
            )
            numbers = rng.choice(large, count)
        room = self.sizes[numbers] - np.array([height, width]) + 1
        return numbers, rng.integers(0, room), (height, width)

    def _gather(
        self,
        pixels: np.ndarray,
        numbers: np.ndarray,
        corners: np.ndarray,
        size: tuple[int, int],
    ) -> np.ndarray:
        height, width = size
        result = np.empty((len(numbers), height, width, 3), np.uint8)
        widths = self.sizes[numbers, 1]
        begins = self.offsets[numbers] + 3 * (corners[:, 0] * widths + corners[:, 1])
        if (widths == width).all():  # whole rows lie one after the other: a single copy each
            flat = result.reshape(len(numbers), -1)
            for target, begin in zip(flat, begins.tolist(), strict=True):
                target[:] = pixels[begin : begin + target.size]
            return result
        rows = result.reshape(len(numbers), height, width * 3)
        for target, begin, stride in zip(rows, begins.tolist(), (3 * widths).tolist(), strict=True):
            # The last row of a photo may end before a full stride does.
            shape, steps = (height, width * 3), (stride, 1)
            target[:] = np.ndarray(shape, np.uint8, pixels, begin, steps)
        return result


def read_head(folder: Path) -> dict[str, Any]:
    """pack.json. Raises InputError when there is none, or it is damaged or from a newer version."""
    path = folder / "pack.json"
    hint = "; packing was not finished, run the same command again" if _begun(folder) else ""
    missing = f"{folder}: not a packed set (no pack.json){hint}"
    damaged = "damaged; delete it and pack again"
    head = reading.read_layout(path, "schema", SCHEMA, missing=missing, damaged=damaged)
    try:
        names = [*head["files"].values(), head["index"]]
        fine = (
            all(isinstance(name, str) and Path(name).name == name for name in names)
            and "input" in head["files"]
            and isinstance(head["dataset"]["name"], str)
            and isinstance(head["dataset"]["revision"], str)
            and isinstance(head["left_out"], dict)
            and isinstance(head["index_sha256"], str)
        )
    except (TypeError, KeyError, AttributeError):
        fine = False
    if not fine:
        raise InputError(f"{path}: {damaged}")
    return head


def _begun(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("journal-*"))


def read_index(folder: Path, head: dict[str, Any]) -> dict[str, list[Any]]:
    """The index by column (`COLUMNS`). Raises InputError when its bytes are not the packed ones."""
    import pyarrow as pa

    path = folder / head["index"]
    try:
        data = reading.read_bytes(path)
        if provenance.sha256_bytes(data) != head["index_sha256"]:
            raise ValueError("its checksum does not match pack.json")
        columns: dict[str, list[Any]] = reading.read_parquet(data).to_pydict()
        if not columns["sample"]:
            raise ValueError("no photos")
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise InputError(f"{path}: damaged ({one_line(error)[:120]}); pack again") from None
    return columns


def write_index(rows: list[dict[str, Any]]) -> bytes:
    """The Parquet bytes of the index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [pa.field(name, pa.type_for_alias(type_)) for name, type_ in COLUMNS.items()]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), sink, compression="zstd")
    return sink.getvalue()


def _mapped(path: Path, index: dict[str, list[Any]]) -> np.ndarray:
    """The pixels as a flat uint8 array over the mapped file."""
    try:
        reading.check_regular(path)
        pixels = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # numpy on a header that anything may have been written over
        raise InputError(
            f"{path}: damaged or missing ({one_line(error)[:120]}); pack again"
        ) from None
    end = max(
        offset + height * width * 3
        for offset, height, width in zip(
            index["offset"], index["height"], index["width"], strict=True
        )
    )
    if pixels.dtype != np.uint8 or pixels.size < end:
        raise InputError(f"{path}: {pixels.size} bytes of pixels, expected {end}; pack again")
    # A plain array: numpy's memmap class costs microseconds at every access.
    return np.asarray(pixels).reshape(-1)
