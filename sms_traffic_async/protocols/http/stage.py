"""How far a request got: the basis of every decision about repeating it.

Rules
-----
1. A request is provably unsent only when a transport that reports its steps
   (httpcore under httpx, httpcore2 under httpx2) never reported that it began
   to write *our* headers. A proxy's CONNECT is reported too and does not count.
2. The name of an exception proves nothing: a transport without reports can
   raise ConnectTimeout after the whole body arrived. There everything without
   a complete answer is ambiguous.
3. A certificate that was not accepted is told apart, because going on without
   TLS is never the answer to it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any

from sms_traffic_async.errors import TlsError
from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.secrets import ForeignError, foreign_cause

__all__ = ("Stage", "safe_cause")

_BEGAN = ".send_request_headers.started"
_OPENED = ".connect_tcp.complete"
_HEARD = ".receive_response_headers.complete"
# A chain of causes is a handful of links; a cycle must not hang us.
_LONGEST_CHAIN = 16
# Their texts quote what was written or read: a header of ours, a garbled answer that may echo a message.
_QUOTING = frozenset({"LocalProtocolError", "RemoteProtocolError", "InvalidURL"})


class Stage:
    """Takes the transport's reports on one request (the ``trace`` extension).

    Attributes:
        handed: whether the request was handed to the transport at all.
        proves: whether the transport is one whose silence proves something.
        stirred: whether it reported anything; before that it waits for a free connection.
        began: whether it began to write our request.
        dangling: the TCP connection that was opened for it, until our request begins.
            httpcore forgets to close it when a TLS handshake is cancelled.
    """

    __slots__ = ("_heard", "_method", "began", "dangling", "handed", "proves", "stirred")

    def __init__(self, method: str) -> None:
        self._method = method.encode("ascii")
        self._heard: Callable[[], None] | None = None
        self.handed: bool = False
        self.proves: bool = False
        self.stirred: bool = False
        self.began: Any = False
        self.dangling: Any = None

    async def __call__(self, name: str, info: Mapping[str, Any]) -> None:
        """One report; ``http11.send_request_headers.started`` and the like."""
        self.stirred = True
        if not self.began:
            if name.endswith(_BEGAN):
                self.began = info["request"].method == self._method
                self.dangling = None if self.began else self.dangling
            elif name.endswith(_OPENED):
                self.dangling = info["return_value"]
        elif name.endswith(_HEARD) and self._heard is not None:
            self._heard()

    def listen(self, heard: Callable[[], None]) -> None:
        """Have this called when the head of the answer came."""
        self._heard = heard

    @property
    def unsent(self) -> bool:
        """Whether not one byte of the request left, provably."""
        return not self.handed or (self.proves and not self.began)

    @property
    def verdict(self) -> Verdict:
        """What a failure at this stage means."""
        return Verdict.UNSENT if self.unsent else Verdict.AMBIGUOUS


def safe_cause(error: BaseException) -> BaseException:
    """What may be kept of a transport's error: no request, no traceback, no bytes of the peer.

    A certificate that was not accepted becomes ``TlsError``.
    """
    certificate = _certificate_error(error)
    if certificate is not None:
        # verify_message is OpenSSL's own sentence; the error's text adds a line number and nothing else.
        return TlsError(f"the certificate was not accepted: {certificate.verify_message}")
    kind = type(error)
    if kind.__name__ in _QUOTING or isinstance(error, UnicodeError):
        return ForeignError(f"{kind.__module__}.{kind.__qualname__}")
    return foreign_cause(error)


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    for _ in range(_LONGEST_CHAIN):
        if error is None:
            return None
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None
