"""Who may come in: a secret in the URL, the networks pushes come from, and the proxies that are believed.

The platform signs nothing (document), so there are layers: each is checked, and
each refusal looks like a page that does not exist.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from hmac import compare_digest
from typing import TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.secrets import Secret
from sms_traffic_async.webhooks.options import UNIX, Network, WebhookOptions

__all__ = ("SECRET_LEAST", "Gate", "hidden", "same_secret")

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

SECRET_LEAST = 22
"""Characters: 128 bits as ``secrets.token_urlsafe(16)`` writes them."""
_SECRET_MOST = 128
_URL_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Hops that are looked at: a header of a hundred addresses is nobody's proxy chain.
_MOST_HOPS = 32


def same_secret(given: str, known: Secret) -> bool:
    """Compare in constant time; whatever characters the given one has."""
    return compare_digest(given.encode("utf-8", "surrogatepass"), known.reveal().encode("utf-8"))


def hidden(secret: Secret | str | Iterable[Secret | str] | None) -> tuple[Secret, ...] | None:
    """The same where a traceback printed with locals shows nothing of it."""
    if secret is None:
        return None
    return tuple(map(Secret, (secret,) if isinstance(secret, Secret | str) else secret))


class Gate:
    """Decides before a byte of the body is read.

    Args:
        secret: one, or several while you change it; ``None`` for none.
        options: networks and proxies.

    Raises:
        ConfigurationError: a secret that is too short, or cannot stand in a URL.
    """

    def __init__(self, secret: Secret | str | Iterable[Secret | str] | None, options: WebhookOptions) -> None:
        given = hidden(secret)
        fits = given is None or (given != () and all(map(_fits, given)))
        self._secrets = given or ()
        del secret  # a traceback printed with locals shows this frame
        if not fits:
            raise ConfigurationError(
                f"a webhook secret is {SECRET_LEAST} to {_SECRET_MOST} letters, digits or - . _ ~: "
                "make one with secrets.token_urlsafe(24)"
            )
        self._allowed = options.allowed
        self._trusted = options.trusted
        self._unix = UNIX in options.proxies

    @property
    def has_secret(self) -> bool:
        """Whether a secret is asked for."""
        return bool(self._secrets)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """For whoever has to keep them out of a log."""
        return self._secrets

    def knows(self, given: Sequence[str]) -> bool:
        """Whether one of the given secrets is one of ours. Every pair is compared, so time tells nothing."""
        if not self._secrets:
            return True
        return sum(same_secret(one, known) for one in given for known in self._secrets) > 0

    def admits(self, peer: str | None, forwarded: str = "") -> bool:
        """Whether the call comes from where pushes come from.

        Args:
            peer: the address at the other end of the connection; ``None`` on a Unix socket.
            forwarded: ``X-Forwarded-For``, all of its lines.
        """
        if not self._allowed:
            return True
        client = self.client(peer, forwarded)
        return client is not None and _within(client, self._allowed)

    def client(self, peer: str | None, forwarded: str = "") -> Address | None:
        """The address that the call really comes from; ``None`` if nobody we believe can tell.

        Read from the right, because a proxy appends what it saw and everything
        to the left of that was written by the caller: the first address that is
        none of our proxies is the client.
        """
        address = _address(peer)
        trusted = self._unix if peer is None else address is not None and _within(address, self._trusted)
        if not trusted:
            return address
        for hop in reversed(forwarded.split(",")[-_MOST_HOPS:]):
            address = _address(hop.strip())
            if address is None or not _within(address, self._trusted):
                return address
        return address


def _fits(secret: Secret) -> bool:
    return SECRET_LEAST <= len(secret.reveal()) <= _SECRET_MOST and set(secret.reveal()) <= _URL_SAFE


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _address(text: str | None) -> Address | None:
    """``192.0.2.1``, ``192.0.2.1:443``, ``2001:db8::1``, ``[2001:db8::1]:443``; an IPv4 inside IPv6 is an IPv4."""
    if text is None:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
