"""Metrics, enhancers and data sets that installed packages add by name.

A package declares them as entry points, and nothing of it is imported until its name is used:

    [project.entry-points."wespe_bench.enhancers"]
    warm = "my_package:warm"

The name then stands for ``my_package:warm``, other people's code as any ``module:function``. A
name of ours wins over a plugin's, and of two packages the first in alphabetical order.
"""

from __future__ import annotations

import functools
import importlib.metadata
import warnings
from collections.abc import Collection
from dataclasses import dataclass

#: The groups of entry points, as ``wespe_bench.KIND``.
KINDS = ("metrics", "enhancers", "datasets")


@dataclass(frozen=True, slots=True)
class Plugin:
    """One name of an installed package: ``target`` is module:attribute."""

    name: str
    target: str
    package: str


@functools.cache
def _declared(kind: str) -> tuple[Plugin, ...]:
    """Every plugin of a kind, by package and name."""
    found = []
    for point in importlib.metadata.entry_points(group=f"wespe_bench.{kind}"):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"
        found.append(Plugin(point.name, point.value.partition("[")[0].strip(), package))
    return tuple(sorted(found, key=lambda plugin: (plugin.package, plugin.name)))


@functools.cache
def _usable(kind: str, taken: frozenset[str]) -> dict[str, Plugin]:
    found: dict[str, Plugin] = {}
    for plugin in _declared(kind):
        first = found.get(plugin.name)
        if plugin.name in taken or first:
            winner = first.package if first else "wespe-bench"
            warnings.warn(
                f"{plugin.package} adds {plugin.name!r} to the {kind}, which {winner} has already; "
                f"name it {plugin.target}",
                stacklevel=2,
            )
        else:
            found[plugin.name] = plugin
    return found


def package_of(target: str) -> str:
    """The package, with its version, of the plugin whose ``module:attribute`` this is; or ""."""
    found = (one.package for kind in KINDS for one in _declared(kind) if one.target == target)
    return next(found, "")


def plugins(kind: str, taken: Collection[str]) -> dict[str, Plugin]:
    """Name -> plugin of one of `KINDS`, without the names in ``taken``, which are said once."""
    return _usable(kind, frozenset(taken))
