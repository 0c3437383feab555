"""The verb ``study serve``: asks people, over HTTP, and keeps every vote."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wespe_bench import atomic
from wespe_bench.errors import InputError, printable

if TYPE_CHECKING:
    from wespe_bench.study.manifest import Study


#: Beside the study while it is served: the header that gets votes.csv.
ADMIN = "admin.header"


@dataclass(frozen=True)
class Serve:
    """Ask people in their browsers. Binds to this machine alone by default.

    Served to others (--host 0.0.0.0, or with --token behind a proxy that adds https) a study
    needs its token, which is in the link that is printed. Ctrl-C stops; the same command goes
    on, and raters' own links still lead to where they were.

    Examples:
      wespe-bench study serve study
      wespe-bench study serve study --host 0.0.0.0 --port 8765
    """

    folder: str
    """What study build wrote."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every one of this machine's."""
    port: int = 8765
    """Port; 0 takes a free one."""
    token: str = ""
    """Require this study token (22 to 64 letters, digits, - and _); drawn when public."""
    proxy: str = ""
    """Address of your own proxy, whose X-Forwarded-For is then believed."""


def main(config: Serve) -> int:
    """The verb ``study serve``."""
    from wespe_bench.study import database, manifest, secret

    if not 0 <= config.port <= 65535:
        raise InputError(f"--port {config.port}: expected 0 to 65535")
    if config.token and not secret.TOKEN.fullmatch(config.token):
        raise InputError(
            "--token takes 22 to 64 letters, digits, - and _, drawn at random: who guesses it can "
            "vote; without --token one is drawn"
        )
    folder = Path(config.folder)
    study = manifest.read(folder)
    with database.alone(folder, "is being served or built by another process; stop that first"):
        _check_tiles(folder, study)
        return _serve(config, folder, study)


def _serve(config: Serve, folder: Path, study: Study) -> int:
    import uvicorn

    from wespe_bench.study import database, guard, secret
    from wespe_bench.study.guard import is_loopback
    from wespe_bench.study.server import PAGE, Server
    from wespe_bench.study.writer import Writer

    listening = _listen(config.host, config.port)
    host, port = listening.getsockname()[:2]
    token = config.token
    if not token and not is_loopback(host):
        token = secret.with_token(folder).token
    admin = secret.drawn()
    writer = Writer(folder, study)
    most = guard.room()
    server = uvicorn.Server(
        uvicorn.Config(
            Server(folder, study, writer, token=token, admin=admin, page=PAGE).app(),
            log_level="error",  # a line for each malformed request would fill the disk
            **proxied(config.proxy),
            access_log=False,
            server_header=False,
            ws="none",
            http=guard.protocol(most),
            backlog=most,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=3,
        )
    )
    shown = f"[{host}]" if ":" in host else host
    if host in ("0.0.0.0", "::"):
        shown = socket.gethostname()
    root = f"http://{shown}:{port}/"
    raters = database.count(folder)
    print(f"{printable(study.title)} {len(study.questions)} questions, {raters} raters so far")
    print(f"open {root}" + (f"#t={token}" if token else ""))
    header = folder / ADMIN  # in a file, so that no shell's history and no process list holds it
    atomic.write_bytes(header, f"Authorization: Bearer {admin}\n".encode(), mode=0o600)
    print(f"votes: curl -H @{shlex.quote(str(header))} {root}admin/votes.csv")
    print("Ctrl-C stops; every vote that was acknowledged is kept", flush=True)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
        header.unlink(missing_ok=True)
    print(f"stopped; {database.count(folder)} raters in {folder / database.FILE}")
    return 0


def proxied(proxy: str) -> dict[str, Any]:
    """Uvicorn's options that believe X-Forwarded-For of ``proxy`` alone, or of nobody."""
    return {"proxy_headers": bool(proxy), "forwarded_allow_ips": proxy}


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Without the protocol asyncio sets no TCP_NODELAY, and answers wait for 40 ms.
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"--host {host}: {error.strerror}") from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(where)
        found.listen(1024)
    except OSError as error:
        found.close()
        raise InputError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port or --host"
        ) from None
    return found


def _check_tiles(folder: Path, study: Study) -> None:
    for name in study.pictures:
        if not (folder / "tiles" / name / "0" / "0_0.png").is_file():
            raise InputError(f"{folder}: tiles of a picture are missing; run study build again")


@dataclass(frozen=True)
class Close:
    """End a study: a running server takes no more votes or raters. Votes stay as they are.

    Files of a static study can still be imported.

    Example:
      wespe-bench study close study
      wespe-bench study close study --reopen
    """

    folder: str
    """What study build wrote."""
    reopen: bool = False
    """Take votes again."""


def close(config: Close) -> int:
    """The verb ``study close``."""
    from wespe_bench.study import database, manifest

    folder = Path(config.folder)
    study = manifest.read(folder)
    try:
        with (
            contextlib.closing(database.connect(folder, study)) as connection,
            database.transaction(connection),
        ):
            connection.execute("UPDATE study SET closed = ?", (int(not config.reopen),))
            raters, votes = connection.execute(
                "SELECT (SELECT count(*) FROM raters), (SELECT count(*) FROM votes)"
            ).fetchone()
    except sqlite3.Error as error:
        raise InputError(
            f"{folder / database.FILE}: cannot be used ({database.reason(error)})"
        ) from None
    done = "takes votes again" if config.reopen else "closed"
    print(f"{folder}: {done}; {raters} raters, {votes} votes so far")
    return 0
