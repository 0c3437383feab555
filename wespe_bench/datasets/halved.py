"""BlackBerry photos at half their size, as DPED's released test script takes them.

The script resizes each BlackBerry photo from 4160x3120 to 2080x1560 before it enhances. Here
that is done once, into a prepared copy (`provenance.made_folder`), and from then on the copy is the
photo: it is decoded, hashed into the revision and shown like any other. The copy is an
uncompressed BMP, whose bytes depend on no PNG encoder, so the revision is the same everywhere.
The resampling is Pillow's bicubic with its integer arithmetic, the default of ``resize`` that
the script leaves unnamed (since Pillow 7).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from wespe_bench import atomic, provenance
from wespe_bench.datasets.headers import photo_size
from wespe_bench.datasets.tree import MARKER
from wespe_bench.errors import InputError
from wespe_bench.images import read_rgb
from wespe_bench.provenance import made_folder
from wespe_bench.types import Sample

#: Changes whenever the same photo would be halved to other pixels.
VERSION = 1

FULL, HALF = (4160, 3120), (2080, 1560)


def prepare(samples: Sequence[Sample], data: Path | str | None = None) -> tuple[Sample, ...]:
    """The samples with their photos at half size, made where they are not there yet.

    Photos of half the size already are taken as they are. Raises InputError for a photo of
    another size and when the copies cannot be written.
    """
    from tqdm import tqdm

    folder = made_folder(data) / "prepared" / f"blackberry-half-v{VERSION}"
    targets = [_target(sample, folder) for sample in samples]
    missing = [
        (sample.path, target)
        for sample, target in zip(samples, targets, strict=True)
        if target is not None and not target.is_file()
    ]
    try:
        if missing and not (folder.parent / MARKER).exists():
            atomic.write_text(folder.parent / MARKER, "prepared copies of wespe-bench\n")
        for path, target in tqdm(missing, desc="halve", unit="photo", disable=not missing):
            atomic.write_bytes(target, _half(path))
    except OSError as error:
        raise InputError(
            f"cannot write the halved photos to {folder} ({error.strerror}); choose another "
            "folder with --data or WESPE_DATA, or take the photos as they are: halve=no"
        ) from None
    return tuple(
        Sample(sample.id, target or sample.path, sample.reference)
        for sample, target in zip(samples, targets, strict=True)
    )


def _target(sample: Sample, folder: Path) -> Path | None:
    """Where the half of a photo is kept, under the hash of the whole; None if it is half."""
    size = photo_size(sample.path)
    if size in (HALF, HALF[::-1]):
        return None
    if size not in (FULL, FULL[::-1]):
        raise InputError(
            f"{sample.path}: {size[0]}x{size[1]} is no BlackBerry photo of {FULL[0]}x{FULL[1]}; "
            "take the photos as they are with halve=no"
        )
    return folder / f"{sample.path.stem}-{provenance.sha256_file(sample.path)[:16]}.bmp"


def _half(path: Path) -> bytes:
    image = read_rgb(path)
    height, width = image.shape[:2]
    half = Image.fromarray(image).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    half.save(buffer, format="BMP")
    return buffer.getvalue()
