"""Options that every command with a connection has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Timeouts, parse_nodes

__all__ = ("Connect",)


@Parameter(name="*")
@dataclass(kw_only=True)
class Connect:
    """Where to connect to; credentials come from the environment only."""

    node: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="Base URL of a node, preferred first; may be repeated."),
    ] = ()
    timeout: Annotated[float, Parameter(help="Seconds for a whole call, repeats included.")] = 30.0
    json: Annotated[bool, Parameter(negative="", help="Print one JSON object per line.")] = False

    def session(self) -> SmsTraffic:
        """A session as the environment and these options say."""
        changes: dict[str, Any] = {"nodes": parse_nodes(self.node)} if self.node else {}
        return SmsTraffic.from_env(timeouts=Timeouts(deadline=self.timeout), **changes)
