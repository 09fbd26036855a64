"""Options of the SOAP protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.node import Node, parse_nodes
from sms_traffic_async.secrets import check_before_init

__all__ = ("SOAP_URL", "IdsElement", "SoapOptions", "SoapVersion", "StartForm")

SoapVersion: TypeAlias = Literal["1.2", "1.1"]
StartForm: TypeAlias = Literal["dateTime", "v1"]
IdsElement: TypeAlias = Literal["WantSmsIds", "WantsSmsIds"]

SOAP_URL = "https://soap.smstraffic.ru/soap.php"
"""Document, "SOAP протокол"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapOptions:
    """How SOAP is spoken.

    Attributes:
        url: the service's address.
        second_url: the second server's, which the document leaves to the WSDL and never names; ``None`` for none.
        version: of the envelope: 1.2 as in the document's examples, or 1.1.
        start: how StartDate is written: ``dateTime`` (2025-12-18T15:00:00) or as v1 does (2025-12-18 15:00:00).
            The document does not say; both are UTC+3.
        ids_element: how the wish for ids is spelt: the document has two spellings, its table the first.

    Raises:
        ConfigurationError: a bad value. URLs are not shown.
    """

    url: str = SOAP_URL
    second_url: str | None = None
    version: SoapVersion = "1.2"
    start: StartForm = "dateTime"
    ids_element: IdsElement = "WantSmsIds"

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ConfigurationError(f"SoapOptions.{name} is {' or '.join(map(repr, known))}")
        names = [node.name for node in self.nodes]
        if not names:
            raise ConfigurationError("SoapOptions.url is empty")
        if len(set(names)) != len(names):
            raise ConfigurationError("SoapOptions: both URLs have one host and port")

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The servers, the first preferred; each URL with its path."""
        return parse_nodes([self.url] if self.second_url is None else [self.url, self.second_url])


def _urls_problem(options: Mapping[str, Any]) -> str:
    try:
        parse_nodes([options[name] for name in ("url", "second_url") if options.get(name) is not None])
    except ConfigurationError as error:
        return f"SoapOptions.url: {error}"
    return ""


check_before_init(SoapOptions, _urls_problem)

_CHOICES: dict[str, tuple[str, ...]] = {
    "version": ("1.2", "1.1"),
    "start": ("dateTime", "v1"),
    "ids_element": ("WantSmsIds", "WantsSmsIds"),
}
