"""The command table: every verb with its options' dataclass, its function and its help line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """One verb of the command line; its module is imported when it is called.

    ``config`` names the frozen dataclass of its options in ``module`` and ``function`` what is
    called with it, returning the exit code: there, or in "another.module:function", which is
    imported once the options are read. ``resumes``: an interrupted verb goes on from where it
    stopped. ``addresses``: the options that may hold addresses of stores
    (`wespe_bench.paths`), or of the web. ``presets``: a dictionary of the module, from the
    names that --preset takes to their settings; its first is the default.
    """

    module: str
    config: str
    help: str
    function: str = "main"
    resumes: bool = False
    addresses: tuple[str, ...] = ()
    presets: str = ""


VERBS = {
    "demo": Verb(
        "wespe_bench.suites",
        "Demo",
        "real photos, classical enhancers: a table and a page",
        function="demo",
        resumes=True,
    ),
    "list": Verb(
        "wespe_bench.listing", "List", "data sets, enhancers, metrics and suites there are"
    ),
    "run": Verb(
        "wespe_bench.suites",
        "RunSuite",
        "enhance, score and report: a suite, or your own choice",
        function="run_suite",
        resumes=True,
        addresses=("input", "reference", "dataset", "out"),
    ),
    "enhance": Verb(
        "wespe_bench.enhancing",
        "Enhance",
        "one enhancer over one data set -> a folder of PNGs",
        resumes=True,
        addresses=("input", "reference", "dataset", "out"),
    ),
    "score": Verb(
        "wespe_bench.scoring",
        "Score",
        "metrics over what was enhanced -> rows",
        resumes=True,
        addresses=("runs",),
    ),
    "report": Verb(
        "wespe_bench.suites",
        "Report",
        "rows -> a Markdown table and an HTML page",
        function="report",
        addresses=("runs", "out"),
    ),
    "tables": Verb(
        "reports.paper.tables",
        "Tables",
        "the paper's tables: ours, the paper's, the difference",
        addresses=("runs",),
    ),
    "reproduce": Verb(
        "wespe_bench.reproduce.verb",
        "Reproduce",
        "the paper as a plan: what is done, what can run, how long; --go runs it",
        resumes=True,
    ),
    "compare": Verb(
        "reports.compare",
        "Compare",
        "is one method better than others: paired statistics, photo by photo",
        addresses=("methods", "runs", "out"),
    ),
    "leaderboard": Verb(
        "reports.leaderboard",
        "Leaderboard",
        "all runs ranked, as a page; takes and gives cards",
        addresses=("runs", "out"),
    ),
    "push": Verb("reports.push", "Push", "a model, a page or a data set -> the Hugging Face Hub"),
    "study report": Verb(
        "reports.study.report",
        "StudyReport",
        "people's votes -> the paper's Table 5, with honest intervals, as Markdown and a page",
    ),
    "figures": Verb(
        "reports.figures",
        "Figures",
        "strips with zoomed crops and plots of the runs, as PNG and SVG",
        addresses=("runs",),
    ),
    "time": Verb(
        "wespe_bench.timing",
        "Time",
        "what enhancers take for a photo: seconds, memory, multiply-adds, to publish",
    ),
    "export scores": Verb(
        "wespe_bench.export",
        "Export",
        "rows -> CSV, JSON or Parquet",
        addresses=("runs", "out"),
    ),
    "data list": Verb(
        "wespe_bench.prepare.inventory",
        "Inventory",
        "the data sets: where they are, how to get them, what the paper used",
    ),
    "data check": Verb(
        "wespe_bench.prepare.check",
        "Check",
        "a data set's files against what they should be: every fault named",
    ),
    "data split": Verb(
        "wespe_bench.prepare.split",
        "SplitData",
        "training and test photos drawn by seed -> a manifest to share",
        addresses=("dataset", "out"),
    ),
    "data pack": Verb(
        "wespe_bench.prepare.pack",
        "Pack",
        "a data set -> one memory-mapped block of pixels, for training",
        resumes=True,
    ),
    "data fetch": Verb(
        "wespe_bench.prepare.fetch",
        "Fetch",
        "download and unpack a data set where its terms allow; else say how to get it",
        resumes=True,
        addresses=("source", "mirror"),
    ),
    "data make": Verb(
        "wespe_bench.prepare.make",
        "Make",
        "a simulated camera over clean photos -> a paired data set",
        resumes=True,
    ),
    "data mini": Verb(
        "wespe_bench.prepare.mini",
        "Mini",
        "small simulated stand-ins for every data set of the paper",
    ),
    "data preview": Verb(
        "wespe_bench.prepare.preview",
        "Preview",
        "a contact sheet: what is in a data set, pairs side by side",
        addresses=("dataset", "input", "reference"),
    ),
    "data register": Verb(
        "wespe_bench.prepare.register",
        "Register",
        "two cameras' photos of the same scenes -> aligned pairs",
        resumes=True,
    ),
    "conventions": Verb(
        "wespe_bench.conventions",
        "Conventions",
        "one pair of photos under every convention: why numbers differ",
    ),
    "doctor": Verb(
        "wespe_bench.doctor", "Doctor", "does this installation give the numbers it should"
    ),
    "train wespe": Verb(
        "reference_models.wespe.recipe",
        "TrainWespe",
        "two cameras' photos, unpaired -> a generator that enhances the first's",
        function="reference_models.wespe.train:main",
        resumes=True,
        presets="PRESETS",
    ),
    "train dped": Verb(
        "reference_models.dped.recipe",
        "TrainDped",
        "pairs of photos -> DPED's generator, the supervised baseline",
        function="reference_models.dped.train:main",
        resumes=True,
        presets="PRESETS",
    ),
    "train tone": Verb(
        "reference_models.tone.train",
        "TrainTone",
        "the same photos as WESPE -> a tone curve per channel, the baseline to beat",
    ),
    "ffs train": Verb(
        "ffs.recipe",
        "TrainRater",
        "photos with faves per view -> the virtual rater (FFS), with its test and card",
        function="ffs.train:main",
        resumes=True,
    ),
    "ffs score": Verb(
        "ffs.score",
        "ScoreFolder",
        "a rater over any folder of photos -> a CSV of their FFS",
        resumes=True,
        addresses=("photos",),
    ),
    "study build": Verb(
        "wespe_bench.study.build",
        "Build",
        "runs -> pairs of pictures to ask people about",
        resumes=True,
    ),
    "study serve": Verb(
        "wespe_bench.study.serve",
        "Serve",
        "ask people, in their browsers: side by side, zoomed together; every vote kept",
    ),
    "study close": Verb(
        "wespe_bench.study.serve", "Close", "end a study: no more votes", function="close"
    ),
    "study import": Verb(
        "wespe_bench.study.importing",
        "Import",
        "the votes that raters of a static study sent as files",
    ),
    "study simulate": Verb(
        "wespe_bench.study.simulate",
        "Simulate",
        "votes drawn from a stated preference model, to try a study; never a result",
    ),
    "import dped": Verb(
        "reference_models.dped.importer",
        "Import",
        "DPED's (or WESPE's) released TensorFlow generator -> safetensors",
    ),
    "import zero_dce": Verb(
        "reference_models.zoo.importer",
        "Import",
        "Zero-DCE's released weights -> safetensors",
        function="reference_models.zoo.importer:zero_dce",
    ),
    "import sci": Verb(
        "reference_models.zoo.importer",
        "Import",
        "SCI's released weights -> safetensors",
        function="reference_models.zoo.importer:sci",
    ),
    "import csrnet": Verb(
        "reference_models.zoo.importer",
        "Import",
        "CSRNet's released weights -> safetensors",
        function="reference_models.zoo.importer:csrnet",
    ),
    "import lut3d": Verb(
        "reference_models.zoo.importer",
        "Import",
        "Image-adaptive 3D LUT's released weights -> safetensors",
        function="reference_models.zoo.importer:lut3d",
    ),
    "import cornia": Verb(
        "wespe_bench.cornia.importer",
        "ImportCornia",
        "the authors' CORNIA files (.mat) -> a model for cornia:FILE",
        function="main_cornia",
    ),
    "import hosa": Verb(
        "wespe_bench.cornia.importer",
        "ImportHosa",
        "the authors' HOSA files (.mat) -> the model of hosa",
        function="main_hosa",
    ),
    "cornia fit": Verb(
        "wespe_bench.cornia.fit",
        "Fit",
        "a CORNIA model from human scores, or from clean photos alone",
        resumes=True,
    ),
    "ffs crawl": Verb(
        "ffs.settings",
        "Crawl",
        "photos with their views and faves from Flickr, with your key -> a folder",
        function="ffs.crawl:main",
        resumes=True,
        addresses=("api",),
    ),
    "ffs build": Verb(
        "ffs.dataset",
        "Build",
        "a crawl, or a CSV of photos with views and faves -> a labelled, split data set",
        resumes=True,
    ),
    "ffs stats": Verb("ffs.stats", "Stats", "tables and plots of such a data set"),
    "ffs forget": Verb(
        "ffs.forget", "Forget", "remove photos and all that was made of them, for good"
    ),
    "ffs export": Verb(
        "ffs.export",
        "Export",
        "what may be shared of it: ids and counts, and free photos",
    ),
    "merge": Verb(
        "wespe_bench.merge",
        "Merge",
        "shards made on several machines -> one folder",
        resumes=True,
        addresses=("shards", "out"),
    ),
    "completion": Verb(
        "wespe_bench.completion",
        "Completion",
        "a script that completes verbs and options in your shell",
    ),
}
