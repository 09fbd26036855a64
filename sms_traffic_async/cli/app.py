"""The command tree: one file a command, put together here."""

from __future__ import annotations

import asyncio
import inspect
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import cyclopts

from sms_traffic_async._version import __version__
from sms_traffic_async.cli import (
    balance,
    bulk,
    completion,
    demo,
    doctor,
    incoming,
    listen,
    lists,
    outbox,
    report,
    sandbox,
    segments,
    send,
    status,
    worker,
)
from sms_traffic_async.cli.output import Exit, Output, UsageError
from sms_traffic_async.errors import SmsTrafficError

__all__ = ("app", "run")

app: cyclopts.App = cyclopts.App(
    name="sms-traffic",
    version=__version__,
    help=(
        "Talk to the SMS Traffic gateway. Credentials come from SMS_TRAFFIC_API_KEY (or SMS_TRAFFIC_LOGIN and "
        "SMS_TRAFFIC_PASSWORD, or files named by …_FILE), never from the command line. Try 'sms-traffic demo': it "
        "needs no credentials."
    ),
)
for _module in (demo, send, bulk, status, balance, report, incoming, segments, listen, worker, doctor):
    app.command(_module.command, name=_module.NAME)
app.command(sandbox.app)
app.command(lists.app)
app.command(outbox.app)
completion.add(app)


def run(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    before_texts = tokens[: tokens.index("--")] if "--" in tokens else tokens
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A locale without some letter of a text must not end a command half-way.
            stream.reconfigure(errors="backslashreplace")
    output = Output(json="--json" in before_texts)
    try:
        return _run(list(tokens))
    except cyclopts.CycloptsError as error:
        return output.error(UsageError(_sentence(error, _command(tokens))))
    except KeyboardInterrupt:
        output.note("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except ExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is not None:
            raise
        return _reader_gone()
    except (SmsTrafficError, OSError) as error:
        return output.error(error)


def _run(tokens: list[str]) -> int:
    command: Callable[..., Any]
    command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    if "--" not in tokens:
        _refuse_mistyped(bound)
    result = command(*bound.args, **bound.kwargs)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    return result if isinstance(result, int) else Exit.DONE


def _reader_gone() -> int:
    """Whoever read us has gone, as 'head' does. What Python would still write at its exit has nowhere to go."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return Exit.FAILURE


def _refuse_mistyped(bound: inspect.BoundArguments) -> None:
    """A text may begin with a hyphen. A mistyped option must not go out as an SMS for it."""
    for given in bound.args:
        if isinstance(given, str) and given.startswith("--"):
            option = given.partition("=")[0].split()[0]
            raise UsageError(f"there is no option {option}; a text that begins with two hyphens goes after a -- alone")


def _sentence(error: cyclopts.CycloptsError, command: str) -> str:
    """What is wrong, without the arguments themselves where they may be the rest of a message."""
    said = str(error).strip().rstrip(".")
    if isinstance(error, cyclopts.UnusedCliTokensError):
        said = "there are too many arguments"
        if command in {f"{send.NAME} ", f"{segments.NAME} "}:
            said += ": a text with spaces in it needs quotes"
    return f"{said}{'' if said.endswith('?') else '.'} See: sms-traffic {command}--help"


def _command(tokens: Sequence[str]) -> str:
    known = app
    path = ""
    for token in tokens:
        if token not in known:
            break
        path += f"{token} "
        known = known[token]
    return path
