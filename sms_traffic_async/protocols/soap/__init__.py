"""SOAP: envelopes out and in, a login and a password; the four methods of the platform's WSDL."""

from __future__ import annotations

from sms_traffic_async.protocols.soap.client import Soap
from sms_traffic_async.protocols.soap.models import Recipient, SendReply, StatusesReply, Unroutable

__all__ = ("Recipient", "SendReply", "Soap", "StatusesReply", "Unroutable")
