"""The TLS context of every connection for which the caller gives none."""

from __future__ import annotations

import ssl
from typing import Any

__all__ = ("default_context",)


def default_context() -> ssl.SSLContext:
    """Verification on, TLS 1.2 or later, the system's authorities; certifi's where the system has none.

    Building it is work of tens of milliseconds: call it in a thread, not on the event loop.
    """
    context = ssl.create_default_context()
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    paths: Any = ssl.get_default_verify_paths()  # its fields can be None, which its stub does not know
    if paths.cafile is None and paths.capath is None and not context.cert_store_stats()["x509_ca"]:
        import certifi

        context.load_verify_locations(certifi.where())
    return context
