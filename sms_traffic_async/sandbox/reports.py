"""Report jobs: created on one node, ready after a while, kept seven days.

The nodes do not share them. A job's content is taken when it becomes ready and
does not change after that.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.life import BUFFERED, Pace
from sms_traffic_async.sandbox.report_content import (
    DEFAULT_FIELDS,
    Blob,
    Content,
    Synthetic,
    render_csv,
    render_json,
    render_zip,
    rows_of,
)
from sms_traffic_async.sandbox.store import DAY, KEEP_DAYS, Store, StoredMessage
from sms_traffic_async.sandbox.switches import Switches

__all__ = ("ReportJob", "ReportQuery", "Reports")

KEEP_JOBS = 2_000
KEEP_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """What a report is asked to hold; ``None`` is no filter.

    Attributes:
        since, until: sandbox seconds since the epoch, both inclusive, by submission.
        department: a department's login; ``""`` is the main login alone.
    """

    since: float | None = None
    until: float | None = None
    originator: str | None = None
    subscriber: str | None = None
    type: Literal["mt", "mo"] | None = None
    status: Literal["delivered", "not_delivered", "read"] | None = None
    channels: frozenset[str] | None = None
    department: str | None = None
    fields: tuple[str, ...] = DEFAULT_FIELDS
    format: Literal["zip", "csv", "json"] = "json"
    limit: int = 50
    offset: int = 0

    def matches(self, message: StoredMessage) -> bool:
        """Whether a message belongs in it."""
        return (
            (self.since is None or message.submitted_at >= self.since)
            and (self.until is None or message.submitted_at <= self.until)
            and (self.originator is None or message.originator == self.originator)
            and (self.subscriber is None or message.to == self.subscriber)
            and (self.type is None or message.direction == self.type)
            and (self.channels is None or message.channel in self.channels)
            and (self.department is None or _department(message) == self.department)
            and (self.status is None or self._has_status(message.status))
        )

    def _has_status(self, status: str) -> bool:
        if self.status == "delivered":
            return status in {"Delivered", "Read"}
        if self.status == "read":
            return status == "Read"
        return status not in {"", BUFFERED, "Delivered", "Read"}


def _department(message: StoredMessage) -> str:
    return message.login if ":" in message.login else ""


class ReportJob:
    """One report on one node."""

    def __init__(self, job_id: str, node: int | None, principal: Principal | None, query: ReportQuery) -> None:
        self.id = job_id
        self.node = node
        self.principal = principal
        self.query = query
        self.made_at: float = 0.0
        self.content: Content | None = None
        self.not_before: float = 0.0
        """After a 204: a request before this time comes too soon."""
        self.waiters: set[asyncio.Future[None]] = set()

    def belongs_to(self, principal: Principal, node: int) -> bool:
        """Whether this login may have it from this node."""
        if self.node not in {None, node}:
            return False
        return self.principal is None or principal.sees(self.principal.login)


class Reports:
    """Every report of both nodes."""

    def __init__(
        self, store: Store, clock: SandboxClock, switches: Callable[[], Switches], pace: Callable[[], Pace]
    ) -> None:
        self._store = store
        self._clock = clock
        self._switches = switches
        self._pace = pace
        self._jobs: dict[str, ReportJob] = {}

    def create(self, query: ReportQuery, *, node: int, principal: Principal) -> ReportJob:
        """Begin a report; it is ready after ``Pace.report``."""
        job = self._add(ReportJob(uuid.uuid4().hex, node, principal, query))
        self._clock.call_later(self._pace().report, self._ready, job)
        return job

    def synthetic(self, rows: int) -> str:
        """A CSV of so many rows that exists only while it is read, for benchmarks; any login, either node.

        Returns:
            Its id. A row is about 180 bytes: 6 million are a gigabyte.
        """
        job = self._add(ReportJob(uuid.uuid4().hex, None, None, ReportQuery(format="csv")))
        job.content = Synthetic(rows)
        return job.id

    def get(self, job_id: str) -> ReportJob | None:
        """A report that is still kept."""
        self._forget_old()
        return self._jobs.get(job_id)

    def clear(self) -> None:
        """Forget every report; whoever waits for one finds that it is gone."""
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            self._wake(job)

    def __iter__(self) -> Iterator[ReportJob]:
        return iter(tuple(self._jobs.values()))

    def __len__(self) -> int:
        return len(self._jobs)

    def _add(self, job: ReportJob) -> ReportJob:
        self._forget_old()
        job.made_at = self._clock.now()
        self._jobs[job.id] = job
        return job

    def _forget_old(self) -> None:
        horizon = self._clock.now() - KEEP_DAYS * DAY
        held = sum(job.content.length for job in self._jobs.values() if isinstance(job.content, Blob))
        for job in list(self._jobs.values()):
            if job.made_at > horizon and len(self._jobs) <= KEEP_JOBS and held <= KEEP_BYTES:
                return
            held -= job.content.length if isinstance(job.content, Blob) else 0
            del self._jobs[job.id]
            self._wake(job)

    def _ready(self, job: ReportJob) -> None:
        if self._jobs.get(job.id) is job:
            job.content = Blob(self._render(job))
            self._wake(job)

    def _wake(self, job: ReportJob) -> None:
        for waiter in tuple(job.waiters):
            self._clock.wake(waiter)

    def _render(self, job: ReportJob) -> bytes:
        query, switches, principal = job.query, self._switches(), job.principal
        found: Iterable[StoredMessage] = (
            message
            for message in self._store
            if (principal is None or principal.sees(message.login)) and query.matches(message)
        )
        rows = rows_of(found, query.fields, switches)
        if query.format == "json":
            page = rows[query.offset : query.offset + query.limit]
            return render_json(page, len(rows), document_cells=switches.report_document_cells)
        body = render_csv(rows, switches.report_charset)
        return render_zip(body, f"{job.id}.csv") if query.format == "zip" else body
