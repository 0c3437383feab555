"""DPED: three phones and a DSLR, the same scenes (Ignatov et al., ICCV 2017).

    dped/PHONE/training_data/{PHONE,canon}/N.jpg            100x100 patches, N the pair
    dped/PHONE/test_data/patches/{PHONE,canon}/N.jpg
    dped/PHONE/test_data/full_size_test_images/*.jpg        phone only
    dped/PHONE/originals/{PHONE,canon}/*                    the full-size photos, not aligned
    dped/PHONE/registered/{input,reference}/*               what data register makes of them

PHONE is iphone, blackberry or sony. The release names the last two folders differently or not
at all: ``pairs=FOLDER`` takes any folder with subfolders PHONE and canon, or input and
reference. Patches were aligned by
the authors to a few pixels; full-size photos were not, and have no pixel-exact reference
until they are registered.
"""

from __future__ import annotations

from pathlib import Path

from wespe_bench.datasets.locations import locate, wrong_layout
from wespe_bench.datasets.source import Counts, Source
from wespe_bench.datasets.survey import Part, Survey, one_of
from wespe_bench.errors import InputError

#: The phones, and the size of their photos.
PHONES = {"iphone": (2048, 1536), "blackberry": (4160, 3120), "sony": (2592, 1944)}

#: Table 1's rows.
COUNTS = {
    "iphone": Counts(1, "iPhone 3GS", 2048, 1536, 5614, 113),
    "blackberry": Counts(1, "BlackBerry Passport", 4160, 3120, 5902, 113),
    "sony": Counts(1, "Sony Xperia Z", 2592, 1944, 4427, 76),
    "canon": Counts(1, "Canon 70D", 3648, 2432, 5902, 113),
}

#: What is compared with what. Table 2: patches (the default) or registered; Tables 3, 6, 7
#: and 8: full. Originals are for training.
PROTOCOLS = ("patches", "full", "registered", "originals")

#: Width and height of the aligned patches.
PATCH = (100, 100)

#: What `data register` writes beside the pairs it has aligned.
REGISTERED = "registration.csv"


def survey(
    name: str,
    phone: str = "",
    *,
    data: Path | str | None = None,
    protocol: str = "patches",
    side: str = "phone",
    halve: str = "",
    pairs: str = "",
) -> Survey:
    """The parts of one protocol of one phone. Raises InputError.

    ``protocol`` is one of `PROTOCOLS`; a network is applied to each patch by itself. ``side``
    "canon" gives the DSLR's photos, without references: the target of unpaired training.
    BlackBerry's full-size photos are halved as in the released test script (halve=no keeps
    them). ``pairs`` is where registered or original pairs lie.
    """
    if not phone:
        raise InputError("dped: which phone? " + ", ".join(f"dped:{name}" for name in PHONES))
    one_of("dped", phone, PHONES)
    one_of("protocol", protocol, PROTOCOLS)
    one_of("side", side, ("phone", "canon"))
    one_of("halve", halve, ("", "yes", "no"))
    if protocol == "full" and side == "canon":
        raise InputError("the full-size test photos have no Canon side; see protocol=originals")
    if pairs and protocol not in ("registered", "originals"):
        raise InputError("pairs=FOLDER goes with protocol=registered or originals")
    root = locate(name, data)
    wanted = [p for p in parts(root, phone, pairs) if protocol in p.label.split()]
    if side == "canon":
        wanted = [
            Part(p.label, p.reference, _prefix(p.prefix, "canon"), side=p.side, expected=p.expected)
            for p in wanted
            if p.reference is not None
        ]
    elif protocol == "originals":
        # Not aligned, so no reference: a score against the Canon photo would mean nothing.
        wanted = [Part(p.label, p.folder, p.prefix, side=p.side) for p in wanted]
    here = tuple(part for part in wanted if part.folder.is_dir())
    if not here:
        folders = [str(p.folder) if pairs else str(p.folder.relative_to(root)) for p in wanted]
        if protocol == "registered":
            place = pairs or str(root / phone / "registered")
            raise InputError(
                f"no registered pairs in {place}: looked for {place}/input and {place}/reference; "
                f"make them with wespe-bench data register --input PHONE_PHOTOS --reference "
                f"CANON_PHOTOS --out {place}, or say &pairs=FOLDER"
            )
        raise wrong_layout(f"dped:{phone}", root, " and ".join(folders))
    blackberry = phone == "blackberry" and side == "phone" and protocol == "full"
    counts = COUNTS[phone]
    camera = phone if side == "phone" else f"{phone}_canon"
    sides = {part.side for part in here}
    notes = ["halved to 2080x1560"] if blackberry and halve != "no" else []
    if protocol == "registered" and not (here[0].folder.parent / REGISTERED).is_file():
        notes.append(f"no {REGISTERED} beside the pairs: whether they are aligned is not known")
    return Survey(
        f"{name}_{camera}_{protocol}",
        root if not pairs else Path(pairs),
        here,
        counts.train if protocol == "originals" else None,
        counts.test if protocol == "originals" else None,
        split="test" if "test" in sides and protocol != "full" else "all",
        halve=blackberry and halve != "no",
        note="; ".join(notes),
        data=data,
    )


def parts(root: Path, phone: str = "", pairs: str = "") -> tuple[Part, ...]:
    """Every part of one phone, or of all three, whether it is there or not."""
    if phone:
        one_of("dped", phone, PHONES)
    found = []
    for name in (phone,) if phone else PHONES:
        home = root / name
        training, test = home / "training_data", home / "test_data"
        originals = Path(pairs) if pairs else home / "originals"
        registered = Path(pairs) if pairs else home / "registered"
        found += [
            _pairs(f"{name} patches train", training, name, f"{name}/train/", "train", PATCH),
            _pairs(f"{name} patches test", test / "patches", name, f"{name}/test/", "test", PATCH),
            Part(
                f"{name} full test",
                test / "full_size_test_images",
                f"{name}/full/",
                side="test",
                size=PHONES[name],
                expected=29,
            ),
            _pairs(f"{name} registered", registered, name, f"{name}/registered/", "test", None),
            _pairs(f"{name} originals", originals, name, f"{name}/originals/", "", PHONES[name]),
        ]
    return tuple(found)


def _pairs(
    label: str, folder: Path, phone: str, prefix: str, side: str, size: tuple[int, int] | None
) -> Part:
    names = ("input", "reference") if (folder / "input").is_dir() else (phone, "canon")
    return Part(
        *(label, folder / names[0], prefix, "", folder / names[1]),
        side=side,
        size=size,
        numbered=size == PATCH,
    )


def _prefix(prefix: str, side: str) -> str:
    phone, _, rest = prefix.partition("/")
    return f"{phone}/{side}/{rest}"


def check_parts(
    name: str, phone: str, data: Path | str | None, *, pairs: str = ""
) -> tuple[Path, tuple[Part, ...]]:
    """The root, and all that ``data check`` looks at. Raises InputError."""
    root = locate(name, data)
    found = parts(root, phone, pairs)
    if not any(part.folder.is_dir() for part in found):
        phones = phone or "PHONE"
        raise wrong_layout(name, root, f"{phones}/training_data and {phones}/test_data")
    return root, found


SOURCE = Source(
    name="dped",
    title="DPED: photos of three phones and a DSLR, aligned patches",
    summary="DPED's phones: dped:iphone, dped:blackberry, dped:sony; patches, or protocol=full.",
    survey=survey,
    check_parts=check_parts,
    page="http://people.ee.ethz.ch/~ihnatova/",
    licence="research use; ask the authors for anything else",
    get="download the patches (and the originals, for full-size photos) from the page; "
    "unpack so that dped/iphone/training_data and dped/iphone/test_data/patches are there",
    gigabytes=6.2,  # of the patches, by the page's link as quoted in repositories that use them
    counts=tuple(COUNTS.values()),
)
