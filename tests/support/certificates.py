"""Certificates for TLS tests, good and bad, made on the spot."""

from __future__ import annotations

import datetime as dt
import functools
import ssl
import warnings

import trustme

__all__ = ("authority", "client_context", "server_context")

_HOST = "127.0.0.1"
_DAY = dt.timedelta(days=1)


@functools.cache
def authority() -> trustme.CA:
    """The CA that well-configured clients of these tests trust."""
    return trustme.CA()


@functools.cache
def _stranger() -> trustme.CA:
    return trustme.CA()


def client_context() -> ssl.SSLContext:
    """A verifying context, as a careful client has it; it trusts ``authority()`` only."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority().configure_trust(context)
    return context


def server_context(name: str = "healthy_tls") -> ssl.SSLContext | None:
    """The server's side of a TLS behaviour; None where the behaviour is spoken in plain TCP."""
    now = dt.datetime.now(dt.UTC)
    if name in {"healthy_tls", "tls_1_0"}:
        certificate = authority().issue_cert(_HOST)
    elif name == "tls_untrusted":
        certificate = _stranger().issue_cert(_HOST)
    elif name == "tls_expired":
        certificate = authority().issue_cert(_HOST, not_before=now - 10 * _DAY, not_after=now - _DAY)
    elif name == "tls_not_yet_valid":
        certificate = authority().issue_cert(_HOST, not_before=now + _DAY, not_after=now + 10 * _DAY)
    elif name == "tls_wrong_name":
        certificate = authority().issue_cert("smstraffic.example")
    else:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if name == "tls_1_0":
        _only_tls_1_0(context)
    return context


def _only_tls_1_0(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
