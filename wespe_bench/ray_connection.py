"""A connection to Ray: to a cluster, asked first whether it takes us, or to a Ray of our own."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

from wespe_bench.errors import InputError, one_line

#: Seconds that a cluster's head has to answer whether it takes us.
ANSWER = 10.0

# What Ray keeps for objects on a machine of its own: items and rows, no pixels.
_STORE_BYTES = 100_000_000

# How the process that asks a cluster's head ends when the head refuses our token.
_REFUSED = 3


def import_ray() -> Any:
    # Ray would pack the working folder and start every worker through uv, because we were.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # We show no GPU to workers that ask for none; Ray is about to do the same, and says so.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise InputError(
            "the engine ray needs Ray, which is not installed: uv sync --extra ray (or pip "
            "install 'wespe-bench[ray]')"
        ) from None
    return ray


@contextmanager
def connected(address: str, cpus: int) -> Generator[tuple[Any, bool]]:
    """Ray's module, connected, and whether this Ray is ours; ours ends with the work."""
    module = import_ray()
    if module.is_initialized():
        yield module, False
        return
    there = _known(address or os.environ.get("RAY_ADDRESS", ""))
    _reach(there)
    if there:
        _ask(there)
    # Ray puts a handler of its own in place of the one that keeps what is done.
    handler = signal.getsignal(signal.SIGTERM) if _main_thread() else None
    quiet: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    own: dict[str, Any] = {
        "address": "local",
        "num_cpus": cpus,
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }
    try:
        module.init(**quiet, **({"address": there} if there else own))
    except Exception as error:
        where = f"the Ray cluster at {there}" if there else "a Ray of its own"
        raise InputError(
            f"--engine ray: cannot start or reach {where}: {one_line(error)[:300]}"
            + " (with a token, RAY_AUTH_MODE and RAY_AUTH_TOKEN as on its nodes)" * bool(there)
        ) from None
    try:
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)
        yield module, not there
    finally:
        module.shutdown()
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)


def _main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _known(address: str) -> str:
    """Of ``auto``, the address of the cluster that Ray found here last, which may have ended."""
    if address != "auto":
        return address
    services = import_module("ray._private.services")
    try:
        return str(services.canonicalize_bootstrap_address(address))
    except Exception as error:
        raise InputError(
            f"--engine ray:auto: no Ray cluster is known on this machine ({one_line(error)[:200]})"
        ) from None


def _reach(address: str) -> None:
    """Ray itself would try a wrong address for a minute, and then say much."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--engine ray: no Ray cluster answers at {address} ({one_line(error)}); "
            "`ray status` on its head node shows the address"
        ) from None


def _ask(address: str) -> None:
    """Raises InputError if a cluster's head refuses our token, or says nothing for `ANSWER` s.

    Ray itself would try a wrong token 20 times, a second apart, and a head that has stopped for
    minutes. A process of its own asks, which can be ended, and whose words nobody sees: on some
    mistakes Ray's library ends its process, and it writes to stderr.
    """
    if not hasattr(os, "fork") or "://" in address:
        return
    with warnings.catch_warnings():  # other threads of ours do not exist in the child
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _answer(address)
    end = time.monotonic() + ANSWER
    ended = status = 0
    try:
        while not ended and time.monotonic() < end:
            time.sleep(0.02)
            ended, status = os.waitpid(child, os.WNOHANG)
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if not ended:
        raise InputError(
            f"--engine ray: {address} takes connections, but no Ray cluster answered there in "
            f"{ANSWER:.0f} s; `ray status` on its head node shows the address, and whether it runs"
        )
    if os.waitstatus_to_exitcode(status) == _REFUSED:
        raise InputError(
            f"--engine ray: the Ray cluster at {address} refuses our token: set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on its nodes"
        )


def _answer(address: str) -> NoReturn:
    """Ask and end this process: with `_REFUSED`, or for all else with 0, Ray's to judge."""
    code = 0
    try:
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        services = import_module("ray._private.services")
        there = services.canonicalize_bootstrap_address(address)
        import_module("ray._raylet").GcsClient(address=there)
    except Exception as error:
        code = _REFUSED if type(error).__name__ == "AuthenticationError" else 0
    finally:
        os._exit(code)
