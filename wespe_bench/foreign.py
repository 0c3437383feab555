"""Other people's Python: each enhancer or metric sees its own modules, and runs what was hashed.

Source files outside the standard library, installed packages and wespe-bench are compiled from
the bytes that were read and hashed, never from a ``.pyc``, and every file loaded is recorded.
Two enhancers in one process may each have their own ``utils.py``: a `Namespace` holds the modules
of one, and they are the ones in `sys.modules` whenever its code imports something.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import importlib.machinery
import importlib.util
import sys
import sysconfig
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from wespe_bench.errors import InputError, did_you_mean, one_line

#: Our own top-level packages.
OWN = ("wespe_bench", "ffs", "reference_models", "reports")

# sys.modules holds the modules of one namespace at a time.
_lock = threading.RLock()
_active: Namespace | None = None


# Bytes to run in place of those that files hold by now.
_pinned: dict[str, bytes] = {}
_dedicated = False


class _Importing(threading.local):
    """The namespace for which this thread imports something just now."""

    space: Namespace | None = None


_importing = _Importing()


def _importer() -> Namespace | None:
    """The namespace that whatever is imported now belongs to.

    In a process for one namespace also what is imported by other means than a statement.
    """
    return _importing.space or (_active if _dedicated else None)


def dedicate_process(sources: Mapping[str, bytes]) -> None:
    """This process is for one namespace, which is loaded next.

    ``sources`` are the bytes to run of files by their paths, whatever these hold by now.
    """
    global _dedicated
    _dedicated = True
    _pinned.update(sources)


def loaded() -> Namespace | None:
    """The namespace that was loaded last in this process."""
    return _active


@functools.cache
def _known_folders() -> tuple[Path, ...]:
    """The standard library and our own packages."""
    paths = sysconfig.get_paths()
    here = Path(__file__).resolve().parent.parent
    standard = [Path(paths[name]).resolve() for name in ("stdlib", "platstdlib")]
    return (*standard, *(here / name for name in OWN))


def is_foreign(file: str | Path) -> bool:
    """Whether a file is neither the standard library's, nor an installed package's, nor ours."""
    path = Path(file).resolve()
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return False
    return not any(path.is_relative_to(folder) for folder in _known_folders())


def import_own(module_name: str) -> ModuleType:
    """Import a module of ours, whatever else of its name lies first in `sys.path`.

    Raises ImportError where the process has loaded something else under that name.
    """
    top = module_name.partition(".")[0]
    if top in OWN:
        root = Path(__file__).resolve().parent.parent
        if top not in sys.modules:
            spec = importlib.machinery.PathFinder.find_spec(top, [str(root)])
            if spec is not None and spec.loader is not None:
                module = sys.modules[top] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
        file = getattr(sys.modules.get(top), "__file__", None)
        if not file or not Path(file).resolve().is_relative_to(root / top):
            raise ImportError(
                f"this process has loaded {file or 'a folder'} as {top!r}, which is the name of a "
                "part of wespe-bench; rename it"
            )
    return importlib.import_module(module_name)


def load(module_name: str, spec: str, known: Sequence[str]) -> ModuleType:
    """Other people's module, or file that ends in ".py", of a spec, loaded each time.

    Raises InputError when it cannot be; ``known`` are names that the user may have meant.
    """
    if module_name.endswith(".py"):
        path = Path(module_name)
        if not path.is_file():
            raise InputError(f"{spec!r}: no such file: {path}")
        try:
            return Namespace(path.resolve().parent).load_file(path)
        except (Exception, SystemExit) as error:  # other people's modules may raise anything
            raise InputError(f"{spec!r}: {path} fails on import: {one_line(error)}") from error
    try:
        return Namespace(Path.cwd()).load_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0]:
            raise unimportable(module_name, spec, error) from error
        hint = did_you_mean(module_name, known)
        raise InputError(f"{spec!r}: no module {module_name!r} here or installed{hint}") from None
    except (Exception, SystemExit) as error:
        raise unimportable(module_name, spec, error) from error


def unimportable(module_name: str, target: str, error: BaseException) -> InputError:
    """The error that says why a module cannot be imported for ``target``."""
    return InputError(f"cannot import {module_name!r} for {target!r}: {one_line(error)}")


def check_own_packages() -> None:
    """Raise InputError where the process has loaded modules of the user's under our names."""
    for name in OWN:
        try:
            import_own(name)
        except ImportError as error:
            raise InputError(str(error)) from None


class Namespace:
    """The modules of one enhancer or metric; those in ``folder`` are found first.

    ``files`` maps each file loaded to the bytes that were run; ``packages`` are the top-level
    names that its code imported.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.files: dict[str, bytes] = {}
        self.packages: set[str] = set()
        self._modules: dict[str, ModuleType] = {}
        self._names: set[str] = set()
        self._hidden: dict[str, ModuleType] = {}
        self.builtins = {**vars(builtins), "__import__": self._import}

    def load_file(self, path: Path) -> ModuleType:
        """Run a source file as a module of its own name. Raises whatever it raises."""
        path = path.resolve()
        name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        with self._active():
            loader = _Loader(name, str(path))
            module = importlib.util.module_from_spec(
                importlib.machinery.ModuleSpec(name, loader, origin=str(path))
            )
            module.__file__ = str(path)
            sys.modules[name] = module
            try:
                loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        return module

    def load_module(self, name: str) -> ModuleType:
        """Import a module by name. Raises whatever it raises."""
        with self._active():
            return importlib.import_module(name)

    def record(self, name: str, file: str | Path | None, data: bytes = b"") -> None:
        """Note that a module of this name is ours, and what its file held."""
        self._names.add(name)
        if file is not None:
            self.files[str(Path(file).resolve())] = data

    @contextmanager
    def _active(self) -> Generator[None]:
        with _lock:
            _switch_to(self)
            before, _importing.space = _importing.space, self
            try:
                yield
            finally:
                _importing.space = before
                if self._hidden and before is None:
                    _switch_to(None)  # the process gets its own modules of these names back

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """What ``import`` calls in this namespace's modules, whenever it is reached."""
        if level == 0:
            self.packages.add(name.partition(".")[0])
        with self._active():
            return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _enter(self) -> None:
        shadowed = {top for top in map(_module_name, self.folder.iterdir()) if self._shadows(top)}
        self._hidden = {
            name: sys.modules.pop(name)
            for name in list(sys.modules)
            if name.partition(".")[0] in shadowed
        }
        sys.modules.update(self._modules)
        sys.path.insert(0, str(self.folder))

    def _leave(self) -> None:
        self._modules = {n: sys.modules.pop(n) for n in self._names if n in sys.modules}
        sys.modules.update(self._hidden)
        self._hidden = {}
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))

    def _shadows(self, name: str) -> bool:
        """Whether the folder has another file for a module that the process has loaded."""
        file = getattr(sys.modules.get(name), "__file__", None)
        if not file or name in ("wespe_bench", "__main__"):
            return False
        if name not in OWN and not is_foreign(file):
            return False
        here = (self.folder / f"{name}.py", self.folder / name / "__init__.py")
        return any(path.is_file() and path != Path(file).resolve() for path in here)


def namespace_of(module_globals: Mapping[str, Any]) -> Namespace | None:
    """The namespace whose code has these globals."""
    within = module_globals.get("__builtins__")
    found = within.get("__import__") if isinstance(within, dict) else None
    space = getattr(found, "__self__", None)
    return space if isinstance(space, Namespace) else None


def _module_name(path: Path) -> str:
    return path.name if path.is_dir() else path.name.partition(".")[0]


def _switch_to(space: Namespace | None) -> None:
    global _active
    if _active is space:
        return
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    if _active is not None:
        _active._leave()
    _active = space
    if space is not None:
        space._enter()
    importlib.invalidate_caches()


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads, hashes, compiles and runs the same bytes."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        data = _pinned.get(str(Path(path).resolve()))
        if data is None:
            data = self.get_data(path)
        if (space := _importer()) is not None:
            space.record(fullname, path, data)
        code: CodeType = self.source_to_code(data, path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        if (space := _importer()) is not None:
            vars(module)["__builtins__"] = space.builtins
        super().exec_module(module)


class _Finder:
    """First in `sys.meta_path`: gives foreign source files our loader while a namespace imports."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that the other finders give, with another loader where the file is foreign."""
        space = _importer()
        if space is None:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or ())
        file = spec.origin if spec.has_location else None
        if file is None:
            if folders and is_foreign(folders[0]):  # a package without __init__.py
                space.record(name, None)
        elif is_foreign(file):
            if type(spec.loader) is importlib.machinery.SourceFileLoader:
                spec.loader = _Loader(name, file)
            elif Path(file).is_file():  # compiled code
                space.record(name, file, Path(file).read_bytes())
        return spec
