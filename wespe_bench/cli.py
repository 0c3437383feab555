"""``wespe-bench VERB ...``: finds the verb's module, and imports nothing before that."""

from __future__ import annotations

import sys
from collections.abc import Collection

#: verb -> (where its ``main(argv) -> exit code`` lives, one line for --help)
VERBS = {
    "demo": (
        "wespe_bench.suites:demo",
        "real photos, classical enhancers: a table and a page in a minute",
    ),
    "list": ("wespe_bench.listing:main", "data sets, enhancers, metrics and suites there are"),
    "run": ("wespe_bench.suites:main", "enhance, score and report: a suite, or your own choice"),
    "enhance": ("wespe_bench.enhancing:main", "one enhancer over one data set -> a folder of PNGs"),
    "score": ("wespe_bench.scoring:main", "metrics over what was enhanced -> rows"),
    "report": ("wespe_bench.suites:report", "rows -> a Markdown table and an HTML page"),
    "tables": (
        "reports.paper.verb:main",
        "the paper's tables: ours, the paper's, the difference",
    ),
    "reproduce": (
        "wespe_bench.reproduce.verb:main",
        "the paper as a plan: what is done, what can run, how long; --go runs it",
    ),
    "compare": (
        "reports.compare:main",
        "is one method better than others: paired statistics, photo by photo",
    ),
    "leaderboard": (
        "reports.leaderboard:main",
        "all runs ranked, as a page; takes and gives cards",
    ),
    "study report": (
        "reports.study.verb:main",
        "people's votes -> the paper's Table 5, with honest intervals, as Markdown and a page",
    ),
    "figures": (
        "reports.plates:main",
        "strips with zoomed crops and plots of the runs, as PNG and SVG",
    ),
    "export scores": ("wespe_bench.export:main", "rows -> CSV, JSON or Parquet"),
    "data list": (
        "wespe_bench.data.inventory:main",
        "the data sets: where they are, how to get them, what the paper used",
    ),
    "data check": (
        "wespe_bench.data.check:main",
        "a data set's files against what they should be: every fault named",
    ),
    "data split": (
        "wespe_bench.data.split:main",
        "training and test photos drawn by seed -> a manifest to share",
    ),
    "data pack": (
        "wespe_bench.data.pack:main",
        "a data set -> one memory-mapped block of pixels, for training",
    ),
    "data fetch": (
        "wespe_bench.data.fetch:main",
        "download and unpack a data set where its terms allow; else say how to get it",
    ),
    "data make": (
        "wespe_bench.data.make:main",
        "a simulated camera over clean photos -> a paired data set",
    ),
    "data preview": (
        "wespe_bench.data.preview:main",
        "a contact sheet: what is in a data set, pairs side by side",
    ),
    "data register": (
        "wespe_bench.data.register:main",
        "two cameras' photos of the same scenes -> aligned pairs",
    ),
    "conventions": (
        "wespe_bench.conventions:main",
        "one pair of photos under every convention: why numbers differ",
    ),
    "doctor": ("wespe_bench.doctor:main", "does this installation give the numbers it should"),
    "train wespe": (
        "reference_models.wespe.recipe:main",
        "two cameras' photos, unpaired -> a generator that enhances the first's",
    ),
    "train dped": (
        "reference_models.dped.recipe:main",
        "pairs of photos -> DPED's generator, the supervised baseline",
    ),
    "ffs train": (
        "ffs.recipe:main",
        "photos with faves per view -> the virtual rater (FFS), with its test and card",
    ),
    "ffs score": ("ffs.score:main", "a rater over any folder of photos -> a CSV of their FFS"),
    "study build": (
        "wespe_bench.study.build:main",
        "runs -> pairs of pictures to ask people about",
    ),
    "study serve": (
        "wespe_bench.study.serve:main",
        "ask people, in their browsers: side by side, zoomed together; every vote kept",
    ),
    "study close": ("wespe_bench.study.closing:main", "end a study: no more votes"),
    "study import": (
        "wespe_bench.study.importing:main",
        "the votes that raters of a static study sent as files",
    ),
    "import dped": (
        "reference_models.dped.importer:main",
        "DPED's (or WESPE's) released TensorFlow generator -> safetensors",
    ),
    "import cornia": (
        "wespe_bench.cornia.importer:main_cornia",
        "the authors' CORNIA files (.mat) -> a model for cornia:FILE",
    ),
    "import hosa": (
        "wespe_bench.cornia.importer:main_hosa",
        "the authors' HOSA files (.mat) -> the model of hosa",
    ),
    "cornia fit": (
        "wespe_bench.cornia.fit:main",
        "a CORNIA model from human scores, or from clean photos alone",
    ),
    "ffs crawl": (
        "ffs.crawl:main",
        "photos with their views and faves from Flickr, with your key -> a folder",
    ),
    "ffs build": (
        "ffs.dataset:main",
        "a crawl, or a CSV of photos with views and faves -> a labelled, split data set",
    ),
    "ffs stats": ("ffs.stats:main", "tables and plots of such a data set"),
    "ffs forget": ("ffs.forget:main", "remove photos and all that was made of them, for good"),
    "ffs export-ids": ("ffs.share:main", "a crawl's ids and counts, to share: no images"),
    "merge": ("wespe_bench.merge:main", "shards made on several machines -> one folder"),
}

#: The verbs that keep what they have done, and go on from there.
RESUMED = (
    "demo",
    "run",
    "enhance",
    "score",
    "data pack",
    "data fetch",
    "data make",
    "data register",
    "cornia fit",
    "train wespe",
    "train dped",
    "ffs crawl",
    "ffs build",
    "ffs train",
    "ffs score",
    "study build",
    "merge",
    "reproduce",
)

_OPTIONS = {"-h": "help", "--help": "help", "help": "help", "-V": "version", "--version": "version"}


def main(argv: list[str] | None = None) -> int:
    """Run one verb. Exit codes: 0 done, 2 user's error, 3 done in part, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    _open_streams()
    option = _OPTIONS.get(argv[0]) if argv else "help"
    if option == "help":
        try:
            print(_help(), flush=True)
        except BrokenPipeError:
            _leave_quietly()
        return 0
    if option == "version":
        from wespe_bench import __version__

        print(f"wespe-bench {__version__}")
        return 0
    if len(argv) == 2 and argv[1] in ("-h", "--help"):
        longer = [verb for verb in VERBS if verb.startswith(argv[0] + " ")]
        if len(longer) == 1:  # "export --help" can only mean one verb
            argv = [*longer[0].split(), argv[1]]
        elif longer and argv[0] not in VERBS:
            print(f"usage: wespe-bench {argv[0]} ...\n\n{_lines(longer)}")
            return 0
    for words in (2, 1):
        verb = " ".join(argv[:words])
        if verb in VERBS:
            return _run(verb, argv[words:])
    return _complain(_unknown(argv))


def _run(verb: str, argv: list[str]) -> int:
    import importlib
    import signal
    import warnings

    from wespe_bench.errors import InputError, printable

    def show(message: Warning | str, *_: object, **__: object) -> None:
        line = printable(" ".join(str(message).splitlines()))
        print(f"wespe-bench: warning: {line}", file=sys.stderr)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    warnings.showwarning = show
    # A batch system's polite kill ends like Ctrl-C: rows at hand are written.
    signal.signal(signal.SIGTERM, stop)
    module, _, function = VERBS[verb][0].partition(":")
    try:
        return int(getattr(importlib.import_module(module), function)(argv))
    except InputError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        resumed = "; what is done is kept, the same command resumes" if verb in RESUMED else ""
        print(f"wespe-bench: interrupted{resumed}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _leave_quietly()
        return 0
    except MemoryError:
        return _complain("out of memory; try a smaller --jobs")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        kept = "; what is done is kept" if verb in RESUMED else ""
        return _complain(f"{where}{error.strerror or error}{kept}")
    except Exception as error:
        from wespe_bench import places
        from wespe_bench.errors import one_line

        if not places.unanswered(error):
            raise
        return _complain(f"the store does not answer: {one_line(error)}")


def _leave_quietly() -> None:
    """The reader of our output has gone; nothing more can be said to it."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Streams that exist and can say anything: closed ones lead nowhere, odd ones get "?"."""
    import io
    import os

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _complain(message: str) -> int:
    from wespe_bench.errors import printable

    # A name in it may hold line breaks, and what a terminal obeys.
    line = printable(" ".join(message.splitlines()))
    print(f"wespe-bench: error: {line}", file=sys.stderr)
    return 2


def _unknown(argv: list[str]) -> str:
    from wespe_bench.registry import did_you_mean

    if argv[0].startswith("-"):
        return f"unknown option {argv[0]!r}; see wespe-bench --help"
    second = [verb.partition(" ")[2] for verb in VERBS if verb.startswith(argv[0] + " ")]
    if second:
        return f"{argv[0]} what? known: {', '.join(f'{argv[0]} {word}' for word in second)}"
    return f"unknown verb {argv[0]!r}{did_you_mean(argv[0], VERBS)}; see wespe-bench --help"


def _help() -> str:
    return f"""usage: wespe-bench VERB [OPTIONS]

Judge photo enhancers honestly: the benchmarking suite around WESPE.

{_lines(VERBS)}

Each verb explains itself with an example: wespe-bench VERB --help
Score your own enhancer, a function of a uint8 (H, W, 3) array:
  wespe-bench run --suite demo --enhancers my_model.py:enhance

exit codes: 0 done, 2 your input is wrong, 3 done in part (what failed is listed last),
            130 interrupted (the same command resumes)"""


def _lines(verbs: Collection[str]) -> str:
    width = max(map(len, verbs))
    return "\n".join(f"  {verb:<{width}}  {VERBS[verb][1]}" for verb in verbs)
