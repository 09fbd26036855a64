"""A certificate authority of the sandbox's own, made in memory; nothing is written and nothing else trusts it."""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import Any, NamedTuple

from sms_traffic_async.errors import ConfigurationError

__all__ = ("Certificates", "make_certificates")


class Certificates(NamedTuple):
    """What a TLS port and its clients need.

    Attributes:
        server: the port's context.
        authority: the authority's certificate, as PEM.
    """

    server: ssl.SSLContext
    authority: str

    def client(self) -> ssl.SSLContext:
        """A context for clients: it verifies names, and trusts this authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.authority)
        return context


async def make_certificates(host: str) -> Certificates:
    """Certificates for a host and for this machine, in a thread, once for each process and host.

    Raises:
        ConfigurationError: the extra is missing.
    """
    return await asyncio.to_thread(_make, host)


@lru_cache(maxsize=8)
def _make(host: str) -> Certificates:
    try:
        import trustme
    except ImportError as error:
        raise ConfigurationError("the sandbox needs its extra: pip install 'sms-traffic-async[sandbox]'") from error
    authority = trustme.CA(organization_name="SMS Traffic sandbox")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    names = dict.fromkeys((host, "127.0.0.1", "::1", "localhost"))
    leaf: Any = authority.issue_cert(*names)  # its context may also be pyOpenSSL's, which is not here
    leaf.configure_cert(context)
    return Certificates(context, authority.cert_pem.bytes().decode("ascii"))
