"""Fingerprint of an enhancer or a metric: another one when it may answer differently.

Covers the code that it can reach (called functions, nested code, classes, closures, notebook
cells), what it holds (numbers, texts, arrays, weights), the source files that its modules import
from outside the installed packages, inside functions too, and the versions of installed packages
that it imports. Files that it opens when called and environment variables are not covered.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import importlib.metadata
import inspect
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, CodeType, ModuleType
from typing import Any

from wespe_bench import foreign, imports

#: Distributions that any answer may depend on: they decode photos and hold pixels.
ALWAYS = ("numpy", "pillow")

# Distributions of other names than their modules; for the rest all metadata has to be read.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
}

# What every class has, and where in a file it stands.
_OF_EVERY_CLASS = frozenset(
    {
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__"),
        *("__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl"),
        *("__annotations__", "__annotations_cache__", "__annotate_func__"),
    }
)
# Objects of these modules are not looked into: what they hold differs from process to process.
# The seed of a random generator, where there is one, stands in the code.
_OPAQUE = (
    "random", "numpy.random", "torch._C", "logging", "threading", "_thread", "_io", "weakref",
    "_weakref", "_contextvars", "concurrent", "multiprocessing", "asyncio",
)  # fmt: skip
_DEEPEST = 150


def fingerprint(enhancer: Any) -> str:
    """The enhancer's own ``fingerprint`` attribute if it has one, else `describe`'s."""
    stated = getattr(enhancer, "fingerprint", None)
    if stated is not None:
        return str(stated() if callable(stated) else stated)
    return describe(enhancer).fingerprint


@dataclass(frozen=True, slots=True)
class Code:
    """A fingerprint; the versions of what is imported; the foreign source files by path."""

    fingerprint: str
    versions: dict[str, str]
    sources: dict[str, bytes]


def describe(value: Any) -> Code:
    """The fingerprint of code and content, and what it rests on."""
    name, walk = name_of(value), _Walk()
    walk.add(name)
    walk.add(value)
    sources, packages = _sources(walk)
    walk.add(hash_of(sources))
    versions = distributions(packages | walk.packages)
    stack = "+".join(f"{distribution}{version}" for distribution, version in versions.items())
    return Code(f"{name}:{walk.total.hexdigest()[:16]}:{stack}", versions, sources)


def hash_of(sources: Mapping[str, bytes]) -> str:
    """One hash of several files' contents, wherever they lie."""
    digests = sorted(hashlib.sha256(data).hexdigest() for data in sources.values())
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def name_of(enhancer: Any) -> str:
    """What its author called the function or class."""
    target = inspect.unwrap(enhancer)
    if isinstance(target, functools.partial):
        target = target.func
    if not (inspect.isfunction(target) or inspect.ismethod(target) or inspect.isclass(target)):
        target = type(target)
    return str(getattr(target, "__qualname__", type(enhancer).__name__))


def distributions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of the installed distributions that top-level modules come from, and `ALWAYS`."""
    names = {name for package in packages for name in _owners(package)} | set(ALWAYS)
    return {name: version for name in sorted(names) if (version := version_of(name)) != "-"}


@functools.cache
def _owners(package: str) -> tuple[str, ...]:
    """The distributions that a top-level module comes from."""
    if package in sys.stdlib_module_names or package in foreign.OWN:
        return ()
    likely = _DISTRIBUTIONS.get(package, package)
    if version_of(likely) != "-":
        return (likely,)
    return tuple(sorted({name.lower() for name in _all_owners().get(package, ())}))


@functools.cache
def _all_owners() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()  # reads every file list: half a second


@functools.cache
def version_of(distribution: str) -> str:
    """An installed distribution's version, "-" where there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _sources(walk: _Walk) -> tuple[dict[str, bytes], set[str]]:
    """The foreign files that were met and those that they import; installed packages."""
    spaces = {space for space in walk.files.values() if space is not None}
    path = [*(str(space.folder) for space in spaces), *sys.path]
    files, packages = imports.closure(walk.files, path, walk.code)
    for space in spaces:
        files |= space.files
        packages |= space.packages
    return files, packages


class _Walk:
    """Hashes values and everything that they refer to, each object once.

    Code of installed packages counts by its name. ``files`` collects the source files of other
    code, ``code`` what has no file, ``packages`` the installed packages that were met.
    """

    def __init__(self) -> None:
        self.total = hashlib.sha256()
        self.files: dict[Path, foreign.Namespace | None] = {}
        self.packages: set[str] = set()
        self.code: list[CodeType] = []
        self._seen: dict[int, tuple[int, Any]] = {}
        self._depth = 0

    def add(self, value: Any) -> None:
        """Add one value: its type, and its content as far as it can be read."""
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, Path)):
            self._note(type(value).__name__, repr(value))
            return
        if id(value) in self._seen:
            self._note("again", self._seen[id(value)][0])
            return
        # The value is kept: its id must not become another's.
        self._seen[id(value)] = (len(self._seen), value)
        self._note(type(value).__module__, type(value).__qualname__)
        self._depth += 1
        if self._depth < _DEEPEST:
            self._add_content(value)
        self._depth -= 1

    def _note(self, *parts: object) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode("utf-8", "replace")
            self.total.update(struct.pack("<Q", len(data)) + data)

    def _add_content(self, value: Any) -> None:
        if isinstance(value, ModuleType):
            self._add_module(value)
        elif isinstance(value, CodeType):
            self._add_code(value)
        elif inspect.isfunction(value):
            self._add_function(value)
        elif inspect.isclass(value):
            self._add_class(value)
        elif isinstance(value, dict):
            self._add_all(part for item in value.items() for part in item)
        elif isinstance(value, (list, tuple)):
            self._add_all(value)
        elif isinstance(value, (set, frozenset)):
            self._note(*sorted(map(_digest_alone, value)))
        elif inspect.ismethod(value):
            self._add_all([value.__func__, value.__self__])
        elif isinstance(value, (staticmethod, classmethod)):
            self.add(value.__func__)
        elif isinstance(value, property):
            self._add_all([value.fget, value.fset])
        elif isinstance(value, functools.partial):
            self._add_all([value.func, value.args, value.keywords])
        elif isinstance(value, BuiltinFunctionType):
            self._note(value.__module__, value.__qualname__)
        elif hasattr(value, "dtype") and hasattr(value, "tobytes"):
            self._add_array(value)
        elif hasattr(value, "detach") and hasattr(value, "cpu"):
            self._add_tensor(value)
        else:
            self._add_object(value)

    def _add_all(self, values: Iterable[Any]) -> None:
        values = list(values)
        self._note(len(values))
        for value in values:
            self.add(value)

    def _is_open(self, file: str | None, module: str | None) -> bool:
        """Whether code is hashed by what it does; else it is an installed package's."""
        if file and not file.startswith("<") and not foreign.is_foreign(file):
            top = (module or "").partition(".")[0]
            self.packages.add(top)
            return top in ("reference_models", "ffs", "reports")
        return True

    def _add_module(self, module: ModuleType) -> None:
        self._note(module.__name__)
        file = getattr(module, "__file__", None)
        if file and self._is_open(file, module.__name__) and foreign.is_foreign(file):
            self.files.setdefault(Path(file).resolve(), foreign.namespace_of(vars(module)))
        elif not file:
            self.packages.add(module.__name__.partition(".")[0])

    def _add_function(self, function: Any) -> None:
        within = function.__globals__
        file = within.get("__file__")
        self._note(function.__qualname__)
        if not self._is_open(file or function.__code__.co_filename, function.__module__):
            return
        if file and foreign.is_foreign(file):
            self.files.setdefault(Path(file).resolve(), foreign.namespace_of(within))
        else:
            self.code.append(function.__code__)
        self.add(function.__code__)
        self._add_all([function.__defaults__, function.__kwdefaults__, function.__dict__])
        self._add_all(cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell))
        names = sorted({name for code in _nested(function.__code__) for name in code.co_names})
        for name in names:
            if name in within:
                self._note(name)
                self.add(within[name])
                if isinstance(within[name], ModuleType) and within[name] is not sys:
                    self._add_attributes(within[name], names)

    def _add_attributes(self, module: ModuleType, names: Iterable[str]) -> None:
        """What of a module the code names, for it may have been set from outside."""
        file = getattr(module, "__file__", None)
        if file and self._is_open(file, module.__name__):
            for name in names:
                if name in vars(module):
                    self._note(name)
                    self.add(vars(module)[name])

    def _add_code(self, code: CodeType) -> None:
        self._note(code.co_code, code.co_names, code.co_varnames, code.co_freevars)
        self._note(getattr(code, "co_exceptiontable", b""))
        self._add_all(code.co_consts)

    def _add_class(self, cls: Any) -> None:
        self._note(cls.__qualname__)
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        inherited = [base for base in cls.__mro__[1:] if base is not object]
        if self._is_open(file, cls.__module__) and not _is_built_in(cls):
            for name, value in sorted(vars(cls).items()):
                if name not in _OF_EVERY_CLASS and not inspect.ismemberdescriptor(value):
                    self._note(name)
                    self.add(value)
            self._add_all(inherited)

    def _add_array(self, array: Any) -> None:
        self._note(array.dtype, array.shape)
        if array.dtype.hasobject:
            self.add(array.tolist())
        else:
            self._note(array.tobytes())

    def _add_tensor(self, tensor: Any) -> None:
        self._note(tensor.dtype, tuple(tensor.shape))
        plain = tensor.detach().cpu()
        try:
            self._note(plain.contiguous().numpy().tobytes())
        except (TypeError, RuntimeError):  # NumPy has no bfloat16; some tensors are sparse
            self.add(plain.to_dense().double().numpy())

    def _add_object(self, value: Any) -> None:
        cls = type(value)
        self.add(cls)
        if isinstance(value, Iterator) or any(
            f"{cls.__module__}.".startswith(f"{module}.") for module in _OPAQUE
        ):
            return
        wrapped = getattr(value, "py_func", None) or getattr(value, "__wrapped__", None)
        if inspect.isfunction(wrapped):  # numba's, functools.cache's
            self.add(wrapped)
            return
        if hasattr(value, "state_dict"):  # also of TorchScript, whose tensors are not attributes
            self.add(dict(value.state_dict()))
            self._note(getattr(value, "inlined_graph", ""))
        held = getattr(value, "__dict__", None)
        slots = [name for base in cls.__mro__ for name in _slots(base) if hasattr(value, name)]
        if isinstance(held, dict) or slots:
            self.add(dict(held or {}))
            self._add_all([name, getattr(value, name)] for name in slots)
            return
        try:  # what it would be pickled as: a compiled pattern, a date
            reduce = copyreg.dispatch_table.get(cls)
            reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
        except Exception:
            return
        parts = reduced if isinstance(reduced, tuple) else (reduced,)
        self._add_all(list(part) if isinstance(part, Iterator) else part for part in parts)


def _digest_alone(value: Any) -> str:
    walk = _Walk()
    walk.add(value)
    return walk.total.hexdigest()


def _is_built_in(cls: Any) -> bool:
    return cls.__module__ in ("builtins", "typing") or cls.__module__ in sys.builtin_module_names


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _nested(code: CodeType) -> Iterator[CodeType]:
    """A piece of code with the functions, classes and comprehensions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
