"""The card of a shared data set of rated photos: README.md, and the same as Croissant metadata.

Croissant 1.0 is MLCommons' vocabulary on schema.org, as JSON-LD: Akhtar et al., "Croissant: A
Metadata Format for ML-Ready Datasets", 2024; http://mlcommons.org/croissant/1.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ffs import manifest
from ffs.manifest import SPLITS, Ratings
from wespe_bench.datasets import miniature
from wespe_bench.json_output import front_matter, json_text

CROISSANT = "croissant.json"
_NAME = "Photos with views and faves"
_BIASES = "Faves follow subject, fame and age of a photo as well as its quality."
_TERMS = """Each photo is its owner's, under the licence that stands with it; name the owner, the
page and the licence, pass on photos of cc-by-sa under the same one, and delete what an owner
removes."""
#: What a crawl adds to both.
_OF_FLICKR = (
    """ The photos are public ones of people who use Flickr, under licences that were chosen, and
with large files: of free accounts few have them.""",
    """ This data set uses the Flickr API but is not endorsed or certified by SmugMug, Inc.""",
)
#: Types of ids.csv's columns that are not texts.
_TYPES = {
    **dict.fromkeys(("page", "license_url"), "sc:URL"),
    **dict.fromkeys(("uploaded", "counted"), "sc:Date"),
    **dict.fromkeys(("views", "faves"), "sc:Integer"),
}
_MEANINGS = {
    "id": "Flickr's id, or the name in the CSV that the data set was made from",
    "page": "the photo's page, which names its owner",
    "license": "Flickr's number of the licence, or its short name",
    "license_url": "the licence's text",
    "uploaded": "day of upload",
    "counted": "day on which views and faves were read",
    "views": "how often the photo was looked at",
    "faves": "how many people marked it as a favourite",
    "label": "high or low: faves per view by the rule of labels; empty where it has none",
    "split": "train, validation or test; no owner is in two",
    "revision": "first 16 digits of the data set's SHA-256",
}
_ENDINGS = {"jpg": "image/jpeg", "csv": "text/csv", "tar": "application/x-tar"}


@dataclass(frozen=True)
class Facts:
    """What a card says.

    ``licences`` are id -> short name of the shared photos, ``form`` "huggingface" or "webdataset",
    ``hashes`` path -> SHA-256 of the files beside the card.
    """

    ratings: Ratings
    licences: Mapping[str, str]
    form: str
    hashes: Mapping[str, str]

    @property
    def cautions(self) -> tuple[str, str]:
        """What faves do not say, and the terms."""
        more = _OF_FLICKR if self.ratings.note.startswith("crawled from Flickr") else ("", "")
        return _BIASES + more[0], _TERMS + more[1]


def readable(facts: Facts) -> str:
    """The card as Markdown, headed by what the Hugging Face Hub reads."""
    ratings, shared = facts.ratings, facts.licences
    data = "data/{}/**" if facts.form == "huggingface" else "data/{}-*.tar"
    there = [s for s in SPLITS if any(p.id in shared for p in ratings.of(s))]
    files = [{"split": split, "path": data.format(split)} for split in there]
    fields = {
        "pretty_name": _NAME,
        "license": "other",
        "license_name": "each-photo-its-own",
        "task_categories": ["image-classification"],
        "tags": ["wespe-bench", "image-quality"],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    counts = manifest.counts(ratings.photos)
    rows = [
        f"| {split} | {sum(p.id in shared for p in ratings.of(split))} | "
        f"{sum(counts[split].values())} | {counts[split]['high']} |"
        for split in SPLITS
    ]
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(Counter(shared.values()).items()))
    table = "\n".join(rows)
    return f"""{front_matter(fields)}# {_NAME}

{_description(facts)}

| split | photos here | in ids.csv | of these high |
|---|---|---|---|
{table}

Licences of the photos here: {kinds}. `croissant.json` says the same to programs.

## Columns of ids.csv

| | |
|---|---|
{chr(10).join(f"| {name} | {meaning} |" for name, meaning in _MEANINGS.items())}

## How it was made

{ratings.note}. Label rule: {ratings.label}; threshold {ratings.threshold:.6g} faves per view;
seed {ratings.seed}; revision `{ratings.revision}`. Photos were cropped to the middle, resized and
compressed again.

## What faves say, and do not

{facts.cautions[0]}

## Terms

{facts.cautions[1]}
"""


def _description(facts: Facts) -> str:
    simulated = miniature.is_simulated(facts.ratings.note)
    mark = "Not to be shared: owners, days, licences, views and faves are simulated. "
    return mark * simulated + (
        f"{len(facts.ratings.photos)} photos with their views and faves, labelled by faves per "
        f"view and split by owner. {len(facts.licences)} photos are here, whose licence allows "
        "it; ids.csv has ids and counts of all that were kept."
    )


def croissant(facts: Facts) -> str:
    """The card as JSON-LD in the vocabulary of Croissant 1.0."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": path,
            "encodingFormat": _ENDINGS[path.rpartition(".")[2]],
            "sha256": digest,
        }
        for path, digest in facts.hashes.items()
        if path.endswith((".csv", ".tar"))
    ]
    shards = [{"@id": file["@id"]} for file in files if file["@id"].endswith(".tar")]
    photos: dict[str, Any] = {
        "@type": "cr:FileSet",
        "@id": "photos",
        "name": "photos",
        "encodingFormat": _ENDINGS["jpg"],
        "includes": "*.jpg" if shards else "data/*/**.jpg",
    }
    if shards:
        photos["containedIn"] = shards
    ids = {"fileObject": {"@id": "ids.csv"}}
    listed = [
        _field("ids", name, _TYPES.get(name, "sc:Text"), meaning, ids, column=name)
        for name, meaning in _MEANINGS.items()
    ]
    place = {"fileSet": {"@id": "photos"}}
    images = [
        _field("images", "name", "sc:Text", "its file", place, fileProperty="filename"),
        _field("images", "image", "sc:ImageObject", "its pixels", place, fileProperty="content"),
    ]
    return json_text(
        {
            "@context": _context(),
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": _NAME,
            "description": _description(facts),
            "license": "each photo's own: license_url in ids.csv",
            "usageInfo": " ".join(facts.cautions[1].split()),
            "version": f"0.0.0+{facts.ratings.revision[:16]}",
            "rai:dataCollection": facts.ratings.note,
            "rai:dataBiases": " ".join(facts.cautions[0].split()),
            "rai:personalSensitiveInformation": "pages and names of the photos' owners",
            "distribution": [*files, photos],
            "recordSet": [_records("ids", listed), _records("images", images)],
        }
    )


def _records(name: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def _field(
    records: str, name: str, kind: str, meaning: str, place: Mapping[str, Any], **extract: str
) -> dict[str, Any]:
    found = {"@type": "cr:Field", "@id": f"{records}/{name}", "name": name, "dataType": kind}
    return found | {"description": meaning, "source": {**place, "extract": extract}}


def _context() -> dict[str, Any]:
    """The context that Croissant asks for, word by word."""
    own = (
        *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty"),
        *("fileObject", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5"),
        *("parentField", "path", "recordSet", "references", "regex", "repeated", "replace"),
        *("samplingRate", "separator", "source", "subField", "transform"),
    )
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "sc": "https://schema.org/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{name: f"cr:{name}" for name in own},
    }
