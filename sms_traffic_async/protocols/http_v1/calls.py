"""One request of HTTP API v1 on its way: the form with login and password."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Unpack

from sms_traffic_async.protocols.http.exchange import HttpRequest
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.protocols.http_v1.form import Charset, carries, encode_form
from sms_traffic_async.protocols.login import LoginCalls
from sms_traffic_async.settings import Settings

__all__ = ("LISTS", "MULTI", "V1Calls")

MULTI, LISTS = "/multi.php", "/list.php"


class V1Calls(LoginCalls):
    """Everything that the calls of one v1 client share.

    Raises:
        ConfigurationError: there is no login, or no form of v1 could carry it.
    """

    def __init__(self, settings: Settings, **shared: Unpack[Shared]) -> None:
        super().__init__(
            settings,
            protocol="HTTP API v1",
            carries=partial(carries, "cp1251"),
            uncarried="v1 can carry characters of windows-1251 only",
            **shared,
        )

    def request(
        self, operation: str, path: str, pairs: Iterable[tuple[str, str]], charset: Charset = "cp1251"
    ) -> HttpRequest:
        """A form with login and password in front; neither is ever part of a URL."""
        own = (("login", self._login), ("password", self._password.reveal()))
        headers = (
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        )
        content = encode_form((*own, *pairs), charset)
        return HttpRequest(method="POST", path=path, operation=operation, headers=headers, content=content)
