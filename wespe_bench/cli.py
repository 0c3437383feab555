"""``wespe-bench VERB ...``: finds the verb's module, and imports nothing before that."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from wespe_bench import lasting, progress
from wespe_bench.errors import did_you_mean
from wespe_bench.verbs import VERBS, Verb

_OPTIONS = {"-h": "help", "--help": "help", "help": "help", "-V": "version", "--version": "version"}


def main(argv: list[str] | None = None) -> int:
    """Run one verb. Exit codes: 0 done, 2 user's error, 3 done in part, 130 interrupted."""
    console = argv is None
    argv, quiet, verbose = _loudness(sys.argv[1:] if argv is None else argv)
    progress.silent = quiet
    # Of its own memory pyarrow gives little back; a run of a million photos is read in pieces.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
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
            code = _run(verb, argv[words:], verbose)
            if console and code == 130:
                from wespe_bench.interrupts import die_on_signals

                die_on_signals()
            return code
    return _complain(_unknown(argv))


def call(verb: str, argv: list[str]) -> int:
    """One verb with its words; returns the exit code. Raises InputError for a user's mistake."""
    entry = VERBS[verb]
    config = settings(verb, argv)
    if config is None:
        return 0
    module, _, function = entry.function.rpartition(":")
    with lasting.command_line():
        return int(operator.attrgetter(function)(_module(module or entry.module))(config))


def settings(verb: str, argv: list[str]) -> Any:
    """A verb's words as its dataclass; None after printing the help. Raises InputError."""
    from wespe_bench import experiment
    from wespe_bench.arguments import given, parse, preset

    entry = VERBS[verb]
    config = _config(entry)
    presets = getattr(_module(entry.module), entry.presets) if entry.presets else None
    default = preset(presets, argv, verb) if presets else None
    if "config" in config.__dataclass_fields__ and (file := given(config, argv, verb, "config")):
        default = experiment.read(config, Path(file))
    return parse(config, argv, verb, default=default, addresses=entry.addresses)


def _config(entry: Verb) -> Any:
    """The dataclass of a verb's settings."""
    return getattr(_module(entry.module), entry.config)


def _module(name: str) -> ModuleType:
    from wespe_bench.foreign import import_own

    return import_own(name)


def _loudness(argv: list[str]) -> tuple[list[str], bool, bool]:
    """The words without -q and -v, and whether each was among them."""
    words = {"-q": "-q", "--quiet": "-q", "-v": "-v", "--verbose": "-v"}
    given = {words[word] for word in argv if word in words}
    return [word for word in argv if word not in words], "-q" in given, "-v" in given


def _run(verb: str, argv: list[str], verbose: bool) -> int:
    import warnings

    from wespe_bench.errors import EXTRAS, InputError, lacking, printable
    from wespe_bench.interrupts import raise_on_signals

    def show(message: Warning | str, *_: object, **__: object) -> None:
        line = printable(" ".join(str(message).splitlines()))
        print(f"wespe-bench: warning: {line}", file=sys.stderr)

    warnings.showwarning = show
    raise_on_signals()  # a batch system's SIGTERM ends like Ctrl-C: rows at hand are written
    resumed = "; what is done is kept, the same command resumes" if VERBS[verb].resumes else ""
    try:
        return call(verb, argv)
    except InputError as error:
        if verbose:
            import traceback

            traceback.print_exc()
        return _complain(str(error))
    except KeyboardInterrupt:
        print(f"wespe-bench: interrupted{resumed}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _leave_quietly()
        return 0
    except MemoryError:
        jobs = "jobs" in _config(VERBS[verb]).__dataclass_fields__
        return _complain(f"out of memory; {'try a smaller --jobs' if jobs else 'free some first'}")
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in EXTRAS:
            raise
        return _complain(str(lacking(name)))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        kept = "; what is done is kept" if VERBS[verb].resumes else ""
        if kept and isinstance(error, TimeoutError):
            kept += ", the same command resumes"
        return _complain(f"{where}{error.strerror or error}{kept}")
    except Exception as error:
        from wespe_bench import paths
        from wespe_bench.errors import one_line

        if not paths.unanswered(error):
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

-q after any verb shows no progress, -v shows the traceback of an error as well.

exit codes: 0 done, 2 your input is wrong, 3 done in part (what failed is listed last),
            130 interrupted (the same command resumes)"""


def _lines(verbs: Collection[str]) -> str:
    width = max(map(len, verbs))
    return "\n".join(f"  {verb:<{width}}  {VERBS[verb].help}" for verb in verbs)
