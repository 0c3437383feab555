import contextlib
import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from tests import needs
from wespe_bench.errors import InputError
from wespe_bench.registry import load_enhancer


@pytest.fixture
def tool(tmp_path):
    """Write a script with the given body; the spec that calls it."""

    def write(body: str, name: str = "tool.py", options: str = "") -> str:
        script = tmp_path / name
        script.write_text(f"import sys, time\nfrom PIL import Image\n{body}\n")
        return f"cmd:{sys.executable} '{script}' {{input}} {{output}}{options}"

    return write


def _photo(height=14, width=19):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


INVERT = """
from PIL import ImageOps
ImageOps.invert(Image.open(sys.argv[1])).save(sys.argv[2])
"""


def test_a_pillow_script(tool):
    image = _photo()
    np.testing.assert_array_equal(load_enhancer(tool(INVERT))(image), 255 - image)


def test_names_with_spaces_and_no_shell(tool, tmp_path):
    spec = tool(INVERT, name="my $HOME; tool.py")
    np.testing.assert_array_equal(load_enhancer(spec)(_photo()), 255 - _photo())
    body = "assert sys.argv[3] == '$(touch x)', sys.argv"
    spec = tool(f"{body}\n{INVERT}") + " '$(touch x)' > /dev/null"
    load_enhancer(spec)(_photo())


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("print('no licence', file=sys.stderr); sys.exit(3)", "exit code 3; it said: no licence"),
        ("1 / 0", "exit code 1; it said: .*ZeroDivisionError"),
        ("pass", "wrote no picture"),
        ("Image.new('RGB', (4, 5)).save(sys.argv[2])", "wrote 4x5 for a photo of 19x14"),
        ("open(sys.argv[2], 'w').write('hello')", "not a photo"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "signal 15"),
    ],
)
def test_failures_are_reported(tool, body, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        load_enhancer(tool(body))(_photo())
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_stdout_is_shown_too(tool):
    with pytest.raises(InputError, match=r"exit code 1; it said: no weights here$"):
        load_enhancer(tool("print('no weights here'); sys.exit(1)"))(_photo())
    body = "print('epoch 3'); print('no memory', file=sys.stderr); sys.exit(1)"
    with pytest.raises(InputError, match=r"it said: no memory; on stdout: epoch 3$"):
        load_enhancer(tool(body))(_photo())


def test_tiff_goes_and_comes(tool):
    body = f"assert sys.argv[1].endswith('.tiff') and sys.argv[2].endswith('.tiff')\n{INVERT}"
    for options in ("?format=tiff", "?format=tiff&time_limit=60", "?time_limit=60&format=tiff"):
        enhancer = load_enhancer(tool(body, options=options))
        np.testing.assert_array_equal(enhancer(_photo()), 255 - _photo())
        assert enhancer.time_limit == (60 if "time" in options else 600)
    assert enhancer.fingerprint != load_enhancer(tool(body)).fingerprint


def test_a_flood_on_stderr_is_cut(tool):
    body = "print('x' * 10_000_000, 'the end', file=sys.stderr); sys.exit(1)"
    with pytest.raises(InputError, match=r"the end$") as error:
        load_enhancer(tool(body))(_photo())
    assert len(str(error.value)) < 500


@pytest.mark.slow
def test_a_tool_that_hangs_is_ended_with_its_children(tool, tmp_path):
    children = tmp_path / "children"
    body = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(children)!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    with pytest.raises(InputError, match="longer than 4 s"):
        load_enhancer(tool(body, options="?time_limit=4"))(_photo())
    pid = int(children.read_text())
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail("the tool's child is still running")


def test_what_a_program_leaves_in_the_background_ends_with_it(tool, tmp_path):
    needs.platform(os.name == "posix", "process groups are POSIX's")
    note = tmp_path / "child"
    body = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n{INVERT}"
    )
    load_enhancer(tool(body))(_photo())
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(note.read_text())).wait(10)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("cmd:", "{input} is missing"),
        ("cmd:cp {input}", "{output} is missing"),
        ("cmd:cp {output}", "{input} is missing"),
        ("cmd:no-such-tool {input} {output}", "no program 'no-such-tool'"),
        ("cmd:cp '{input} {output}", "No closing quotation"),
        ("cmd:cp {input} {output}?time_limit=soon", "expected seconds"),
        ("cmd:cp {input} {output}?time_limit=0", "expected seconds"),
        ("cmd:cp {input} {output}?format=webp", "expected one of png, tiff"),
    ],
)
def test_commands_that_are_invalid(spec, complaint):
    with pytest.raises(InputError, match=complaint):
        load_enhancer(spec)


def test_fingerprint_follows_command_and_script(tool):
    needs.platform(os.name == "posix", "it has no cp")
    assert load_enhancer("cmd:cp {input} {output}")(_photo()).shape == (14, 19, 3)
    first = load_enhancer(tool(INVERT)).fingerprint
    assert load_enhancer(tool(INVERT)).fingerprint == first
    assert load_enhancer(tool(INVERT + "#")).fingerprint != first


def test_a_program_ends_with_the_process_that_started_it(tmp_path):
    needs.platform(os.name == "posix", "process groups are POSIX's")
    tool = tmp_path / "tool.sh"
    tool.write_text("sleep 300 & echo $! > child.new; mv child.new child; sleep 300")
    code = (
        "import numpy as np; from reference_models.command import Command\n"
        f"Command('sh {tool} {{input}} {{output}}')(np.zeros((9, 9, 3), np.uint8))"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    starter = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=tmp_path)
    wait_until(lambda: (tmp_path / "child").exists())
    assert list(tmp_path.glob("wespe-bench-*"))
    child = int((tmp_path / "child").read_text())
    starter.kill()
    starter.wait()
    wait_until(lambda: not is_running(child) and not list(tmp_path.glob("wespe-bench-*")))


def wait_until(holds):
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it never came true")


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
