"""The plan for other hands: its commands as text, and as Slurm job arrays."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wespe_bench import atomic
from wespe_bench.errors import InputError
from wespe_bench.reproduce.states import JOBS, MISSING, State, digest
from wespe_bench.reproduce.steps import Step

_JOB = """#!/bin/sh
#SBATCH --job-name=reproduce
# One line of the file "$1" a task. Add what your cluster asks for: account, time, memory, a GPU.
set -eu
command=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$1")
echo "$command"
eval "$command"
"""

_HEAD = """#!/bin/sh
# Submits the plan: run it in the folder that `wespe-bench reproduce` was called in.
# Afterwards `wespe-bench reproduce --plan` says what is done, and --go does what is left.
set -eu
"""


def commands(steps: Sequence[Step], states: Mapping[str, State]) -> Iterator[str]:
    """The commands of each step below its name; of a step that lacks something, as remarks."""
    for step in steps:
        state = states[step.name]
        missing = state.kind == MISSING
        yield f"# {step.name}" + (f" (missing: {state.detail})" if missing else "")
        for command in step.commands:
            yield ("# " if missing else "") + _shell(command)


def slurm(steps: Sequence[Step], states: Mapping[str, State], out: Path) -> str:
    """Write the job arrays of what is not done and nothing is missing for; a line on them.

    A task is a step; trainings come first, then runs, then what is made of all runs. An array
    waits until every task of the one before has ended. Raises InputError when nothing can run.
    """
    parts: dict[str, list[str]] = {"train": [], "run": [], "rate": []}
    for step in steps:
        if states[step.name].kind != MISSING:
            phase = step.kind if step.kind in parts else "train"
            ended = shlex.join(("touch", str(out / JOBS / digest(step.commands))))
            parts[phase].append(" && ".join((*map(_shell, step.commands), ended)))
    if not any(parts.values()):
        raise InputError("nothing can run: wespe-bench reproduce --plan says what is missing")
    folder = out / "slurm"
    (out / JOBS).mkdir(parents=True, exist_ok=True)
    submit, before = [_HEAD], ""
    for phase, tasks in parts.items():
        if not tasks:
            continue
        file, job = shlex.quote(str(folder / f"{phase}.txt")), shlex.quote(str(folder / "job.sh"))
        atomic.write_text(folder / f"{phase}.txt", "\n".join(tasks) + "\n")
        after = f" --dependency=afterany:${before}" if before else ""
        submit.append(
            f"{phase}=$(sbatch --parsable --array=1-{len(tasks)}{after} {job} {file})\n"
            f'echo "{phase}: job ${phase}, {len(tasks)} tasks"\n'
        )
        before = phase
    atomic.write_text(folder / "job.sh", _JOB)
    atomic.write_text(folder / "submit.sh", "".join(submit))
    counts = ", ".join(f"{len(tasks)} {phase}" for phase, tasks in parts.items() if tasks)
    return f"job arrays ({counts}): sh {shlex.quote(str(folder / 'submit.sh'))}"


def _shell(command: Sequence[str]) -> str:
    return shlex.join(("wespe-bench", *command))
