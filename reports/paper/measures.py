"""Which of our metrics is compared with which of the paper's quantities, with remarks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.cells import arrow_of
from reports.tables import known_metric
from reports.text import plain

if TYPE_CHECKING:
    from reports.paper.choices import Choices
    from reports.paper.gather import Gathered

#: The metrics that the tables read; "*" matches any ending.
METRICS = (
    *("psnr", "psnr_pooled", "psnr_dped", "ssim", "ms_ssim", "ms_ssim_dped"),
    *("entropy", "bpp", "cornia*", "ffs*"),
)

_TITLES = {
    "psnr": "PSNR",
    "psnr_pooled": "PSNR (pooled)",
    "psnr_dped": "PSNR (batches of 50)",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "ms_ssim_dped": "MS-SSIM (batches of 50)",
    "entropy": "Entropy",
    "bpp": "PNG bpp",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity of a table.

    ``key`` names its column, ``quantity`` the paper's values it is compared with (empty: none),
    ``metric`` our metric (empty: none yet). ``comparable``: a difference from the paper's values
    is meaningful. ``refusal`` says why no score may be used at all. ``notes`` are footnotes of
    every value of ours, ``remarks`` are printed beneath the table.
    """

    key: str
    quantity: str
    metric: str
    title: str
    higher_is_better: bool = True
    decimals: int = 2
    printed: int = 2
    comparable: bool = True
    refusal: str = ""
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def rates_quality(self) -> bool:
        """As the metric's record says; what does not rate quality has no arrow and no best."""
        record = known_metric(self.metric, {})
        return record is None or record.rates_quality

    @property
    def arrow(self) -> str:
        return arrow_of(self.higher_is_better) if self.rates_quality else ""


def of_table(number: int, gathered: Gathered, choices: Choices) -> tuple[Measure, ...]:
    """The quantities of a table of scores, in the paper's order."""
    if number == 2:
        return _truth(choices)
    if number in (3, 6):
        remark = (
            "Entropy and PNG bits rise with noise: they are not quality scores, and have no best"
        )
        return (
            Measure("entropy", "entropy", "entropy", _TITLES["entropy"], remarks=(remark,)),
            _bpp(gathered),
            _cornia(gathered, choices),
        )
    return (_ffs(gathered),)


def _truth(choices: Choices) -> tuple[Measure, ...]:
    """PSNR, our counterpart of the paper's SSIM, and the other kind of SSIM."""
    other = "ms_ssim" if choices.ssim == "ssim" else "ssim"
    remarks = {
        "ms_ssim": "The paper's SSIM stands beside MS-SSIM: its 0.86 to 0.94 at 17 to 22 dB are "
        "what DPED's code calls SSIM, and that is MS-SSIM; plain SSIM (Wang 2004) is beside it. "
        "--ssim changes this",
        "ssim": "The paper's SSIM stands beside plain SSIM (Wang 2004) because --ssim says so; it "
        "is most likely MS-SSIM",
    }
    psnr = {
        "psnr": "PSNR: the mean of the photos' decibels; other conventions give up to 1.5 dB less "
        "(--psnr)",
        "psnr_pooled": "PSNR: decibels of the mean error of all photos",
        "psnr_dped": "PSNR: as DPED's code, errors pooled in full batches of 50 photos",
    }
    title = _TITLES[choices.ssim]
    return (
        Measure("psnr", "psnr", choices.psnr, _TITLES[choices.psnr], remarks=(psnr[choices.psnr],)),
        Measure(
            "ssim",
            "ssim",
            choices.ssim,
            f'{title} (paper: "SSIM")' if choices.ssim != "ssim" else title,
            decimals=3,
            remarks=(remarks.get(choices.ssim, remarks["ms_ssim"]),),
        ),
        Measure("other_ssim", "", other, _TITLES[other], decimals=3),
    )


def _bpp(gathered: Gathered) -> Measure:
    versions = sorted({v for found in gathered.versions.get("bpp", {}).values() for v in found})
    encoder = f"; ours: {', '.join(map(plain, versions))}" if versions else ""
    return Measure(
        "bpp",
        "bpp",
        "bpp",
        _TITLES["bpp"],
        remarks=(
            "PNG bpp depends on the encoder, and the paper does not name its own (level 1 instead "
            f"of 6 gives about a tenth more){encoder}",
        ),
    )


def _cornia(gathered: Gathered, choices: Choices) -> Measure:
    """The authors' model where a run has it; else our own, which is not comparable."""
    known = gathered.described
    scored = [n for n in _names(gathered, "cornia") if not choices.cornia or n == choices.cornia]
    authors = [n for n in scored if n in known and known[n].title == "CORNIA (authors')"]
    plain_own = ["cornia"] if "cornia" in scored else []
    metric = next(iter([*authors, *plain_own, *scored]), choices.cornia or "cornia")
    if metric in authors:
        return Measure("cornia", "cornia", metric, "CORNIA", False)
    title = plain(known[metric].title) if metric in known else "own CORNIA model"
    summary = plain(known[metric].summary) if metric in known else "its own scale"
    return Measure(
        "cornia",
        "cornia",
        metric,
        "own CORNIA",
        False,
        comparable=False,
        remarks=(
            f"own CORNIA: {title or 'a model of ours'} ({summary}) instead of the paper's; orders "
            "can be compared, numbers cannot, so there is no difference. Who has the authors' "
            "files: wespe-bench import cornia",
        ),
    )


def _ffs(gathered: Gathered) -> Measure:
    """A trained rater; a stand-in is refused."""
    scored = _names(gathered, "ffs")
    real = [name for name in scored if not _stands_in(gathered, name)]
    refusal = ""
    if scored and not real:
        names = ", ".join(map(plain, scored))
        refusal = (
            f"Refused: the scores here ({names}) are a stand-in rater's, which never fills this "
            "table; train a rater on real photos (wespe-bench reproduce --plan)"
        )
    elif len(real) > 1:
        names = ", ".join(map(plain, real))
        refusal = f"Refused: scores of {len(real)} raters ({names}); keep one of them in the store"
    return Measure(
        "ffs",
        "ffs",
        real[0] if len(real) == 1 else "ffs",
        "FFS",
        decimals=4,
        printed=4,
        comparable=False,
        refusal=refusal,
        remarks=(
            "FFS: a rater says what its own training photos taught it; ours is not the paper's, so "
            "orders can be compared and numbers cannot, and there is no difference",
        ),
    )


def _names(gathered: Gathered, start: str) -> list[str]:
    """The metrics in the scores whose name begins so."""
    return sorted(name for name in gathered.versions if re.fullmatch(rf"{start}([:_-].*)?", name))


def _stands_in(gathered: Gathered, name: str) -> bool:
    """Whether the metric's name, version or recorded description says that it is a stand-in."""
    card = gathered.described.get(name)
    texts = [name, *((card.title, card.summary, card.unit, card.version) if card else ())]
    texts += [version for found in gathered.versions[name].values() for version in found]
    return any(re.search(r"stand.?in", text, re.IGNORECASE) for text in texts)
