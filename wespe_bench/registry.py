"""Names and where they live. Nothing is imported until a name is asked for.

A name maps to "module:attribute". Whatever stands here has no privilege: the same specs
accept anybody's ``module:function`` or ``file.py:function``.

Specs
-----
- data sets: ``NAME``, ``NAME:ARGUMENT``, ``NAME:ARGUMENT?option=value&option=value`` with a
  name of `DATASETS`; the argument is the loader's first parameter. A name that a user's
  wespe-data.toml gives a folder is ``camera:NAME``;
- metrics: a name of `METRICS` or `OPTIONAL_METRICS`, either with ``?shave=PIXELS``;
  ``prefix:argument`` with a prefix of `METRIC_PREFIXES`, or a prefix alone where its factory
  has a default; or ``module:METRIC`` (a `wespe_bench.types.Metric`);
- enhancers: a name of `ENHANCERS`; ``prefix:argument`` with a prefix of
  `ENHANCER_PREFIXES`; ``module:function`` or ``path/to/file.py:function``;
- a name that an installed package adds (`wespe_bench.plugins`), for any of these;
- engines: a name of `ENGINES`, or a prefix of `ENGINE_PREFIXES`: ``ray``,
  ``ray:HOST:PORT?gpus=0.25``.
"""

from __future__ import annotations

import importlib.machinery
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import foreign
from wespe_bench.errors import InputError, did_you_mean, one_line, unknown
from wespe_bench.foreign import OWN
from wespe_bench.plugins import Plugin, package_of, plugins

if TYPE_CHECKING:
    from wespe_bench.types import Dataset, Enhancer, Metric

_FIELD = (
    *("lol", "lol_v2", "lsrw", "fivek", "msec", "sice", "ppr10k"),
    *("dicm", "lime", "mef", "npe", "vv", "kodak", "bsds500"),
)

#: name -> loader ``(**options) -> Dataset``
DATASETS = {
    "samples": "wespe_bench.datasets.samples:load",
    "samples_fit": "wespe_bench.datasets.samples:load_fit",
    "folder": "wespe_bench.datasets.folder:load",
    "dped": "wespe_bench.datasets.dped:SOURCE",
    "kitti": "wespe_bench.datasets.kitti:SOURCE",
    "cityscapes": "wespe_bench.datasets.cityscapes:SOURCE",
    "div2k": "wespe_bench.datasets.div2k:SOURCE",
    "htc_m9": "wespe_bench.datasets.phones:HTC_M9",
    "huawei_p9": "wespe_bench.datasets.phones:HUAWEI_P9",
    "iphone6": "wespe_bench.datasets.phones:IPHONE6",
    "ffs": "wespe_bench.datasets.ffs:SOURCE",
    "camera": "wespe_bench.datasets.camera:SOURCE",
    **{n: f"wespe_bench.datasets.enhancement:{n.upper()}" for n in _FIELD},
}

#: What gives a user's own names of folders (wespe-data.toml): ``(data) -> name -> folder``.
OWN_DATASETS = "wespe_bench.datasets.locations:named"

#: ``(spec, **options) -> Dataset``
DATASET_LOADER = "wespe_bench.dataset_specs:load"

#: name -> enhancer, callable as it is
ENHANCERS = {
    "identity": "reference_models.classical:identity",
    "auto_levels": "reference_models.classical:auto_levels",
    "equalize": "reference_models.classical:equalize",
    "clahe": "reference_models.classical:clahe",
    "grey_world": "reference_models.classical:grey_world",
    "shades_of_grey": "reference_models.classical:shades_of_grey",
    "auto_gamma": "reference_models.classical:auto_gamma",
    "retinex": "reference_models.classical:retinex",
    "unsharp": "reference_models.classical:unsharp",
    "ape_like": "reference_models.classical:ape_like",
    "apple": "reference_models.apple:AppleAutoAdjust",
}

#: prefix -> factory ``(argument) -> Enhancer``
ENHANCER_PREFIXES = {
    "results": "reference_models.adapters:results",
    "dped": "reference_models.dped.by_camera:dped",
    "wespe": "reference_models.dped.enhancer:wespe",
    "tone": "reference_models.tone.enhancer:tone",
    "zero_dce": "reference_models.zoo.zero_dce:ZERO_DCE",
    "sci": "reference_models.zoo.sci:SCI",
    "csrnet": "reference_models.zoo.csrnet:CSRNET",
    "lut3d": "reference_models.zoo.lut3d:LUT3D",
    "pt2": "reference_models.network_files:torch_export",
    "torchscript": "reference_models.network_files:torchscript",
    "onnx": "reference_models.network_files:onnx",
    "cmd": "reference_models.command:command",
}

#: name -> Metric record
METRICS = {
    "psnr": "wespe_bench.metrics.psnr:PSNR",
    "psnr_pooled": "wespe_bench.metrics.psnr:PSNR_POOLED",
    "psnr_dped": "wespe_bench.metrics.psnr:PSNR_DPED",
    "psnr_y": "wespe_bench.metrics.psnr_y:PSNR_Y",
    "ssim": "wespe_bench.metrics.ssim:SSIM",
    "ssim_rgb": "wespe_bench.metrics.ssim:SSIM_RGB",
    "ms_ssim": "wespe_bench.metrics.ms_ssim:MS_SSIM",
    "ms_ssim_dped": "wespe_bench.metrics.ms_ssim:MS_SSIM_DPED",
    "delta_e": "wespe_bench.metrics.delta_e:DELTA_E",
    "entropy": "wespe_bench.metrics.entropy:ENTROPY",
    "entropy_rgb": "wespe_bench.metrics.entropy:ENTROPY_RGB",
    "bpp": "wespe_bench.metrics.bpp:BPP",
    "bpp_pinned": "wespe_bench.metrics.bpp:BPP_PINNED",
    "cornia": "wespe_bench.metrics.cornia:CORNIA",
}

#: prefix -> factory ``(argument) -> Metric``; one that needs no argument is a name as well
METRIC_PREFIXES = {
    "cornia": "wespe_bench.metrics.cornia:load",
    "hosa": "wespe_bench.metrics.hosa:load",
    "ffs": "ffs.scorer:load",
    "ffs-standin": "ffs.scorer:load_standin",
    "pyiqa": "wespe_bench.metrics.pyiqa:load",
}

#: name -> factory ``() -> Metric`` of one that needs an optional package
_BY_PYIQA = ("lpips", "dists", "niqe", "brisque", "musiq")
OPTIONAL_METRICS = {name: f"wespe_bench.metrics.pyiqa:{name}" for name in _BY_PYIQA}

#: Takes a metric of ours and what follows its name and "?".
METRIC_OPTIONS = "wespe_bench.metrics.shave:shaved"

#: name -> Suite record
SUITES = {
    "demo": "wespe_bench.suites:DEMO",
    "classical": "wespe_bench.suites:CLASSICAL",
}

#: name -> engine ``(setup, context, items, *, jobs, chunk) -> iterator of Outcome``
ENGINES = {"local": "wespe_bench.engines:local"}

#: prefix -> factory ``(argument) -> engine``; each is a name as well
ENGINE_PREFIXES = {"ray": "wespe_bench.ray_engine:load"}

#: What the harness calls in packages it may not import.
DEMO_LIVE = "reference_models.demo:live"
DEMO_TRAIN = "reference_models.demo:train"
REPORT = "reports.page:write_report"
TABLES = "reports.paper.tables:frame"
COMPARE = "reports.compare:compare"
SENTENCE = "reports.compare:one_sentence"
LEADERBOARD = "reports.leaderboard:leaderboard"


def resolve(target: str) -> Any:
    """Import "module:attribute"; the attribute. Raises InputError when it is not there."""
    module_name, _, attribute = target.partition(":")
    try:
        module = foreign.import_own(module_name)
    except (Exception, SystemExit) as error:  # other people's modules may raise anything
        raise foreign.unimportable(module_name, target, error) from error
    return _attribute(module, attribute, target)


def _attribute(module: Any, attribute: str, target: str) -> Any:
    value = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            names = [name for name in vars(module) if not name.startswith("_")]
            raise InputError(f"{target!r}: no {attribute!r} there{did_you_mean(attribute, names)}")
        value = getattr(value, part)
    return value


_OURS = {
    "metrics": (METRICS, OPTIONAL_METRICS, METRIC_PREFIXES),
    "enhancers": (ENHANCERS, ENHANCER_PREFIXES),
    "datasets": (DATASETS,),
}


def of_plugins(kind: str) -> dict[str, Plugin]:
    """Name -> what installed packages add to "metrics", "enhancers" or "datasets"."""
    return plugins(kind, [name for names in _OURS[kind] for name in names])


def full_spec(kind: str, name: str) -> str:
    """``module:attribute`` where ``name`` is a plugin's, else ``name`` itself."""
    if ":" in name or any(name in names for names in _OURS[kind]):
        return name  # before installed packages are searched for plugins
    found = of_plugins(kind).get(name)
    return found.target if found else name


def load_dataset(name: str, /, **options: Any) -> Dataset:
    """The data set of a spec, or of a name with ``options`` for its loader.

    Args:
        name: A name, ``NAME:ARGUMENT``, either with ``?option=value&option=value``.
        options: The loader's parameters, such as ``input`` and ``reference`` of "folder".

    Returns:
        Ids and paths, no pixels.

    Raises:
        InputError: An unknown name, an option the loader lacks, or files that do not make up
            the data set.
    """
    dataset: Dataset = resolve(DATASET_LOADER)(name, **options)
    return dataset


def _with_options(spec: str, options: dict[str, Any]) -> str:
    """A spec with its options as a command writes them; yes and no for truth values.

    >>> _with_options("dped:demo", {"device": "cpu", "offset": True})
    'dped:demo?device=cpu&offset=yes'
    """
    if options and (spec in ENHANCERS or is_foreign(spec)):
        raise InputError(f"{spec!r} takes no options, and {', '.join(options)} is given")
    for name, value in options.items():
        text = ("no", "yes")[value] if isinstance(value, bool) else value
        spec += f"{'&' if '?' in spec else '?'}{name}={text}"
    return spec


def load_metric(name: str, /, **options: Any) -> Metric:
    """The metric that ``name`` names.

    Args:
        name: A spec ("psnr", "psnr?shave=4", "cornia:FILE", "file.py:METRIC"); the module's text
            has the forms.
        options: What may follow "?" in the spec: ``load_metric("psnr", shave=4)``.

    Raises:
        InputError: No such metric or option, or one that cannot be imported.
    """
    from wespe_bench.types import Metric

    name = _with_options(full_spec("metrics", name), options)
    prefix, colon, argument = name.partition(":")
    plain, question, option = name.partition("?")
    if name in METRICS:
        metric = resolve(METRICS[name])
    elif name in OPTIONAL_METRICS:
        metric = resolve(OPTIONAL_METRICS[name])()
    elif question and plain in (*METRICS, *OPTIONAL_METRICS):
        metric = resolve(METRIC_OPTIONS)(load_metric(plain), option)
    elif colon and prefix in METRIC_PREFIXES:
        metric = resolve(METRIC_PREFIXES[prefix])(argument)
    elif colon:
        metric = load_foreign(name)
    elif name in METRIC_PREFIXES:
        factory = resolve(METRIC_PREFIXES[name])
        if not stands_alone(factory):
            raise InputError(f"{name!r} needs an argument: {name}:NAME")
        metric = factory()
    else:
        known = [*METRICS, *OPTIONAL_METRICS, *of_plugins("metrics")]
        known += [f"{p}:..." for p in METRIC_PREFIXES]
        raise unknown("metric", name, known)
    if not isinstance(metric, Metric):
        raise InputError(f"{name!r} is a {type(metric).__name__}, not a wespe_bench.types.Metric")
    if not isinstance(metric.higher_is_better, bool):
        raise InputError(f"{name!r}: higher_is_better must be True or False")
    return metric


def stands_alone(factory: Callable[..., Any]) -> bool:
    """Whether a prefix's factory can do without an argument."""
    parameters = inspect.signature(factory).parameters.values()
    return all(parameter.default is not inspect.Parameter.empty for parameter in parameters)


def load_enhancer(spec: str, /, **options: Any) -> Enhancer:
    """The enhancer that ``spec`` names.

    Args:
        spec: "clahe", "onnx:FILE", "file.py:function"; the module's text has the forms.
        options: What may follow "?" in the spec: ``load_enhancer("dped:demo", device="cpu")``.

    Returns:
        A function of a uint8 (H, W, 3) array; see `wespe_bench.types.Enhancer`.

    Raises:
        InputError: No such enhancer, or one that cannot be imported or created.
    """
    spec = _with_options(full_spec("enhancers", spec), options)
    prefix, colon, argument = spec.partition(":")
    if spec in ENHANCERS:
        enhancer = resolve(ENHANCERS[spec])
    elif colon and prefix in ENHANCER_PREFIXES:
        enhancer = resolve(ENHANCER_PREFIXES[prefix])(argument)
    elif colon:
        enhancer = load_foreign(spec)
    elif spec in ENHANCER_PREFIXES:
        raise InputError(f"{spec!r} needs an argument: {spec}:PATH")
    elif kind := {".onnx": "onnx", ".pt2": "pt2"}.get(Path(spec).suffix):
        raise InputError(f"unknown enhancer {spec!r} (did you mean '{kind}:{spec}'?)")
    else:
        known = [*ENHANCERS, *of_plugins("enhancers"), *(f"{p}:..." for p in ENHANCER_PREFIXES)]
        raise unknown("enhancer", spec, known)
    if isinstance(enhancer, type):
        try:
            enhancer = enhancer()
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(f"{spec!r} fails when it is created: {one_line(error)}") from error
    if not callable(enhancer):
        raise InputError(f"{spec!r} is a {type(enhancer).__name__}, not a function of an image")
    return enhancer


def is_foreign(spec: str) -> bool:
    """Whether a spec of an enhancer or a metric names other people's code.

    >>> is_foreign("my_model.py:enhance"), is_foreign("dped:demo"), is_foreign("clahe")
    (True, False, False)
    """
    prefix, colon, _ = spec.partition(":")
    if not colon or prefix in ENHANCER_PREFIXES or prefix in METRIC_PREFIXES:
        return False
    return prefix.partition(".")[0] not in OWN or not _is_ours(prefix)


def _is_ours(module_name: str) -> bool:
    top = module_name.partition(".")[0]
    found = importlib.machinery.PathFinder.find_spec(top, [str(Path.cwd()), *sys.path])
    return found is not None and not (found.origin and foreign.is_foreign(found.origin))


def load_foreign(spec: str) -> Any:
    """Anybody's ``module:attribute`` or ``path/file.py:attribute``, loaded each time.

    The current folder is importable, as for ``python -m``.
    """
    module_name, _, attribute = spec.rpartition(":")
    if not module_name or not attribute:
        raise InputError(f"{spec!r}: expected module:function or file.py:function")
    if not is_foreign(spec):
        return resolve(spec)
    try:
        module = foreign.load(module_name, spec, [*ENHANCER_PREFIXES, *ENHANCERS])
        return _attribute(module, attribute, spec)
    except InputError as error:
        if package := package_of(spec):
            raise InputError(f"the plugin of {package} does not work: {error}") from error
        raise
