"""The verb ``completion``: cyclopts writes the script from the command table."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Literal

from wespe_bench.verbs import VERBS


@dataclass(frozen=True)
class Completion:
    """Print a script that completes verbs and options in your shell.

    Examples:
      wespe-bench completion bash > ~/.local/share/bash-completion/completions/wespe-bench
      wespe-bench completion zsh > ~/.zfunc/_wespe-bench
      wespe-bench completion fish > ~/.config/fish/completions/wespe-bench.fish
    """

    shell: Literal["bash", "zsh", "fish"]
    """The shell."""


def main(config: Completion) -> int:
    """Print the script."""
    import cyclopts

    from wespe_bench.arguments import command

    app = cyclopts.App(name="wespe-bench", help="Judge photo enhancers honestly.")
    groups: dict[str, cyclopts.App] = {}
    for verb, entry in VERBS.items():
        first, _, second = verb.partition(" ")
        parent = app
        if second:
            if first not in groups:
                groups[first] = cyclopts.App(name=first)
                app.command(groups[first])
            parent = groups[first]
        configuration = getattr(importlib.import_module(entry.module), entry.config)
        parent.command(command(configuration, verb, print), name=second or first)
    script = app.generate_completion(shell=config.shell)
    # Where no verb or option fits, bash completes the names of files.
    print(script.replace("complete -F", "complete -o default -F"), end="")
    return 0
