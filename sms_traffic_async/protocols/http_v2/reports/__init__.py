"""Reports of HTTP API v2: created, awaited and streamed on one node (document, "Выгрузка сообщений")."""

from __future__ import annotations

from sms_traffic_async.protocols.http_v2.reports.link import ReportTicket
from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery
from sms_traffic_async.protocols.http_v2.reports.report import Report, SavedReport
from sms_traffic_async.protocols.http_v2.reports.rows import ReportRow

__all__ = ("Report", "ReportQuery", "ReportRow", "ReportTicket", "SavedReport")
