"""A file system that is really full, and one that is really read-only, mounted for the test.

A mount needs root or a user namespace of one's own (`needs.mounts`). What stands in for a full
disk elsewhere is `full_disk`.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs
from tests.conftest import entry_point
from tests.faults.drivers import agree, enhance, finish, score, succeeds

pytestmark = pytest.mark.slow


def mounting(script: str, cwd: Path) -> str:
    """What a shell script says that may mount what it likes: no other process sees it."""
    done = subprocess.run(
        [*needs.mounts(), "sh", "-ec", script],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def verb(arguments: list[str], name: str) -> str:
    """A line of the script: the verb, its words and its exit code kept in files."""
    line = shlex.join([*entry_point(), *arguments])
    return f"code=0; {line} > {name}.txt 2>&1 || code=$?; echo $code > {name}.code"


def ending(place: Path, name: str) -> tuple[int, str]:
    text = (place / f"{name}.txt").read_text()
    assert "Traceback" not in text
    return int((place / f"{name}.code").read_text()), text.strip().splitlines()[-1]


def test_a_file_system_of_a_megabyte(place: Path, expected: bytes) -> None:
    """Too small for the results: what fits is kept, and when it has grown the rest is done."""
    (place / "hit").mkdir()
    mounting(
        "\n".join(
            [
                "mount -t tmpfs -o size=1m none hit",
                verb(enhance("hit"), "full"),
                "find hit -name '*.tmp' > left.txt; ls hit/images | wc -l > kept.txt",
                # Named whole: in a user namespace the old options cannot be given again.
                "mount -t tmpfs -o remount,size=100m none hit",
                verb(enhance("hit"), "grown"),
                verb(score("hit"), "scored"),
                "cp -r hit copy",
            ]
        ),
        place,
    )
    code, line = ending(place, "full")
    assert code == 2
    assert "No space left on device" in line and "the same command resumes" in line
    assert (place / "left.txt").read_text() == ""
    assert 0 < int((place / "kept.txt").read_text()) < 60
    assert ending(place, "grown")[0] == ending(place, "scored")[0] == 0
    (place / "hit").rmdir()
    (place / "copy").rename(place / "hit")
    agree(place, expected)


def test_a_run_on_a_read_only_file_system(place: Path, expected: bytes) -> None:
    finish(place)
    more = [*score("hit"), "--metrics", "psnr", "entropy", "entropy_rgb"]
    mounting(
        "\n".join(
            [
                "mount --bind hit hit; mount -o remount,bind,ro hit",
                verb(enhance("hit"), "enhance"),
                verb(more, "score"),
                verb(["export", "scores", "hit"], "beside"),
                verb(["export", "scores", "hit", "--out", "elsewhere.csv"], "elsewhere"),
            ]
        ),
        place,
    )
    for name in ("enhance", "score", "beside"):
        code, line = ending(place, name)
        assert code == 2, line
        assert line.startswith("wespe-bench: error: ") and "Read-only file system" in line, line
    # What is there can be read all the same.
    assert ending(place, "elsewhere")[0] == 0
    assert (place / "elsewhere.csv").read_bytes() == expected.replace(b"calm", b"hit")
    agree(place, expected)


#: What `doctor` says of compiled code, were there no metric but one: to compile all takes long.
_DOCTORS = """
from wespe_bench import registry
from wespe_bench.doctor import check_compiled
registry.METRICS = {"psnr": registry.METRICS["psnr"]}
print(*(check.found for check in check_compiled()))
"""


def test_machine_code_on_a_full_disk_is_kept_for_the_command_alone(place: Path) -> None:
    """Compiled in one process, not by every worker, and each process finds the whole of it."""
    succeeds(enhance("hit", jobs=0), place)
    scored = [*score("hit"), "--metrics", "psnr"]
    keep = "unset NUMBA_CACHE_DIR; export WESPE_CACHE=$PWD/small TMPDIR=$PWD/room; mkdir small room"
    mounting(
        "\n".join(
            [
                keep,
                "mount -t tmpfs -o size=64k none small",
                verb(scored, "scored"),
                "ls room > left.txt",
                shlex.join([sys.executable, "-c", _DOCTORS]) + " > doctor.txt",
            ]
        ),
        place,
    )
    assert ending(place, "scored")[0] == 0
    said = "wespe-bench: compiling the metrics, for this command only; set WESPE_CACHE to"
    assert said in (place / "scored.txt").read_text()
    assert (place / "left.txt").read_text() == ""
    assert "not kept: no room in " in (place / "doctor.txt").read_text()


def test_a_temporary_folder_without_room_is_no_fault_of_a_program_or_a_photo(place: Path) -> None:
    """Room for what the program reads, and not for what it writes, then for nothing."""
    words = ["enhance", "cmd:cp {input} {output}", "--input", "in", "--jobs", "1"]
    mounting(
        "\n".join(
            [
                "mkdir room; export TMPDIR=$PWD/room; mount -t tmpfs -o size=100k none room",
                "head -c 60k /dev/zero > room/fill",
                verb([*words, "--out", "output"], "output"),
                "head -c 90k /dev/zero > room/fill",
                verb([*words, "--out", "input"], "input"),
                # The folder of a worker that was ended at work is deleted a moment later.
                "for _ in $(seq 100); do find room -mindepth 1 ! -name fill > left.txt; "
                "[ -s left.txt ] || break; sleep 0.1; done",
                "rm room/fill",
                verb([*words, "--out", "output"], "again"),
            ]
        ),
        place,
    )
    for name in ("output", "input"):
        code, line = ending(place, name)
        assert code == 2
        assert line.startswith(f"wespe-bench: error: {name}: the enhancer cannot work here: ")
        assert "No space left on device" in line
    assert (place / "left.txt").read_text() == ""
    assert ending(place, "again")[0] == 0
