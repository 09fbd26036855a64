"""Access logs without secrets and texts.

A server's access log holds the request line: the secret of the path or query,
and for a GET the subscriber's number and text. Turn the log off for these paths,
or put this filter on its logger.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import cast

from sms_traffic_async.secrets import Secret

__all__ = ("AccessLogFilter",)

_QUERY = re.compile(r"\?[^\s\"']*")


class AccessLogFilter(logging.Filter):
    """Takes the secrets, and every query string, out of the records of a logger.

    ::

        logging.getLogger("uvicorn.access").addFilter(AccessLogFilter([SECRET]))
        logging.getLogger("aiohttp.access").addFilter(AccessLogFilter([SECRET]))

    Args:
        secrets: what must not be seen.
    """

    def __init__(self, secrets: Iterable[Secret | str]) -> None:
        super().__init__()
        self._secrets = tuple(Secret(one) for one in secrets)
        del secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; it is always kept."""
        record.msg = self._clean(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(self._clean(value) for value in record.args)
        for name in ("first_request_line", "request_line"):  # aiohttp's extras
            if hasattr(record, name):
                setattr(record, name, self._clean(cast("object", getattr(record, name))))
        return True

    def _clean(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        text = _QUERY.sub("?…", value)
        for secret in self._secrets:
            text = text.replace(secret.reveal(), "…")
        return text
