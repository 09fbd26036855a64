"""The document's examples of what it sends, to the octet, and what they say."""

from __future__ import annotations

JSON_PUSH = b"""[
  {
    "login": "login:subacc",
    "sms_id": "8049537157380826112",
    "phone_number": "78000000001",
    "status": "Delivered",
    "delivery_date": "2025-12-06 12:31:00",
    "channel": "sms",
    "parts_count": 2,
    "err_code": 0,
    "tracking_data": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
    "operatorId": 1971,
    "mcc": 250,
    "mnc": 99
  }
]"""
"""Without the ``...`` that the document puts behind the first item."""

JSON_HEAD = (
    b"POST /status_callback_url HTTP/1.1\r\nUser-Agent: StatusSender/2.0 Java/21\r\n"
    b"Host: example.com\r\nContent-type: application/json\r\n"
)

FORM_PUSH = b"sms_id=15166254108&status=Delivered&delivery_date=2020-05-09 17:04:00"
"""With its raw space (field notes, B1)."""

FORM_HEAD = (
    b"POST /status_callback_url HTTP/1.1\r\nUser-Agent: StatusSender/2.0 Java/21\r\n"
    b"Host: example.com\r\nContent-type: application/x-www-form-urlencoded\r\n"
)

TABLE_FIELDS = (
    "login", "sms_id", "phone_number", "status", "delivery_date", "channel",
    "parts_count", "error_code", "tracking_data", "operator_id", "mcc", "mnc",
)  # fmt: skip
"""The rows of the table of the JSON push."""

INBOUND_TEMPLATE = "message={{message}}&phone={{phone}}&sms_id={{sms_id}}"
SHORT_TEMPLATE = INBOUND_TEMPLATE + "&shortcode={{shortcode}}"
