"""``ffs export``: what is shared and what is not, read back as others' loaders read it."""

from __future__ import annotations

import csv
import dataclasses
import fnmatch
import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from PIL import Image

from ffs import export, manifest
from ffs.licences import kind
from tests.ffs import rated
from tests.ffs.conftest import Loopback, Verb
from tests.ffs.flickr import LICENCES
from tests.ffs.test_verbs import complaint
from wespe_bench import atomic

FREE = ("cc-by", "cc-by-sa", "cc0", "pdm", "us-government")

#: What Croissant 1.0 says must be there, with one of its types each.
_NAMED = {"type": "object", "required": ["@type", "@id", "name"]}
CROISSANT = {
    "type": "object",
    "required": ["@context", "@type", "conformsTo", "name", "description", "license"],
    "properties": {
        "@type": {"const": "sc:Dataset"},
        "conformsTo": {"const": "http://mlcommons.org/croissant/1.0"},
        "distribution": {
            "type": "array",
            "items": _NAMED
            | {
                "if": {"properties": {"@type": {"const": "cr:FileObject"}}},
                "then": {
                    "required": ["contentUrl", "encodingFormat", "sha256"],
                    "properties": {"sha256": {"pattern": "^[0-9a-f]{64}$"}},
                },
                "else": {"required": ["includes", "encodingFormat"]},
            },
        },
        "recordSet": {
            "type": "array",
            "items": _NAMED
            | {
                "properties": {
                    "field": {
                        "type": "array",
                        "items": _NAMED | {"required": ["dataType", "source"]},
                    }
                }
            },
        },
    },
}


def checked_card(out: Path) -> dict[str, Any]:
    """The Croissant metadata, after its hashes and references were checked, and README's head."""
    found = json.loads((out / "croissant.json").read_text("utf-8"))
    jsonschema.validate(found, CROISSANT)
    files = {one["@id"]: one for one in found["distribution"]}
    for one in files.values():
        if one["@type"] == "cr:FileObject":
            data = (out / one["contentUrl"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == one["sha256"]
        assert {part["@id"] for part in one.get("containedIn", [])} <= files.keys()
    ids, images = found["recordSet"]
    assert [field["source"]["extract"]["column"] for field in ids["field"]] == [
        *(next(csv.reader((out / "ids.csv").open())))
    ]
    assert {field["source"]["fileSet"]["@id"] for field in images["field"]} == {"photos"}
    head = (out / "README.md").read_text("utf-8").split("---\n")[1]
    return dict(yaml.safe_load(head))


def test_photos_whose_licence_allows_it(verb: Verb, loopback: Loopback, tmp_path: Path) -> None:
    server, words = loopback
    assert verb(*words, "--photos", 24)[0] == 0
    assert "not built; run ffs build out" in complaint(
        verb("ffs", "export", "out", "--format", "webdataset", "--out", "share")
    )
    assert verb("ffs", "build", "out", "--test", 5, "--validation", 5)[0] == 0
    photos = {photo.id: photo for photo in manifest.read("out").photos}
    licence = {
        id_: kind(LICENCES[server.world.license[server.world.place[id_]]]["url"]) for id_ in photos
    }
    free = {id_ for id_, name in licence.items() if name in FREE}
    assert 0 < len(free) < len(photos)
    code, said, _ = verb("ffs", "export", "out", "--format", "huggingface", "--out", "share")
    assert (code, said.splitlines()[-1]) == (0, f"{len(free)} of {len(photos)} photos -> share")
    left = Counter(name for id_, name in licence.items() if id_ not in free)
    assert said.startswith(
        "ids and counts only: " + ", ".join(f"{n} {name}" for name, n in sorted(left.items()))
    )
    seen = set()
    for file in (tmp_path / "share" / "data").glob("*/metadata.jsonl"):
        for row in map(json.loads, file.read_text("utf-8").splitlines()):
            photo = photos[row["id"]]
            assert (row["split"], file.parent.name) == (photo.split, photo.split)
            assert (row["views"], row["faves"]) == (photo.views, photo.faves)
            assert row["license"] == licence[photo.id]
            assert kind(row["license_url"]) == row["license"]
            assert row["page"] == f"https://www.flickr.com/photos/{photo.owner}/{photo.id}"
            data = (file.parent / row["file_name"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == photo.sha256
            seen.add(photo.id)
    assert seen == free == {path.stem for path in Path("share/data").rglob("*.jpg")}
    with Path("share/ids.csv").open() as file:
        assert {row["id"] for row in csv.DictReader(file)} >= photos.keys()
    assert "not endorsed or certified" in Path("share/README.md").read_text("utf-8")
    (config,) = checked_card(tmp_path / "share")["configs"]
    names = [path.relative_to("share").as_posix() for path in Path("share").rglob("*.jpg")]
    found = {part["split"]: fnmatch.filter(names, part["path"]) for part in config["data_files"]}
    assert {Path(name).stem for some in found.values() for name in some} == free
    assert all(name.startswith(f"data/{split}/") for split, some in found.items() for name in some)
    # Relicensed since, without a new build: the present licence decides.
    gone = min(free)
    before, place = server.world.license.copy(), server.world.place
    try:
        server.world.license[place[gone]] = 13  # CC BY-ND 4.0
        assert verb(*words, "--photos", 24, "--refresh")[0] == 0
    finally:
        server.world.license = before
    words = ["ffs", "export", "out", "--out", "share", "--license", "cc", "--format", "huggingface"]
    assert verb(*words)[0] == 0
    allowed = {id_ for id_, name in licence.items() if name.startswith("c") and "-nd" not in name}
    assert {path.stem for path in Path("share/data").rglob("*.jpg")} == allowed - {gone}


@pytest.fixture
def ratings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> manifest.Ratings:
    """A data set of a CSV, in ``ratings``, half of its photos free, and a formula for an id."""
    monkeypatch.chdir(tmp_path)
    made = rated.make(tmp_path / "ratings")
    photos = []
    for number, photo in enumerate(made.photos):
        path = f"{photo.split}/{photo.id}.jpg"
        image = Image.open(made.folder / photo.path).convert("RGB")
        buffer = io.BytesIO()
        image.save(buffer, format="JPEG")
        atomic.write_bytes(made.folder / path, buffer.getvalue())
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        licence = ("cc0", "cc-by-nc")[number % 2]
        id_ = photo.id if number else "=1+1.v2"
        changes = {"id": id_, "path": path, "sha256": digest, "licence": licence}
        photos.append(dataclasses.replace(photo, **changes))
    found = manifest.ratings(made.folder, photos, made.threshold, 0, made.note)
    manifest.write(found)
    return found


def test_shards_are_the_same_bytes_each_time(
    verb: Verb, ratings: manifest.Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "SHARD", 4)
    words = ["ffs", "export", "ratings", "--format", "webdataset", "--out"]
    for out in ("one", "two"):
        assert verb(*words, out)[0] == 0
    tars = sorted(path.name for path in Path("one/data").iterdir())
    free = {photo.id: photo for photo in ratings.photos if photo.licence == "cc0"}
    numbers = (("test", 0), ("train", 0), ("train", 1), ("validation", 0))
    assert tars == [f"{split}-{number:06d}.tar" for split, number in numbers]
    seen = []
    for name in tars:
        assert Path("one/data", name).read_bytes() == Path("two/data", name).read_bytes()
        files = {}
        with tarfile.open(Path("one/data", name)) as tar:
            for member in tar.getmembers():
                content = tar.extractfile(member)
                assert content
                files[member.name] = content.read()
        for key in sorted({name.partition(".")[0] for name in files}):
            facts = json.loads(files[f"{key}.json"])
            assert hashlib.sha256(files[f"{key}.jpg"]).hexdigest() == free[facts["id"]].sha256
            assert name.startswith(facts["split"])
            assert facts["owner_name"] == free[facts["id"]].owner != ""
            seen.append(facts["id"])
    assert sorted(seen) == sorted(free)
    assert "=1+1.v2" in seen
    checked_card(Path("one"))
    assert "Flickr API" not in Path("one/README.md").read_text("utf-8")
    # A second export takes away what it does not hold, and no more.
    Path("one/.gitattributes").write_text("x")
    assert verb("ffs", "export", "ratings", "--format", "huggingface", "--out", "one")[0] == 0
    assert not list(Path("one").rglob("*.tar"))
    assert Path("one/.gitattributes").exists()
    checked_card(Path("one"))


def test_what_is_refused(verb: Verb, ratings: manifest.Ratings) -> None:
    words = ["ffs", "export", "ratings", "--format", "huggingface"]
    assert "writes a folder: say which with --out" in complaint(verb(*words))
    line = complaint(verb(*words, "--out", "share", "--license", "cc-by"))
    assert re.search(r"no photo may be shared under --license cc-by: there are \d+ cc-by-nc", line)
    assert "holds ffs.csv, not made here" in complaint(verb(*words, "--out", "ratings"))
    assert "--format tar: expected one of" in complaint(
        verb("ffs", "export", "ratings", "--format", "tar")
    )
    assert not Path("share").exists()
    changed = ratings.folder / next(p.path for p in ratings.photos if p.licence == "cc0")
    changed.write_bytes(b"other")
    assert f"{changed.name}: missing or changed; run ffs build" in complaint(
        verb(*words, "--out", "share")
    )
    assert Path("share/croissant.json").read_bytes() == b""
    assert "share: not complete" in complaint(verb("push", "share", "--to", "me/photos"))
