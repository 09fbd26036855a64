"""The time that a report may take on the command line."""

from dataclasses import replace

from sms_traffic_async.sandbox import Sandbox
from tests.cli.conftest import Command, Platform


def test_a_report_that_is_not_ready_in_time_ends_the_command(cli: Command, platform: Platform) -> None:
    def slowly(sandbox: Sandbox) -> None:
        sandbox.pace = replace(sandbox.pace, report=600.0)

    platform.do(slowly)
    done = cli("report", "--since", "1h", "--timeout", "0.3")
    assert done.code == 1
    assert done.err.startswith("DeadlineExceeded: v2.report")


def test_a_report_has_an_hour_unless_it_is_said_otherwise(cli: Command) -> None:
    told = " ".join(cli("report", "--help").out.replace("│", " ").split())  # without the frame and its line breaks
    assert "[default: 3600.0]" in told
