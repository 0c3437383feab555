"""The exception that a user's mistake raises, and the one for a number that cannot be."""

from __future__ import annotations

import contextlib
import difflib
import sys
import unicodedata
from collections.abc import Generator, Iterable, Sequence


class InputError(ValueError):
    """Something the user gave is wrong: a path, a name, an image, a file's content.

    The message is one line that says what is wrong, where, and what to do. The
    command line prints it without a traceback and exits with 2.
    """


#: What to do where a disk is full and a verb resumes.
MAKE_ROOM = "make room, and the same command resumes"


class Missing(Exception):  # noqa: N818
    """A table cell has rows, and its metric has no number for them; the message says why.

    An ``aggregate`` raises it ("needs 50 photos to fill a batch, has 11"); the table
    shows the cell as missing, with the reason.
    """


def printable(text: str) -> str:
    """``text`` with "?" for what a terminal obeys instead of showing it.

    Control characters, line ends and the marks that turn text around; bytes that are no UTF-8.
    Joiners stay, without which emoji and several scripts cannot be written.

    >>> printable("a\\x1b[2Jb\\u202ec")
    'a?[2Jb?c'
    """
    return "".join(
        "?"
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\u200c\u200d"
        else c
        for c in text
    )


def one_line(error: BaseException) -> str:
    """The error as a single line: type name added unless the message is meant for users.

    >>> one_line(InputError("no such folder: x"))
    'no such folder: x'
    >>> one_line(KeyError("x"))
    "KeyError: 'x'"
    """
    try:
        text = " ".join(str(error).split())
    except Exception:  # other people's exceptions may fail in __str__
        text = ""
    # File names that are no UTF-8 come as lone surrogates, which nothing can store.
    text = text.encode("utf-8", "replace").decode("utf-8")
    if isinstance(error, InputError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


#: What is imported by what only some install -> the extra that brings it.
EXTRAS = {
    **dict.fromkeys(("choix", "krippendorff", "starlette", "uvicorn"), "study"),
    **dict.fromkeys(("httpx", "tenacity"), "crawl"),
    **dict.fromkeys(("imagehash", "pooch", "requests"), "data"),
    "torchvision": "vgg",
    "huggingface_hub": "hf",
    **{name: name for name in ("tensorboard", "mlflow", "wandb")},
}


def lacking(module: str) -> InputError:
    """The error for a module of `EXTRAS` that is not installed.

    >>> print(lacking("choix"))
    the package choix is not installed: pip install 'wespe-bench[study]'
    """
    extra = EXTRAS[module]
    return InputError(f"the package {module} is not installed: pip install 'wespe-bench[{extra}]'")


def require(module: str) -> None:
    """Raise InputError where a module of `EXTRAS` is not installed."""
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise lacking(module)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint to append to an error message, empty when nothing is close.

    >>> did_you_mean("pnsr", ["psnr", "ssim"])
    " (did you mean 'psnr'?)"
    """
    close = difflib.get_close_matches(name.lower().replace("-", "_"), list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def short(value: object) -> str:
    """A value from a file for a message: ASCII, 40 characters at most.

    >>> short("x" * 1000) == "'" + 39 * "x" + "..."
    True
    """
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not known: what, a guess, and where to look."""
    names = sorted(known)
    return InputError(
        f"unknown {kind} {name!r}{did_you_mean(name, names)}; known: {', '.join(names)}"
    )


@contextlib.contextmanager
def writing(path: object, remedy: str = "choose another --out") -> Generator[None]:
    """Raise an OSError of writing ``path`` as an InputError: what failed, where, what to do."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}); {remedy}") from None


def print_failures(what: str, lines: Sequence[str]) -> int:
    """List on standard error what a verb could not do; its exit code: 3, or 0 for nothing."""
    if lines:
        print(f"wespe-bench: {len(lines)} {what}:", file=sys.stderr)
        for line in lines:
            print(f"  {line}", file=sys.stderr)
    return 3 if lines else 0
