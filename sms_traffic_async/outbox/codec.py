"""Messages as an outbox keeps them: JSON, and with a key nothing that anybody else can read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from sms_traffic_async.errors import ConfigurationError, SmsTrafficError
from sms_traffic_async.messages import Message
from sms_traffic_async.secrets import Secret

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

__all__ = ("Codec", "Unreadable", "group_of")

_FIELDS: Final = (
    "to", "text", "originator", "tracking_data", "params", "max_parts", "truncate", "transliterate", "flash",
    "local_time", "batch_name", "validity",
)  # fmt: skip
_values: Final = attrgetter(*_FIELDS)
_options: Final = attrgetter(*_FIELDS[2:], "start_at")
_NONE: Final = (None, None, None, None, False, False, False, False, None, None, None)
"""The options of a message that has none: most of them."""
_shared: Final = attrgetter(
    "originator", "transliterate", "max_parts", "local_time", "batch_name", "validity", "start_at"
)


class Unreadable(SmsTrafficError):
    """A kept message cannot be read: another encryption key, or a damaged file."""


class Codec:
    """Encodes and decodes.

    Args:
        keys: Fernet keys, newest first: the first encrypts, all decrypt. ``None`` keeps messages as they are.

    Raises:
        ConfigurationError: a key is not one, or ``cryptography`` is not installed.
    """

    __slots__ = ("_fernet",)

    def __init__(self, keys: Secret | str | Sequence[Secret | str] | None) -> None:
        given = [keys] if isinstance(keys, Secret | str) else list(keys or ())
        self._fernet = _fernet([Secret(key) for key in given]) if given else None

    def encode(self, message: Message) -> bytes:
        """A message as it is kept. Its ``key`` and ``expires_in`` are the outbox's, and stand beside it."""
        if _options(message) == _NONE:
            body = orjson.dumps({"to": message.to, "text": message.text})
            return body if self._fernet is None else self._fernet.encrypt(body)
        pairs = zip(_FIELDS, _values(message), strict=True)
        draft: dict[str, Any] = {name: value for name, value in pairs if value is not None and value is not False}
        if message.params is not None:
            draft["params"] = dict(message.params)
        if message.start_at is not None:
            draft["start_at"] = message.start_at.isoformat()
        body = orjson.dumps(draft)
        return body if self._fernet is None else self._fernet.encrypt(body)

    def decode(self, body: bytes) -> Message:
        """The message again.

        Raises:
            Unreadable: says why, and nothing of what is in it.
        """
        try:
            plain = body if self._fernet is None else self._fernet.decrypt(body)
            draft: dict[str, Any] = orjson.loads(plain)
            if "start_at" in draft:
                draft["start_at"] = datetime.fromisoformat(draft["start_at"])
            return Message(**draft, region="INT")  # the number was read when the message was made
        except Exception as error:  # noqa: BLE001 - of cryptography, of JSON, of the message: all mean the same
            problem = type(error).__name__
        raise Unreadable(f"the kept message cannot be read ({problem}): is it encrypted with another key?")


def group_of(message: Message) -> str:
    """What must be equal in one request; ``""`` for a message that goes alone. Tells nothing of number and text."""
    if message.params is not None or "[[" in message.text or message.flash:
        return ""
    values = _shared(message)
    if not any(values):
        return "-"
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def _fernet(keys: list[Secret]) -> MultiFernet:
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError as error:
        raise ConfigurationError("encryption needs: pip install 'sms-traffic-async[crypto]'") from error
    try:
        return MultiFernet([Fernet(key.reveal()) for key in keys])
    except ValueError:
        pass
    raise ConfigurationError("encryption_key is 32 bytes in url-safe base64, as Fernet.generate_key() makes it")
