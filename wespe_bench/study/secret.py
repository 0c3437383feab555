"""secret.json: what raters must not know, readable by the study's owner alone.

The salt hides methods and file names in ids that every rater sees; the token lets people in
where a study is served to the world.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from wespe_bench import atomic, reading
from wespe_bench.errors import InputError

FILE = "secret.json"

#: What a study token looks like: 22 such characters, drawn at random, have 132 bits.
TOKEN = re.compile(r"[0-9A-Za-z_-]{22,64}")


@dataclass(frozen=True, slots=True)
class Secret:
    """The salt, 64 hexadecimal digits, and the study token, empty before one was drawn."""

    salt: str
    token: str = ""

    def opaque(self, *words: str) -> str:
        """16 hexadecimal digits that stand for ``words`` and do not give them away."""
        text = "\x1f".join(words).encode("utf-8", "surrogatepass")
        return hmac.new(bytes.fromhex(self.salt), text, hashlib.sha256).hexdigest()[:16]


def of(folder: Path) -> Secret:
    """The study's secret; drawn and kept where there is none yet. Raises InputError."""
    path = folder / FILE
    try:
        content = reading.read_json(path)
        secret = Secret(str(content["salt"]), str(content["token"]))
        if len(bytes.fromhex(secret.salt)) != 32:
            raise ValueError("salt")
        if secret.token and not TOKEN.fullmatch(secret.token):
            raise ValueError("token")
        return secret
    except FileNotFoundError:
        return _write(folder, Secret(secrets.token_hex(32)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError):
        raise InputError(
            f"{path}: damaged; delete it and build the study again (ids and token change)"
        ) from None


def with_token(folder: Path) -> Secret:
    """As `of`, with a study token, the same at every start."""
    secret = of(folder)
    return secret if secret.token else _write(folder, replace(secret, token=drawn()))


def drawn() -> str:
    """A fresh token: 24 random bytes as 32 characters that a URL may hold."""
    return secrets.token_urlsafe(24)


def _write(folder: Path, secret: Secret) -> Secret:
    path = folder / FILE
    atomic.write_bytes(path, (json.dumps(asdict(secret)) + "\n").encode(), mode=0o600)
    return secret
