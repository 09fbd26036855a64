"""What the document leaves open: one switch for each, and tests run both ways.

The names U1 to U12 are the project's list of open questions (docs/sandbox.md
repeats it). Defaults are what the document suggests, or what was seen on the
live platform where it suggests nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, get_args

from sms_traffic_async.errors import ConfigurationError

__all__ = ("RetryAfterForm", "Switches")

RetryAfterForm: TypeAlias = Literal[
    "seconds",
    "http-date",
    "rfc850",
    "asctime",
    "float",
    "zero",
    "negative",
    "past",
    "huge",
    "unicode",
    "garbage",
    "absent",
]
"""How a 429 says when to come again; the document promises only that it may (U7)."""

Scope: TypeAlias = Literal["account", "token"]
Concurrent: TypeAlias = Literal["refuse", "wait", "race"]
HourStarts: TypeAlias = Literal["arrival", "acceptance", "last_seen"]
MaxParts: TypeAlias = Literal["cut", "refuse"]
ReportRows: TypeAlias = Literal["message", "part"]
StartKey: TypeAlias = Literal["both", "startDateTime", "startTime"]
Combine: TypeAlias = Literal["union", "intersection"]
NumberErrors: TypeAlias = Literal["destination", "request"]
Spelling: TypeAlias = Literal["submition_date", "submission_date"]
Charset: TypeAlias = Literal["utf-8", "utf-8-sig", "windows-1251"]
XmlHead: TypeAlias = Literal["document", "live", "none", "windows-1251", "utf-8"]
UnknownOne: TypeAlias = Literal["sms", "flat", "empty_tags"]
Count: TypeAlias = Literal["total", "returned"]
ListStatus: TypeAlias = Literal["groups", "group", "members"]
SoapWant: TypeAlias = Literal["both", "WantSmsIds", "WantsSmsIds"]
SoapStart: TypeAlias = Literal["both", "dateTime", "v1"]
SoapInfos: TypeAlias = Literal["part", "recipient"]
SmppReceipts: TypeAlias = Literal["any", "same", "other"]
SmppRateScope: TypeAlias = Literal["system_id", "account", "bind"]
SmppIds: TypeAlias = Literal["same", "hex", "zeros", "case"]
SmppInboundCoding: TypeAlias = Literal["auto", "gsm7", "ucs2", "latin1"]
SmppInboundParts: TypeAlias = Literal["udh8", "udh16", "sar", "payload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How this sandbox reads the document. Replace it whole: ``sandbox.switches = replace(sandbox.switches, ...)``.

    Attributes:
        restrictive_shared: U1, a restrictiveId seen by one node is known to the other.
        restrictive_consumed_by_failure: U2, a request that failed uses its restrictiveId up.
        restrictive_scope: U3, whose ids collide: one token's, or the whole account's.
        restrictive_concurrent: U4, a second request with an id that is still being
            worked on is refused at once, waits for the first, or races it (both are accepted).
        restrictive_hour_starts: U5, the hour runs from the request's arrival, from
            acceptance, or anew from every sight of the id.
        restrictive_hour: its length in seconds.
        statuses_cross_node: U6, a node sees messages that the other accepted.
        statuses_cross_node_delay: U6, seconds until it does.
        statuses_delay: seconds until the accepting node itself finds a new message.
        retry_after: U7, the form of Retry-After in a 429.
        token_rate: U8, requests a second and token; ``None`` for no limit. A token's own rate comes first.
        token_rate_per_node: U8, whether each node counts by itself.
        statuses_other_protocols: U11, v2 statuses find messages of v1, SOAP, SMPP and SMTP.
        max_parts: U12, what is longer than maxParts is cut or refused with 424.
        antispam: the 5th same text to a number in an hour, and the 9th in 12, become Rejected.
        numeric_originator_refused: a numeric sender to a Russian number is refused with 436.
        federal_numbers: a Moscow 495 number is turned into 985 and reported so.
        number_errors: codes 425 to 432 come with the destination, or refuse the whole request.
        refused_have_ids: a refused destination carries an id all the same, as in the document's example.
        start_key: which spelling of the start in ``scheduling`` is taken.
        individual_templates: ``[[name]]`` is replaced in a destination's own text too.
        unknown_fields_refused: unknown fields are refused with 105, not only written down.
        forbidden_as_body: a missing permission is HTTP 200 with body code 403, as in one example.
        ids_as_numbers: message ids are written as JSON numbers.
        id_digits: 19, or 39 as the newest ids seen.
        statuses_combine: how ``ids`` and ``trackingData`` of one look-up combine.
        status_extended_always: ``statusExtended`` comes even when it was not asked for.
        submission_date: how v1 spells it.
        report_rows: one row a message, or one a part.
        report_ranges: a Range request for a report is granted (206) or ignored (200).
        report_id_key: the answer's name for the id: the example's or the table's.
        report_document_cells: JSON cells as the document prints them, which is not JSON.
        report_charset: of a CSV.
        xml_head: the head of v1 replies: as the document prints each of them, or the same with
            windows-1251 in errors (seen live), or one form for all.
        latin_in_unicode: v1 ``rus=1`` and ``5``: a Latin text counts as UCS-2 (70), or keeps 160.
        list_names_exact: ``list.php`` refuses ``Login`` as ``multi.php`` does; the document's examples pass with it.
        unknown_status: v1's answer to a look-up of one id that is unknown.
        buffered_date_empty: v1 gives no ``last_status_change_date`` before the final status (seen live).
        incoming_count: ``<count>`` of ``operation=incoming``: all that there are, or those in the answer.
        list_status: the form of ``operation=status`` of ``list.php``, which the document does not show.
        checked_v1_whole: one unknown id refuses the whole ``set_checked``; else the others are marked.
        soap_broken_success: ``<IsSuccess>>true</IsSuccess>``, as three of the document's four examples.
        soap_want: which spelling of WantSmsIds is taken.
        soap_start: which form of StartDate is taken: xsd:dateTime, v1's, or both.
        soap_infos: one MessageInfo a part, or one a recipient with the first part's id.
        smpp_receipts: U9, receipts go to whichever node has a receiver (the node that took the message first),
            only to the same node, or only to the other one.
        smpp_rate: U10, messages a second; ``None`` for no limit. An account's own rate comes first.
        smpp_rate_scope: U10, whose rate it is: a system_id's, the whole account's, or each bind's.
        smpp_window: how many messages and receipts a receiver is sent without its answers.
        smpp_retry_after: sandbox seconds until what a receiver refused for now is delivered again.
        smpp_ghost: a lost connection keeps its slot for so many sandbox seconds (seen: up to 120).
        smpp_silence: seconds of the link's own time without enquire_link, or enquire_link_resp, until it is cut.
        smpp_unsupported_refused: a field that is not supported (service_type, priority_flag, ...) refuses the
            message; else it is ignored, and written down.
        smpp_ids: the id of a submit_sm_resp: the same as in the receipt; hexadecimal where the receipt has it
            decimal; with leading zeros; hexadecimal in upper case where the receipt has lower case.
        smpp_inbound_coding: of inbound messages; ``auto`` takes GSM 03.38 where the text allows it, else UCS-2.
        smpp_inbound_parts: how a long inbound message comes: UDH with an 8- or 16-bit reference, sar parameters, or
            whole in message_payload.
    """

    restrictive_shared: bool = True
    restrictive_consumed_by_failure: bool = False
    restrictive_scope: Scope = "account"
    restrictive_concurrent: Concurrent = "refuse"
    restrictive_hour_starts: HourStarts = "arrival"
    restrictive_hour: float = 3600.0
    statuses_cross_node: bool = True
    statuses_cross_node_delay: float = 0.0
    statuses_delay: float = 0.0
    retry_after: RetryAfterForm = "seconds"
    token_rate: float | None = None
    token_rate_per_node: bool = False
    statuses_other_protocols: bool = True
    max_parts: MaxParts = "cut"
    antispam: bool = True
    numeric_originator_refused: bool = True
    federal_numbers: bool = True
    number_errors: NumberErrors = "destination"
    refused_have_ids: bool = True
    start_key: StartKey = "both"
    individual_templates: bool = False
    unknown_fields_refused: bool = False
    forbidden_as_body: bool = False
    ids_as_numbers: bool = False
    id_digits: Literal[19, 39] = 19
    statuses_combine: Combine = "union"
    status_extended_always: bool = False
    submission_date: Spelling = "submition_date"
    report_rows: ReportRows = "message"
    report_ranges: bool = True
    report_id_key: Literal["reportId", "report_id"] = "reportId"
    report_document_cells: bool = False
    report_charset: Charset = "utf-8"
    xml_head: XmlHead = "document"
    latin_in_unicode: bool = False
    list_names_exact: bool = False
    unknown_status: UnknownOne = "sms"
    buffered_date_empty: bool = False
    incoming_count: Count = "total"
    list_status: ListStatus = "groups"
    checked_v1_whole: bool = True
    soap_broken_success: bool = False
    soap_want: SoapWant = "both"
    soap_start: SoapStart = "both"
    soap_infos: SoapInfos = "part"
    smpp_receipts: SmppReceipts = "any"
    smpp_rate: float | None = 20.0
    smpp_rate_scope: SmppRateScope = "system_id"
    smpp_window: int = 10
    smpp_retry_after: float = 5.0
    smpp_ghost: float = 0.0
    smpp_silence: float = 120.0
    smpp_unsupported_refused: bool = False
    smpp_ids: SmppIds = "same"
    smpp_inbound_coding: SmppInboundCoding = "auto"
    smpp_inbound_parts: SmppInboundParts = "udh8"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigurationError(f"switch {name} is one of {', '.join(map(repr, allowed))}")
        for name in _SECONDS:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0):
                raise ConfigurationError(f"switch {name} is a number, 0 or greater")
        for name in ("token_rate", "smpp_rate"):
            if getattr(self, name) == 0:
                raise ConfigurationError(f"switch {name} is greater than 0, or None for no limit")
        if self.smpp_window < 1 or int(self.smpp_window) != self.smpp_window or not self.smpp_silence:
            raise ConfigurationError("switch smpp_window is a whole number, and smpp_silence a time, greater than 0")

    def changed(self, changes: Mapping[str, Any]) -> Switches:
        """A copy with some switches set by name, as the control API gives them.

        Raises:
            ConfigurationError: an unknown name, or a value it cannot have.
        """
        known = {field.name for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ConfigurationError(f"there is no switch {name!r}")
            if isinstance(getattr(self, name), bool) and not isinstance(value, bool):
                raise ConfigurationError(f"switch {name} is true or false")
        return replace(self, **changes)


_CHOICES: dict[str, tuple[Any, ...]] = {
    "restrictive_scope": get_args(Scope),
    "restrictive_concurrent": get_args(Concurrent),
    "restrictive_hour_starts": get_args(HourStarts),
    "retry_after": get_args(RetryAfterForm),
    "max_parts": get_args(MaxParts),
    "number_errors": get_args(NumberErrors),
    "start_key": get_args(StartKey),
    "id_digits": (19, 39),
    "statuses_combine": get_args(Combine),
    "submission_date": get_args(Spelling),
    "report_rows": get_args(ReportRows),
    "report_id_key": ("reportId", "report_id"),
    "report_charset": get_args(Charset),
    "xml_head": get_args(XmlHead),
    "unknown_status": get_args(UnknownOne),
    "incoming_count": get_args(Count),
    "list_status": get_args(ListStatus),
    "soap_want": get_args(SoapWant),
    "soap_start": get_args(SoapStart),
    "soap_infos": get_args(SoapInfos),
    "smpp_receipts": get_args(SmppReceipts),
    "smpp_rate_scope": get_args(SmppRateScope),
    "smpp_ids": get_args(SmppIds),
    "smpp_inbound_coding": get_args(SmppInboundCoding),
    "smpp_inbound_parts": get_args(SmppInboundParts),
}
_SECONDS = (
    "restrictive_hour",
    "statuses_cross_node_delay",
    "statuses_delay",
    "token_rate",
    "smpp_rate",
    "smpp_window",
    "smpp_retry_after",
    "smpp_ghost",
    "smpp_silence",
)
