"""``--track``: scores and training curves, sent to TensorBoard, MLflow or Weights & Biases.

``tensorboard:FOLDER``, ``mlflow:URI`` (a tracking address), ``wandb:PROJECT`` (offline with
WANDB_MODE=offline). The files in the run's folder are the record: a tracker that fails is left
with a warning, and the work goes on.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from wespe_bench.errors import InputError, did_you_mean, one_line, require

if TYPE_CHECKING:
    import pandas as pd


class _Service(Protocol):
    """What a tracker's library is asked for."""

    def numbers(self, values: Mapping[str, float], step: int) -> None: ...
    def table(self, name: str, frame: pd.DataFrame) -> None: ...
    def close(self) -> None: ...


class _TensorBoard:
    def __init__(self, folder: str, name: str, settings: Mapping[str, Any], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(f"{folder}/{name}", purge_step=step or None)
        lines = [f"| {key} | {value} |" for key, value in settings.items()]
        self._writer.add_text("settings", "\n".join(["| | |", "|---|---|", *lines]))

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        for key, value in values.items():
            self._writer.add_scalar(key, value, step)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        self._writer.add_text(name, frame.to_markdown())

    def close(self) -> None:
        self._writer.close()


class _MLflow:
    def __init__(self, uri: str, name: str, settings: Mapping[str, Any], step: int) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(uri)
        found = self._client.get_experiment_by_name("wespe-bench")
        experiment = found.experiment_id if found else self._client.create_experiment("wespe-bench")
        self._id = self._client.create_run(experiment, run_name=name).info.run_id
        for key, value in settings.items():
            self._client.log_param(self._id, key, str(value)[:500])

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        for key, value in values.items():
            self._client.log_metric(self._id, re.sub(r"[^\w./ -]", "_", key), value, step=step)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        self._client.log_text(self._id, frame.to_csv(), f"{name}.csv")

    def close(self) -> None:
        self._client.set_terminated(self._id)


class _WandB:
    def __init__(self, project: str, name: str, settings: Mapping[str, Any], step: int) -> None:
        import wandb

        self._run = wandb.init(project=project, name=name, config=dict(settings))
        self._table = wandb.Table

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        self._run.log({name: self._table(dataframe=frame.reset_index())})

    def close(self) -> None:
        self._run.finish()


_SERVICES: dict[str, Callable[[str, str, Mapping[str, Any], int], _Service]] = {
    "tensorboard": _TensorBoard,
    "mlflow": _MLflow,
    "wandb": _WandB,
}


def check(spec: str) -> None:
    """Raise InputError unless ``spec`` is "" or names a tracker that is installed."""
    kind, _, target = spec.partition(":")
    if not spec:
        return
    if kind not in _SERVICES or not target:
        guess = did_you_mean(kind, _SERVICES)
        raise InputError(
            f"--track {spec}: expected tensorboard:FOLDER, mlflow:URI or wandb:PROJECT{guess}"
        )
    require(kind)


class Tracker:
    """One run of a tracker; with "" as ``spec`` it does nothing."""

    def __init__(self, spec: str, name: str, settings: Mapping[str, Any], step: int = 0) -> None:
        """Begin a run ``name``; ``step`` is the first one, later ones are written again."""
        check(spec)
        self._spec, self._service = spec, None
        kind, _, target = spec.partition(":")
        if spec:
            self._service = self._tried(_SERVICES[kind], target, name, settings, step)

    def numbers(self, values: Mapping[str, float], step: int = 0) -> None:
        """Send numbers by name."""
        if self._service:
            self._tried(self._service.numbers, values, step)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Send a table."""
        if self._service:
            self._tried(self._service.table, name, frame)

    def close(self) -> None:
        """End the run."""
        if self._service:
            self._tried(self._service.close)

    def _tried(self, call: Callable[..., Any], *values: Any) -> Any:
        try:
            return call(*values)
        except Exception as error:  # another program's, and no reason to lose what was computed
            self._service = None
            warnings.warn(f"--track {self._spec}: left ({one_line(error)[:200]})", stacklevel=3)


def track_scores(spec: str, runs: Iterable[Any]) -> None:
    """Send each `wespe_bench.run.Run`'s means by metric, and its scores photo by photo."""
    for run in runs if spec else ():
        settings = {name: getattr(run, name) for name in ("enhancer", "dataset", "revision")}
        tracker = Tracker(spec, f"{run.dataset}/{run.label}", settings)
        scores = run.scores
        tracker.numbers({k: float(v) for k, v in scores.groupby("metric")["value"].mean().items()})
        tracker.table("scores", scores.pivot(index="sample", columns="metric", values="value"))
        tracker.close()
