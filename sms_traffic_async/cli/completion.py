"""``sms-traffic completion``: the commands and options, for a shell that completes them."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, TypeAlias

import cyclopts
from cyclopts import Parameter

from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.errors import ConfigurationError

__all__ = ("NAME", "add")

NAME = "completion"
Shell: TypeAlias = Literal["bash", "zsh", "fish"]


def add(app: cyclopts.App) -> None:
    """Give the command tree its ``completion``: it has to know the tree to tell of it."""

    def command(
        shell: Annotated[Shell, Parameter(help="The shell it is for.")],
        /,
        *,
        install: Annotated[
            bool,
            Parameter(
                negative="", show_default=False, help="Put it where the shell looks, and one line in its start-up file."
            ),
        ] = False,
        json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object.")] = False,
    ) -> int:
        """Print the script that completes commands and options, or install it.

        For this shell alone: eval "$(sms-traffic completion bash)".
        """
        if not hasattr(app, "generate_completion"):
            raise ConfigurationError("completion needs cyclopts 4 or later: pip install -U cyclopts")
        output = Output(json=json)
        if install:
            path = app.install_completion(shell=shell)
            output.records([{"shell": shell, "file": str(path)}], ("shell", "file"))
            output.note("it is there in the next shell that you open")
            return Exit.DONE
        script = app.generate_completion(shell=shell)
        if json:
            output.record({"shell": shell, "script": script})
        else:
            sys.stdout.write(script)
        return Exit.DONE

    app.command(command, name=NAME)
