"""The command tree: one file a command, put together here."""

from __future__ import annotations

from collections.abc import Sequence

import cyclopts

from sms_traffic_async._version import __version__
from sms_traffic_async.cli import balance, demo, report, sandbox, segments, send, status
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.errors import SmsTrafficError

__all__ = ("app", "run")

app = cyclopts.App(
    name="sms-traffic",
    version=__version__,
    help=(
        "Talk to the SMS Traffic gateway. Credentials come from SMS_TRAFFIC_API_KEY (or …_FILE), never from the "
        "command line. Try 'sms-traffic demo': it needs no credentials."
    ),
)
for _module in (demo, send, status, balance, report, segments, sandbox):
    app.command(_module.command, name=_module.NAME)


def run(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        result = app(list(tokens), exit_on_error=False, print_error=True, result_action="return_value")
    except cyclopts.CycloptsError:
        return Exit.USAGE
    except SmsTrafficError as error:
        return Output(json="--json" in tokens).error(error)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return result if isinstance(result, int) else Exit.DONE
