"""One folder, two verbs: the same work shares it, other work is refused."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests import needs
from wespe_bench import load_dataset, lock
from wespe_bench.datasets.packed import Packed
from wespe_bench.errors import InputError
from wespe_bench.images import write_png
from wespe_bench.prepare.pack import pack
from wespe_bench.prepare.register import Settings, register_pairs


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_other_work_waits_outside(tmp_path: Path) -> None:
    for _ in range(2):
        with lock.held(tmp_path, "one"):
            with lock.held(tmp_path, "one"):
                pass
            with pytest.raises(InputError, match="another command is at work"):  # noqa: SIM117
                with lock.held(tmp_path, "two"):
                    pass
            assert (tmp_path / lock.NAME).exists()
        assert list(tmp_path.iterdir()) == []
        with lock.held(tmp_path, "two"):
            pass


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    script = (
        "import os; from pathlib import Path; from wespe_bench.lock import held\n"
        f"mine = held(Path({str(tmp_path)!r}), 'one'); mine.__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert (tmp_path / lock.NAME).read_text() == "one"
    with lock.held(tmp_path, "two"):
        assert (tmp_path / lock.NAME).read_text() == "two"


def test_two_packs_at_once(photos: Path, references: Path, tmp_path: Path) -> None:
    one, two = (load_dataset("folder", input=folder) for folder in (photos, references))
    out = tmp_path / "out"
    pack(two, tmp_path / "apart")
    key = next((tmp_path / "apart").glob("*.npy")).stem.partition("-")[2]
    out.mkdir()
    with lock.held(out, f"pack {key}"):  # another process packs `two`
        with pytest.raises(InputError, match="another command is at work there"):
            pack(one, out)
        assert pack(two, out) == (6, 0, [])
    assert {k: v for k, v in files(out).items() if k != lock.NAME} == files(tmp_path / "apart")


def test_a_pack_of_another_data_set_is_kept(photos: Path, references: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pack(load_dataset("folder", input=photos), out)
    whole = files(out)
    for name in ("", "photos"):  # the same name does not make it the same
        with pytest.raises(InputError, match="out holds another data set; choose another --out"):
            pack(load_dataset("folder", input=references, name=name), out)
    for path in sorted(photos.iterdir())[1:]:
        path.unlink()
    with pytest.raises(InputError, match="holds another data set"):  # it would lose five
        pack(load_dataset("folder", input=photos, name="one"), out)
    assert files(out) == whole
    assert pack(load_dataset("folder", input=photos), out) == (1, 0, [])
    assert len(Packed.open(out)) == 1


def test_pairs_of_another_data_set_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("a", "b"):
        for side in ("phone", "dslr"):
            write_png(tmp_path / name / side / f"{name}.png", np.full((64, 64, 3), 9, np.uint8))
    sets = [
        load_dataset("folder", input=tmp_path / name / "phone", reference=tmp_path / name / "dslr")
        for name in ("a", "b")
    ]
    register_pairs(sets[0], out, Settings())
    before = (out / "registration.csv").read_bytes()
    with pytest.raises(InputError, match="out holds another data set"):
        register_pairs(sets[1], out, Settings())
    assert (out / "registration.csv").read_bytes() == before


def test_a_pack_does_not_lie_among_its_photos(photos: Path) -> None:
    with pytest.raises(InputError, match="lies inside"):
        pack(load_dataset("folder", input=photos), photos / "pk")
    assert len(list(photos.iterdir())) == 6


_OTHER = """
import sys, time
from pathlib import Path
from tests.wespe_bench.test_lock import windows
from wespe_bench import lock
lock.fcntl = None
sys.modules["msvcrt"] = windows()
with lock.held(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def windows() -> ModuleType:
    """Windows' locks of bytes by Linux's locks of an open file: each ends with its handle."""
    import fcntl

    def locking(handle: int, mode: int, count: int) -> None:
        kind = {0: fcntl.F_UNLCK, 2: fcntl.F_WRLCK}[mode]
        place = os.lseek(handle, 0, os.SEEK_CUR)
        set_lock = 37  # F_OFD_SETLK, which the module lacks
        fcntl.fcntl(handle, set_lock, struct.pack("hhqqi", kind, os.SEEK_SET, place, count, 0))

    made = ModuleType("msvcrt")
    made.__dict__.update(LK_UNLCK=0, LK_NBLCK=2, locking=locking)
    return made


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    needs.platform(sys.platform == "linux", "only Linux has locks of bytes that Windows' are like")
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", windows())


def refused(folder: Path) -> None:
    """Other work is refused there."""
    with (
        pytest.raises(InputError, match="another command is at work"),
        lock.held(folder, "other"),
    ):
        pass


@pytest.mark.usefixtures("on_windows")
def test_windows_locks_exclude_other_work(tmp_path: Path) -> None:
    for work in ("one", "two"):
        with lock.held(tmp_path, work), lock.held(tmp_path, work):
            refused(tmp_path)
            assert (tmp_path / lock.NAME).read_text() == work


@pytest.mark.usefixtures("on_windows")
def test_windows_locks_when_all_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_MOST", 1)
    with lock.held(tmp_path, "one"):
        with lock.held(tmp_path, "one"):  # not locked, and not refused
            pass
        refused(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("on_windows")
def test_windows_locks_of_processes(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _OTHER, str(tmp_path), "one"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    with lock.held(tmp_path, "one"):
        refused(tmp_path)
    refused(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    with lock.held(tmp_path, "other"):
        pass
