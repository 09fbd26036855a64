"""What the platform's error codes mean, and which error each becomes.

Codes decide, texts never do: the wording of the platform varies in case and
language. Only 1000 says "try again" (document, "Коды ошибок API"). These are codes of a
*body*: 403 and 429 here mean "no numbers" and "unsupported operator" and have
nothing to do with the HTTP statuses 403 and 429.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sms_traffic_async.api_code_table import DOCUMENTED, UNDOCUMENTED, Row, Scope
from sms_traffic_async.errors import PermissionDenied, Rejected, RequestRefused
from sms_traffic_async.secrets import redact

__all__ = (
    "API_CODES",
    "DUPLICATE",
    "NO_SUCH_MESSAGE",
    "TEMPORARY",
    "ApiCode",
    "Scope",
    "describe",
    "error_for",
    "refusal_for",
    "safe_description",
)

DUPLICATE, NO_SUCH_MESSAGE = 105, 434
TEMPORARY = 1000
"""The only code that says "try again"."""
_NO_PHONES = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCode:
    """One error code.

    Attributes:
        code: the number.
        error: the error a send gets for it.
        scope: ``recipient`` where one message of several can be the cause, so
            that the others would pass without it; ``request`` where all of them
            fail alike. An unknown code counts as the first.
        platform_text: the platform's English words, "…" for a value; empty where unknown.
        meaning: what it means, in English.
        meaning_ru: the document's Russian.
        advice: the next step, as a sentence.
        documented: whether the document's table lists it.
    """

    code: int
    error: type[Rejected] = Rejected
    scope: Scope = "recipient"
    platform_text: str = ""
    meaning: str = "a code that is not in the document"
    meaning_ru: str = "Код, которого нет в документе"
    advice: str = "Ask support what it means, naming the code and the time."
    documented: bool = False

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later: 1000 and nothing else."""
        return self.code == TEMPORARY

    def wording(self, *values: str) -> str:
        """The platform's words with its "…" filled in, in order; what is not given stays "…"."""
        text = self.platform_text
        filled: list[str] = []
        for value in values:
            head, mark, text = text.partition("…")
            filled.append(head + (value if mark else ""))
        return "".join(filled) + text


def _build(documented: Iterable[Row], undocumented: Iterable[Row]) -> Mapping[int, ApiCode]:
    table: dict[int, ApiCode] = {}
    for rows, listed in ((documented, True), (undocumented, False)):
        for code, error, scope, platform_text, meaning, meaning_ru, advice in rows:
            if code in table:
                raise ValueError(f"code {code} stands twice in the table of API codes")
            table[code] = ApiCode(
                code=code,
                error=error,
                scope=scope,
                platform_text=platform_text,
                meaning=meaning,
                meaning_ru=meaning_ru,
                advice=advice,
                documented=listed,
            )
    return MappingProxyType(table)


API_CODES: Mapping[int, ApiCode] = _build(DOCUMENTED, UNDOCUMENTED)
"""Every code that is known, in the table's order, read-only."""

_ACCESS_DENIED = ApiCode(
    code=403,
    error=PermissionDenied,
    scope="request",
    platform_text="Access denied",
    meaning="the token may not do this",
    meaning_ru="Токену не разрешено это действие",
    advice="Ask the platform's support to add the permission to the token.",
)
_BAD_REQUEST = ApiCode(
    code=105,
    scope="request",
    platform_text="Invalid request format",
    meaning="the request's format was not accepted",
    meaning_ru="Неверный формат запроса",
    advice="Check the arguments; if they are right, report it as a bug of this library.",
)


def describe(code: int) -> ApiCode:
    """The entry of a code; one that no table lists gets a general entry under its own number."""
    known = API_CODES.get(code)
    return ApiCode(code=code) if known is None else known


def _entry(code: int, description: str, operation: str, *, on_send: bool, has_restrictive_id: bool) -> ApiCode:
    # The two numbers that the document itself uses for two things.
    if code == DUPLICATE and not (on_send and has_restrictive_id):
        return _BAD_REQUEST
    if code == _NO_PHONES and operation.startswith("v2."):
        # "Access denied" comes as 403 in an HTTP 200 body too; only a send has numbers to miss.
        denied = not on_send or "access denied" in description.casefold()
        return _ACCESS_DENIED if denied else API_CODES[code]
    return describe(code)


def error_for(
    code: int,
    description: str,
    *,
    operation: str,
    node: str | None,
    message_key: str | None,
    on_send: bool,
    has_restrictive_id: bool,
) -> Rejected:
    """The error of a send that the platform answered with a code.

    Args:
        code: the code of the body.
        description: the platform's words; they may name a phone number or the
            text, so they go through ``safe_description`` into ``.description``
            and never into the error's own text.
        operation: such as ``v2.send``; it stands in the error's text.
        node: the node that answered.
        message_key: the id this library gave the message.
        on_send: whether the call was a send.
        has_restrictive_id: whether the request carried a restrictiveId;
            without one, 105 means a malformed request.
    """
    entry = _entry(code, description, operation, on_send=on_send, has_restrictive_id=has_restrictive_id)
    return entry.error(
        _sentence(operation, entry),
        description=safe_description(description, code=code),
        code=code,
        node=node,
        message_key=message_key,
        advice=entry.advice,
    )


def refusal_for(code: int, description: str, *, operation: str, node: str | None) -> RequestRefused:
    """The error of a call that sends nothing and was answered with a code."""
    entry = _entry(code, description, operation, on_send=False, has_restrictive_id=False)
    return RequestRefused(f"{_sentence(operation, entry)} {entry.advice}", operation=operation, code=code, node=node)


def _sentence(operation: str, entry: ApiCode) -> str:
    return f"{operation}: {entry.meaning} (code {entry.code})."


# The platform quotes the message's own text in these.
_HOLDS_TEXT = frozenset({420, 422, 424, 437})


def safe_description(description: str, *, code: int | None = None) -> str:
    """The platform's words without texts, numbers, names and tokens (see ``secrets.redact``).

    The codes that quote the message itself get the platform's wording without it.
    """
    return API_CODES[code].platform_text if code in _HOLDS_TEXT else redact(description)
