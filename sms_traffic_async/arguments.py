"""What a caller hands to the session, read into values.

These give their error instead of raising it: their frames hold passwords,
numbers and texts, and a traceback printed with locals would show them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import DEFAULT_NODES, Credentials, Node, Settings, parse_nodes

__all__ = ("read_credentials", "read_message", "read_nodes", "read_settings")

MESSAGE_OPTIONS = frozenset(field.name for field in fields(Message)) - {"to", "text"}


def read_credentials(
    api_key: str | Secret | None, login: str | None, password: str | Secret | None
) -> Credentials | ConfigurationError:
    """What the account is known by."""
    try:
        return Credentials(
            api_key=None if api_key is None else Secret(api_key),
            login=login,
            password=None if password is None else Secret(password),
        )
    except ConfigurationError as error:
        return error.with_traceback(None)


def read_nodes(urls: Iterable[str] | None) -> tuple[Node, ...] | ConfigurationError:
    """The platform's hosts; ``None`` takes the document's."""
    try:
        return parse_nodes(DEFAULT_NODES if urls is None else urls)
    except ConfigurationError as error:
        return error.with_traceback(None)


def read_settings(changes: dict[str, Any]) -> Settings | ConfigurationError:
    """The options of the environment, and of the caller before them."""
    try:
        return Settings.from_env(**changes)
    except ConfigurationError as error:
        return error.with_traceback(None)


def read_message(
    to: str | int | Message, text: str | None, options: dict[str, Any]
) -> Message | InvalidMessage | ConfigurationError:
    """A ready message, or one made of a number, a text and fields of ``Message``."""
    if isinstance(to, Message):
        if text is not None or options.keys() - {"region"}:
            return ConfigurationError("a ready Message has its text and options already: give them to Message(...)")
        return to
    if not options.keys() <= MESSAGE_OPTIONS:
        return ConfigurationError(f"Message has no field {', '.join(sorted(options.keys() - MESSAGE_OPTIONS))}")
    try:
        # An absent text is refused by Message itself, with the field named.
        return Message(to=to, text="" if text is None else text, **options)
    except InvalidMessage as error:
        return error.with_traceback(None)
