"""A training session: everything around the steps of a training, which stay with the model.

    with Session(config, free=FREE) as session:         # device, precision, processes
        ...photos...
        session.open(out, facts)                        # the folder, locked
        ...networks and optimisers...
        session.restore({"network": network, "adam": adam})
        for iteration in session.iterations(config.iterations):
            ...the steps...                             # then: checkpoint when due, Ctrl-C

A session writes ``settings.json``, ``state.pt``, ``train.csv``, ``curves.png`` and ``strips/``.
"""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from wespe_bench import lock, provenance, tracking
from wespe_bench.errors import InputError
from wespe_bench.interrupts import deferred
from wespe_bench.option_checks import check_out
from wespe_bench.progress import bar
from wespe_bench.training import acceleration, curves, resume
from wespe_bench.training.processes import Ranks, join, leave

Module = TypeVar("Module", bound=nn.Module)


class Session:
    """One training in one folder, by this process or by several that torchrun started.

    ``device`` is "cpu" or "cuda", ``channels_last`` the layout of networks and patches on it,
    ``ranks`` which process this is, ``out`` the folder,
    ``iteration`` the current iteration, or the last one done. Only one process ``writes``.
    """

    def __init__(
        self,
        config: Any,
        free: Sequence[str],
        *,
        precision: str = "",
        lower: Sequence[str] = ("batch", "patch", "width"),
        remedy: str = resume.REMEDY,
        alone: bool = False,
        quiet: bool = False,
    ) -> None:
        """Choose device and precision, and join the other processes.

        Args:
            config: The training's options; ``device``, ``precision``, ``compile``, ``batch`` and
                ``checkpoint_minutes`` are read here.
            free: Options that may change when the training resumes.
            precision: Instead of the config's.
            lower: Options to lower when memory runs out.
            remedy: What to change when a value is not finite.
            alone: Train in one process, also under torchrun.
            quiet: Show no progress.

        Raises:
            InputError: No such device or precision, or the processes cannot be joined.
        """
        self.track = getattr(config, "track", "")
        tracking.check(self.track)
        self.config, self.free, self.remedy, self.quiet = config, free, remedy, quiet
        self.device = acceleration.choose_device(config.device)
        self.precision = acceleration.choose_precision(precision or config.precision, self.device)
        self.channels_last = acceleration.channels_last(config, self.device)
        self.ranks = Ranks() if alone else join(self.device, config.batch)
        self.writes = self.ranks.rank == 0
        self.out = Path()
        self.iteration = self.last = 0
        self._lower = ", ".join(f"--{name} (now {getattr(config, name)})" for name in lower)
        self._stack = contextlib.ExitStack()
        self._stopped = False

    def __enter__(self) -> Self:
        if self._lower:
            self._stack.enter_context(acceleration.out_of_memory(self._lower))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if error is None:
            leave()

    def open(self, out: Path, facts: Mapping[str, str]) -> None:
        """Make and lock the folder ``out``.

        Args:
            out: Where the training writes.
            facts: What else the weights depend on, such as a hash of the photos, by name.

        Raises:
            InputError: The folder cannot be made, holds other work, or another process trains
                there. Until the training ends, also when a file in it cannot be written.
        """
        self.out, self.facts = out, dict(facts)
        self.settings = resume.settings_of(self.config, self.free, **facts)
        if self.writes:
            self._stack.enter_context(_locked(out))

    def place(self, module: Module) -> Module:
        """Move a network to the device, and its weights into the training's memory layout."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        # pyrefly: ignore[no-matching-overload]
        moved: Module = module.to(device=self.device, memory_format=layout)
        return moved

    def restore(self, parts: Mapping[str, Any], *, iterations: int | None = None) -> None:
        """Load the saved state into ``parts``, which later states are saved from.

        Args:
            parts: By name, everything that has a ``state_dict``: networks, optimisers, watches.
            iterations: How many the training shall have in all; having done more is an error.

        Raises:
            InputError: The state is damaged, of other settings, or past ``iterations``.
        """
        self._parts = parts
        self.iteration = resume.restore(self.out, self.settings, parts)
        if iterations is not None:
            resume.check_length(self.out, self.iteration, iterations)
            self.last = iterations
        if self.writes:
            resume.write_settings(self.out, self.settings, self.config)
            self.journal = curves.Journal(self.out, self.iteration, self.track, self.settings)
            self._stack.callback(self.journal.close)

    def compile(
        self,
        networks: Mapping[str, nn.Module],
        rehearse: Callable[[Mapping[str, acceleration.Call]], None],
    ) -> dict[str, acceleration.Call]:
        """`acceleration.compile_networks` as the config asks for; a line says that it begins."""
        if acceleration.compiles(self.config.compile, self.device) and not self.quiet:
            print("wespe-bench: compiling the networks takes minutes", file=sys.stderr)
        return acceleration.compile_networks(
            networks, rehearse, self.config.compile, self.precision, self.device
        )

    def iterations(self, last: int, unit: str = "it") -> Iterator[int]:
        """The numbers of the iterations still to do, up to and with ``last``.

        After each the state is saved when ``checkpoint_minutes`` have passed. Ctrl-C and SIGTERM
        wait for the end of the iteration; the state is saved, and KeyboardInterrupt raised.
        """
        self.last = last
        silent = self.quiet or not self.writes
        self._bar = self._stack.enter_context(
            bar(last, f"train {self.out.name}", unit, quiet=silent)
        )
        self._bar.update(self.iteration)
        interrupted = self._stack.enter_context(deferred(self.ranks.world == 1))
        self._saved_at = time.monotonic()
        for iteration in range(self.iteration + 1, last + 1):
            acceleration.begin_iteration(self.config.compile)
            self.iteration, self._saved = iteration, False
            yield iteration
            self._bar.update()
            ends = interrupted()
            minutes = (time.monotonic() - self._saved_at) / 60
            due = ends or minutes >= self.config.checkpoint_minutes
            if self.writes and due and not self._saved:
                self.save()
            if ends:
                raise KeyboardInterrupt
            if self._stopped:
                return

    def stop(self) -> None:
        """Make this iteration the last one."""
        self._stopped = True

    def due(self, every: int) -> bool:
        """Whether this is an ``every``-th iteration, or the last."""
        return self.iteration % every == 0 or self.iteration == self.last

    @property
    def previews(self) -> bool:
        """Whether a preview and a checkpoint are due. A GPU does 500 iterations in seconds, less
        than they take there: it has a fourth as many."""
        return self.due(self.config.preview_every or (500 if self.device == "cpu" else 2000))

    @property
    def logs(self) -> bool:
        """Whether this iteration gets a row in ``train.csv``: the first, and those that are due."""
        return self.iteration == 1 or self.due(self.config.log_every)

    def finished_without(self, name: str) -> bool:
        """Whether all is trained, and the file ``name`` is missing for this process to write."""
        return self.writes and self.iteration == self.last and not (self.out / name).is_file()

    def descend(self, adam: torch.optim.Optimizer, loss: Tensor, clip: float = 0.0) -> Tensor:
        """One step of an optimiser down the gradient of ``loss``, a scalar.

        Args:
            adam: The optimiser, with one group of parameters.
            loss: This process's loss; gradients are averaged over the processes.
            clip: Bound of the norm of all gradients together; 0: none.

        Returns:
            That norm before it was bounded, a scalar.
        """
        parameters = adam.param_groups[0]["params"]
        adam.zero_grad()
        loss.backward()
        self.ranks.average_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, clip or float("inf"))
        adam.step()
        return norm

    def check_finite(self, *values: Tensor) -> None:
        """Raise InputError, with the remedy, when one of the values is not finite."""
        resume.check_finite(self.out, self.iteration, *values, remedy=self.remedy)

    def log(self, row: Mapping[str, float], shown: Sequence[str]) -> None:
        """Append a row to ``train.csv``, and show some of it beside the progress bar.

        Args:
            row: The columns after "iteration"; the same in every call.
            shown: Names of the columns to show.
        """
        self.journal.write({"iteration": float(self.iteration), **row})
        self._bar.set_postfix({name: f"{row[name]:.3g}" for name in shown}, refresh=False)

    def say(self, sentence: str) -> None:
        """Print a line to standard error, above the progress bar."""
        self._bar.write(f"wespe-bench: {sentence}", file=sys.stderr)

    def show_terms(self, terms: Mapping[str, Tensor]) -> None:
        """Print a loss's weighted terms, unless ``quiet``."""
        if not self.quiet:
            shares = ", ".join(f"{n} {v:.3g}" for n, v in acceleration.to_floats(terms).items())
            self.say(f"weighted terms at iteration {self.iteration}: {shares}")

    def preview(self, rows: Sequence[Tensor]) -> None:
        """Write ``strips/ITERATION.png`` and ``curves.png``.

        Args:
            rows: Batches of patches, float (N, 3, H, W) on [0, 1]; each is a row of the picture.

        Raises:
            InputError: A weight is not finite.
        """
        resume.check_weights(self.out, self.iteration, self._parts, self.remedy)
        curves.strip(self.out / "strips" / f"{self.iteration:06d}.png", rows)
        curves.draw(self.out)

    def save(self) -> None:
        """Save the state now. Files that belong to this iteration have to be written before."""
        resume.save(self.out, self.iteration, self.settings, self._parts, self.remedy)
        self._saved_at, self._saved = time.monotonic(), True

    def record(self) -> dict[str, Any]:
        """What a model card says of the training so far, JSON-ready."""
        settings = {name: v for name, v in self.settings.items() if name not in self.facts}
        return {
            "iterations": self.iteration,
            **self.facts,
            "versions": provenance.versions(),
            "settings": settings,
            "curve": curves.summary(curves.read(self.out)),
        }


@contextlib.contextmanager
def _locked(out: Path) -> Generator[None]:
    """Make the folder and keep other trainings out; OSErrors become InputErrors."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{out}: cannot be made ({error.strerror}); choose another --out"
        ) from None
    check_out(out, *resume.MARKS)
    try:
        with lock.held(out, f"training {uuid.uuid4()}"):
            yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: cannot be written ({error.strerror or error}); "
            "correct that, and the same command resumes"
        ) from None
