"""A study in words: a sentence for each cell, and notes beside the numbers.

Texts are not escaped: the renderer does that.
"""

from __future__ import annotations

import math

from reports import paired
from reports.study.cells import Cell
from reports.study.contents import Report
from reports.study.people import Agreement
from reports.study.raters import FAST, OFTEN_FAST, ONE_SIDED, Raters
from reports.study.strengths import Strengths
from reports.study.twoway import MANY, RESAMPLES
from reports.text import plain, plural

METHOD = (
    "± is the standard deviation of the images' shares, as in the paper's Table 5. The interval "
    "(95%) is for other raters and other images: a t interval of the variance between raters and "
    f"between images, on the logit scale; beside it the plain two-way bootstrap ({RESAMPLES:,} "
    f"resamples of raters and of images; half as many with over {MANY:,} raters). Wilson's "
    "interval is conditional on these images, and takes votes as independent, as does the exact "
    "binomial test of one half, whose p is corrected by Holm over the cells (over all data sets "
    "together: by themselves). A preference is claimed only where both intervals over raters and "
    f"images leave one half out and p is below {paired.LEVEL}."
)

#: With fewer images or raters a note says that the interval is rough.
FEW = 5

# From this difference between the share of votes and the mean over images there is a note.
_APART = 0.01


def sentence(cell: Cell) -> str:
    """One cell in a sentence; a preference is claimed only where it is shown."""
    method, rival = plain(cell.method), plain(cell.rival)
    on = f" on {plain(cell.dataset)}" if cell.dataset else ""
    of = f"{plural(cell.votes, 'vote')}"
    who = f"{plural(cell.raters, 'rater')}, {plural(len(cell.images), 'image')}"
    if cell.shown:
        low, high = cell.interval.low, cell.interval.high
        share = cell.share
        if share < 0.5:
            method, rival, share, low, high = rival, method, 1 - share, 1 - high, 1 - low
        return (
            f"People prefer {method} to {rival}{on}: {percent(share)} of {of} (95% interval "
            f"{percent(low)} to {percent(high)}; {who})."
        )
    return (
        f"{method} against {rival}{on}: {percent(cell.share)} of {of} for {method} ({who}), "
        f"{_doubt(cell)}."
    )


def headline(report: Report) -> str:
    """The sentences of each pair over all its data sets."""
    pairs = {(cell.rival, cell.method) for cell in report.overall}
    cells = [*report.overall, *(c for c in report.cells if (c.rival, c.method) not in pairs)]
    return " ".join(sentence(cell) for cell in cells)


def notes(report: Report) -> list[str]:
    """The notes beneath the cells."""
    found = [METHOD, *(f"{line}." for line in report.left_out)]
    for cell in report.cells:
        where = f"{plain(cell.method)} against {plain(cell.rival)} on {plain(cell.dataset)}"
        if cell.interval.certain:
            few = min(cell.raters, len(cell.images))
            found.append(
                f"{where}: all votes agree, so resampling is of no use; the intervals count "
                f"{plural(few, 'image' if few == len(cell.images) else 'rater')} as one vote each "
                "(Clopper and Pearson)."
            )
        elif min(cell.raters, len(cell.images)) == 1:
            one = "rater" if cell.raters == 1 else "image"
            found.append(
                f"{where}: with one {one} nothing can be said of other {one}s: no interval."
            )
        elif min(cell.raters, len(cell.images)) < FEW:
            found.append(
                f"{where}: {plural(cell.raters, 'rater')} and {plural(len(cell.images), 'image')} "
                "are few to estimate how they differ; the interval is rough."
            )
        if abs(cell.mean - cell.share) >= _APART:
            found.append(
                f"{where}: images have {min(i.votes for i in cell.images)} to "
                f"{max(i.votes for i in cell.images)} votes; with each image counted alike the "
                f"share is {cell.mean:.2f}, not {cell.share:.2f}."
            )
    if any(math.isnan(cell.alpha) for cell in report.cells):
        found.append(
            "Krippendorff's alpha has no value where all votes are the same or nobody answered "
            "the same question."
        )
    found.append(
        "Alpha is 0 where raters agree as by chance; with a share near 0 or 1 it stays low "
        "although raters mostly agree, so the share of agreeing pairs of raters stands beside it."
    )
    found += [f"Table 5: {line}." for line in report.notes]
    return list(dict.fromkeys(found))


def rater_lines(found: Raters) -> list[str]:
    """Side bias, fast votes, checks and unfinished raters, a sentence each."""
    share = found.left / found.votes
    ends = f"95% interval {percent(found.left_low)} to {percent(found.left_high)}"
    side = "left" if share > 0.5 else "right"
    bias = (
        f"people favour the {side} side; as sides are drawn for every rater, this weakens "
        "preferences and favours no method"
        if found.biased
        else "no side is shown to be favoured"
    )
    lines = [
        f"Sides: the left picture was chosen in {percent(share)} of "
        f"{plural(found.votes, 'vote')} ({ends}, exact binomial p {p_value(found.left_p)}): {bias}."
    ]
    if found.one_sided:
        lines.append(
            f"Always one side (of {ONE_SIDED} votes or more): "
            f"{plural(len(found.one_sided), 'rater')} ({some(found.one_sided)})."
        )
    fast = f"{plural(found.fast, 'vote')} ({percent(found.fast / found.votes)})"
    lines.append(
        f"Time: median {found.median / 1000:.1f} s a vote; {fast} under {FAST / 1000:g} s"
        + (
            f"; {plural(len(found.fast_raters), 'rater')} with more than "
            f"{percent(OFTEN_FAST)} such votes ({some(found.fast_raters)})"
            if found.fast_raters
            else ""
        )
        + ". --min-ms leaves fast votes out."
    )
    if found.checks:
        lines.append(
            f"Attention checks: {found.failed:,} of {found.checks:,} failed"
            + (
                f", by {plural(len(found.failed_raters), 'rater')} ({some(found.failed_raters)})"
                if found.failed_raters
                else ""
            )
            + ". --exclude-failed-checks leaves such raters out."
        )
    else:
        lines.append("Attention checks: none were asked.")
    lines.append(
        f"Unfinished: {plural(len(found.unfinished), 'rater')} with fewer than {found.asked} "
        "answers; their votes count."
        if found.unfinished
        else f"Every rater answered all {plural(found.asked, 'question')}."
    )
    if found.revised or found.from_files:
        lines.append(
            f"{plural(found.revised, 'vote')} were changed by their raters; "
            f"{plural(found.from_files, 'vote')} came from files of the static page."
        )
    if found.windows:
        lines.append(_screen_line(found))
    return lines


def _screen_line(found: Raters) -> str:
    """The windows, pixel ratios and surrounds that the pages reported."""
    counts = (
        ("windows", "of", " to ".join(found.windows), "CSS pixels"),
        ("pixel ratios", "", ", ".join(found.ratios), ""),
        ("surround", "", ", ".join(found.surrounds), ""),
    )
    line = "; ".join(" ".join(filter(None, words)) for words in counts)
    missing = f"; not reported for {plural(found.screenless, 'vote')}" if found.screenless else ""
    return f"Screens: {line}{missing}."


STRENGTHS = (
    "Bradley and Terry's model over all data sets: a method of strength a is preferred to one of "
    "strength b with the chance 1 / (1 + exp(b - a)). Intervals (95%) are for other raters and "
    "other images, by the same two-way variance as those of the pairs; of two neighbours one is "
    "called stronger only where the votes on the two, if they were asked about, show it, too."
)

PEOPLE = (
    "A metric agrees with people on a question where it ranks the majority's picture higher. The "
    "interval draws the images again; more or less than chance is claimed only where an exact "
    f"binomial test over the questions says so too (p below {paired.LEVEL}). Votes: the share of "
    "single votes that the metric predicts, and the share that the majority predicts. "
    "Spearman's correlation is of the metric's difference with the share of votes, "
    "question by question."
)


def scale_notes(found: Strengths) -> list[str]:
    """How to read the common scale, and which neighbours it does not order."""
    tied = (f"No preference between {plain(a)} and {plain(b)} is shown." for a, b in found.tied)
    return [STRENGTHS, *tied, *(f"{line}." for line in found.notes)]


def agreement_sentence(one: Agreement) -> str:
    """The agreement of one metric with people, in a sentence."""
    if not one.questions:
        return f"{one.title}: no question with a majority on which the metric sees a difference."
    share = f"on {one.agreed} of {plural(one.questions, 'question')}"
    if math.isnan(one.low):
        return f"{one.title} agrees with the majority {share}: too few images for an interval."
    ends = f"95% interval {percent(one.low)} to {percent(one.high)}"
    if not one.shown:
        why = "which covers one half"
        if one.low > 0.5 or one.high < 0.5:
            why = f"which the exact test does not confirm, p {p_value(one.p)}"
        return (
            f"{one.title} agrees with the majority {share} ({ends}, {why}): neither better nor "
            "worse than chance is shown."
        )
    if one.fraction < 0.5:
        return f"{one.title} contradicts people: it agrees with the majority only {share} ({ends})."
    return f"{one.title} agrees with the majority {share} ({ends})."


def agreement_notes(report: Report) -> list[str]:
    """The notes beneath the metrics."""
    found = [PEOPLE] if report.agreements else []
    for one in report.agreements or ():
        less = [
            f"{plural(count, 'question')} {why}"
            for count, why in (
                (one.split, "without a majority"),
                (one.equal, "on which the metric sees no difference"),
            )
            if count
        ]
        if less:
            found.append(f"{one.title}: {' and '.join(less)} not counted.")
        if not one.directed:
            found.append(f"{one.title}: it has no direction; more was taken as better.")
    return list(dict.fromkeys([*found, *(f"{line}." for line in report.unscored)]))


def percent(share: float) -> str:
    """A share in per cent, with <1% and >99% where rounding would give 0% or 100%.

    >>> percent(0.944), percent(0.9996), percent(1.0), percent(0.0004)
    ('94%', '>99%', '100%', '<1%')
    """
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{100 * share:.0f}%"


def p_value(p: float) -> str:
    """A p value, rounded.

    >>> p_value(0.0001), p_value(0.04567)
    ('< 0.001', '0.046')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def some(names: tuple[str, ...]) -> str:
    """The first few names."""
    shown = ", ".join(plain(name) for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def _doubt(cell: Cell) -> str:
    """Why no preference is claimed."""
    of = cell.interval
    if math.isnan(of.low):
        return "too few raters or images for an interval: no preference is shown"
    span = f"95% interval {percent(of.low)} to {percent(of.high)}"
    if of.low <= 0.5 <= of.high:
        return f"{span}, which covers one half: no preference is shown"
    if of.boot_low <= 0.5 <= of.boot_high:
        boot = f"{percent(of.boot_low)} to {percent(of.boot_high)}"
        span = f"{span}, but the two-way bootstrap's, {boot}, covers one half"
    else:
        span = f"{span}, which the exact test does not confirm (p {p_value(cell.p_holm)})"
    return f"{span}: no preference is shown"
