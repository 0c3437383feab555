"""The verb ``data split``: training and test photos drawn by seed, written down to be shared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from wespe_bench.arguments import DataOptions
from wespe_bench.errors import InputError, writing
from wespe_bench.paths import to_path

if TYPE_CHECKING:
    from wespe_bench.datasets.survey import Survey


@dataclass(frozen=True)
class SplitData(DataOptions):
    """Draw training and test photos, whole drives and scenes at a time; write a manifest.

    The counts are the paper's Table 4 where there are as many photos, the same share of fewer;
    a tenth is the test for cameras of your own. Take the split with manifest=FILE:
    wespe-bench run --dataset "kitti?manifest=kitti.json" --enhancers identity

    Examples:
      wespe-bench data split kitti --out kitti.json
      wespe-bench data split camera:photos/ --test 0.2 --seed 7
    """

    dataset: str
    """NAME, NAME:ARGUMENT, or either with ?option=value (wespe-bench data list)."""
    seed: int = 0
    """Another seed draws another split."""
    train: str = ""
    """Training photos: a number, or a share below 1 (default: the paper's)."""
    test: str = ""
    """Test photos: a number, or a share below 1 (default: the paper's)."""
    out: Annotated[str | None, "FILE"] = None
    """The manifest to write (default: NAME-SEED.json here)."""
    force: bool = False
    """Replace a manifest of that name."""
    verify: bool = False
    """Hash every file again instead of trusting its size and time."""


def main(config: SplitData) -> int:
    """Write the manifest; say how many photos are on each side."""
    from wespe_bench import provenance
    from wespe_bench.datasets import manifest
    from wespe_bench.datasets.survey import divided
    from wespe_bench.runs import folder_name

    if config.verify:
        provenance.forget()
    survey = _survey(config.dataset, config.data)
    split = divided(survey, config.seed, config.train, config.test)
    out = to_path(config.out or f"{folder_name(survey.name)}-{config.seed}.json")
    if out.exists() and not config.force:
        raise InputError(f"{out} is there already; --force replaces it, --out names another")
    with writing(out):
        revisions = manifest.write(out, survey.name, config.seed, split)
    for side in ("train", "test"):
        count = len(getattr(split, side))
        print(f"{side:<6} {count:>6} photos, revision {revisions[side][:12]}")
    if split.unused:
        print(f"unused {len(split.unused):>6} photos, held back or beyond the counts")
    print(out)
    return 0


def _survey(dataset: str, data: str | None) -> Survey:
    """The survey of a spec, without the options that choose one side of a split."""
    import inspect

    from wespe_bench.dataset_specs import parse_dataset
    from wespe_bench.datasets.source import find

    name, options = parse_dataset(dataset, data)
    source = find(name, f"{name!r} has no split; split any folder as camera:FOLDER")
    known = inspect.signature(source.survey).parameters
    for option in options:
        if option not in known:
            raise InputError(
                f"{dataset!r}: {option} is not for a split; say it with --{option}, or leave it out"
            )
    return source.survey(name, **options, data=data)
