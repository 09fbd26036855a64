"""Messages in PostgreSQL, one at a time or by state. Each function is the work of one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox import postgres_port as port
from sms_traffic_async.outbox.postgres_claims import PENDING, carrier_of, job_of
from sms_traffic_async.outbox.postgres_engine import LOG, QUEUE, STALE, Engine
from sms_traffic_async.outbox.postgres_port import Connection, Statements
from sms_traffic_async.outbox.store import CROWD, Entry, News, Row, State

__all__ = ("add", "cancel", "counts", "get", "learn", "listing", "next_due", "purge", "release", "resolve", "retry")

_TOGETHER: Final = 2_000
"""Messages that are written by one statement."""
_COLUMNS: Final = (
    "id, state, key, priority, body, attempts, extract(epoch FROM created)::float8 AS created, "
    "extract(epoch FROM changed)::float8 AS changed, unit, message_ids, node, code, reason, status"
)

# S608: every name that is put into a statement is a constant of this package.
_ADD: Final = f"""
INSERT INTO sms_outbox_message (id, key, body, crew, crowd, priority, state, expires, trace)
SELECT id, key, body, crew, {CROWD}, priority, 'pending', now() + lives * interval '1 second', trace
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::integer[], $6::float8[], $7::text[])
    WITH ORDINALITY AS given (id, key, body, crew, priority, lives, trace, place)
ORDER BY place ON CONFLICT DO NOTHING RETURNING id, n, crew, crowd, priority
"""  # noqa: S608
_KNOWN: Final = "SELECT id, key FROM sms_outbox_message WHERE id = ANY($1::text[]) OR key = ANY($2::text[])"
_FIND: Final = "SELECT id FROM sms_outbox_message WHERE id = $1 OR key = $1 ORDER BY id <> $1 LIMIT 1"
_GET: Final = f"SELECT {_COLUMNS} FROM sms_outbox_message WHERE id = $1 OR key = $1 ORDER BY id <> $1 LIMIT 1"  # noqa: S608
_LISTING: Final = (
    f"SELECT {_COLUMNS} FROM sms_outbox_message "  # noqa: S608
    "WHERE state = ANY($1::text[]) AND id > $2 ORDER BY id LIMIT $3"
)
_LOCK: Final = f"SELECT status::text AS status FROM {QUEUE} WHERE dedupe_key = $1 AND status = 'queued' FOR UPDATE"  # noqa: S608
_CANCEL: Final = """
UPDATE sms_outbox_message SET state = 'cancelled', changed = now() WHERE id = $1 AND state IN ('pending', 'held')
RETURNING id
"""
_RETRY: Final = """
UPDATE sms_outbox_message
SET state = 'pending', expires = NULL, changed = now(), unit = NULL, code = NULL, reason = NULL, status = NULL,
    ended = false
WHERE id = $1 AND state IN ('held', 'unknown', 'rejected', 'expired') RETURNING id, n, crew, crowd, priority
"""
_RELEASE: Final = """
UPDATE sms_outbox_message
SET state = 'pending', changed = now(), unit = NULL, code = NULL, reason = NULL
WHERE id IN (
    SELECT id FROM sms_outbox_message WHERE state = 'held' AND code IS NOT NULL ORDER BY changed, n LIMIT $1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, n, crew, crowd, priority
"""
# A unit whose carrier is claimed, and whose lease runs, is in a worker's hands.
_RESOLVE: Final = f"""
UPDATE sms_outbox_message AS m SET state = $2, changed = now(),
    message_ids = m.message_ids || array(SELECT one FROM unnest($3::text[]) AS one WHERE one <> ALL (m.message_ids))
WHERE m.id = $1 AND (m.state = 'unknown' OR m.state = 'ambiguous' AND NOT EXISTS (
    SELECT FROM {QUEUE} AS job WHERE job.dedupe_key = m.unit
        AND (job.status = 'picked' AND job.heartbeat >= clock_timestamp() - {STALE} * interval '1 second')
))
RETURNING m.id
"""  # noqa: S608
_PURGE: Final = """
DELETE FROM sms_outbox_message WHERE id IN (
    SELECT id FROM sms_outbox_message
    WHERE state = ANY($1::text[]) AND changed <= now() - $2 * interval '1 second' LIMIT $3 FOR UPDATE SKIP LOCKED
)
RETURNING message_ids
"""
_TRIM: Final = f"""
DELETE FROM {LOG} WHERE id IN (
    SELECT id FROM {LOG} WHERE created <= now() - $1 * interval '1 second' LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608
# SENDING stays: whoever sends it settles it, and what is known then includes this id. An id that stands here beside its
# message's is known to what comes after it. Rows are locked in one order: several workers may hear the same.
_LEARN: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[])
        WITH ORDINALITY AS n (message_id, id, status, final, place)
), known AS (
    SELECT g.*, coalesce(by_platform.id, by_label.id) AS ours FROM given AS g
    LEFT JOIN sms_outbox_platform_id AS by_platform ON by_platform.message_id = g.message_id
    LEFT JOIN sms_outbox_message AS by_label ON by_label.id = g.id
), told AS (
    SELECT message_id, status, final, place,
        (array_agg(ours) FILTER (WHERE ours IS NOT NULL) OVER (PARTITION BY message_id ORDER BY place))[1] AS ours
    FROM known
), locked AS (
    SELECT id FROM sms_outbox_message WHERE id IN (SELECT ours FROM told) ORDER BY id FOR UPDATE
), last AS (
    SELECT ours, (array_agg(status ORDER BY place DESC))[1] AS status, bool_or(final) AS final,
        array_agg(message_id ORDER BY place) AS ids, array_agg(place) AS places
    FROM told JOIN locked ON locked.id = told.ours GROUP BY ours
), kept AS (
    INSERT INTO sms_outbox_platform_id (message_id, id)
    SELECT DISTINCT ON (one) one, ours FROM last, unnest(last.ids) AS one ORDER BY one
    ON CONFLICT (message_id) DO NOTHING
)
UPDATE sms_outbox_message AS m
SET status = last.status, ended = m.ended OR last.final,
    message_ids = m.message_ids || array(
        SELECT one FROM unnest(last.ids) WITH ORDINALITY AS new (one, place)
        WHERE one <> ALL (m.message_ids) GROUP BY one ORDER BY min(place)),
    state = CASE WHEN m.state NOT IN ('ambiguous', 'unknown', 'accepted') THEN m.state
                 WHEN last.final THEN 'final' ELSE 'accepted' END,
    changed = CASE WHEN m.state IN ('ambiguous', 'unknown') OR (m.state = 'accepted' AND last.final)
                   THEN now() ELSE m.changed END
FROM last WHERE m.id = last.ours
RETURNING last.places
"""
_KEEP: Final = """
INSERT INTO sms_outbox_platform_id (message_id, id) SELECT DISTINCT one, $1 FROM unnest($2::text[]) AS one
ON CONFLICT (message_id) DO UPDATE SET id = excluded.id
"""
_FORGET: Final = "DELETE FROM sms_outbox_platform_id WHERE message_id = ANY($1::text[])"


async def add(statements: Statements, entries: Sequence[Entry]) -> list[str]:
    """See ``Store.add``; also in a transaction of the caller's."""
    found: list[str] = []
    for start in range(0, len(entries), _TOGETHER):
        found += await _add(statements, entries[start : start + _TOGETHER])
    return found


async def _add(statements: Statements, entries: Sequence[Entry]) -> list[str]:
    columns: list[list[Any]] = [
        [entry.id for entry in entries],
        [entry.key for entry in entries],
        [entry.body for entry in entries],
        [entry.group for entry in entries],
        [entry.priority for entry in entries],
        [entry.lives for entry in entries],
        [entry.trace for entry in entries],
    ]
    new = {row["id"]: row for row in await statements.fetch(_ADD, *columns)}
    await Engine(statements).add([job_of(new[one.id], delay=one.delay) for one in entries if one.id in new])
    if len(new) == len(entries):
        return [entry.id for entry in entries]
    ids = [entry.id for entry in entries if entry.id not in new]
    keys = [entry.key for entry in entries if entry.id not in new and entry.key is not None]
    rows = await statements.fetch(_KNOWN, ids, keys)
    there, by_key = (
        {row["id"] for row in rows} | new.keys(),
        {row["key"]: row["id"] for row in rows if row["key"] is not None},
    )
    return [entry.id if entry.id in there or entry.key is None else by_key[entry.key] for entry in entries]


async def get(connection: Connection, *, name: str) -> Row | None:
    """See ``Store.get``."""
    row = await connection.fetchrow(_GET, name)
    return None if row is None else _row(row)


async def listing(connection: Connection, *, states: Sequence[State], after: str | None, limit: int) -> list[Row]:
    """See ``Store.listing``."""
    return [_row(row) for row in await connection.fetch(_LISTING, _words(states), after or "", limit)]


async def cancel(connection: Connection, *, name: str) -> bool:
    """See ``Store.cancel``. The job is locked first: a worker that claims it has it, or never sees it."""
    identity: str | None = await connection.fetchval(_FIND, name)
    if identity is None:
        return False
    await connection.fetch(_LOCK, identity)
    if await connection.fetch(_CANCEL, identity):
        await Engine(connection).finish([identity], "canceled")
        return True
    row = await get(connection, name=identity)
    return row is not None and row.state is State.CANCELLED


async def retry(connection: Connection, *, name: str) -> bool:
    """See ``Store.retry``."""
    identity: str | None = await connection.fetchval(_FIND, name)
    rows: Sequence[port.Row] = () if identity is None else await connection.fetch(_RETRY, identity)
    await _again(connection, rows)
    return bool(rows)


async def release(connection: Connection, *, limit: int) -> int:
    """See ``Store.release``."""
    rows = await connection.fetch(_RELEASE, limit)
    await _again(connection, rows)
    return len(rows)


async def _again(connection: Connection, rows: Sequence[port.Row]) -> None:
    jobs = [job_of(row) for row in rows]
    # Of a unit that goes on without it, its old job may still wait beside the carrier: it is as good as a new one, and
    # a listener is told only of new ones.
    await Engine(connection).finish([job.name for job in jobs], "canceled")
    await Engine(connection).add(jobs)


async def resolve(connection: Connection, *, name: str, state: State, message_ids: Sequence[str]) -> bool:
    """See ``Store.resolve``. The job of one that was ambiguous goes with its unit."""
    if state not in {State.ACCEPTED, State.FINAL, State.REJECTED}:
        raise ConfigurationError("an unknown message is resolved to accepted, final or rejected")
    identity: str | None = await connection.fetchval(_FIND, name)
    if identity is None or not await connection.fetch(_RESOLVE, identity, state.value, list(message_ids)):
        return False
    if message_ids:
        await connection.execute(_KEEP, identity, list(message_ids))
    return True


def _storable(told: str) -> str:
    """What a peer wrote, without U+0000: PostgreSQL refuses it, and the status would be tried again for ever."""
    return told.replace("\0", "\N{REPLACEMENT CHARACTER}")


async def learn(connection: Connection, *, news: Sequence[News]) -> list[News]:
    """See ``Store.learn``; one statement."""
    rows = await connection.fetch(
        _LEARN,
        [_storable(one.message_id) for one in news],
        [None if one.id is None else _storable(one.id) for one in news],
        [_storable(one.status) for one in news],
        [one.final for one in news],
    )
    ours = {place for row in rows for place in row["places"]}
    return [one for place, one in enumerate(news, 1) if place not in ours]


async def purge(connection: Connection, *, states: Sequence[State], older_than: float, limit: int) -> int:
    """See ``Store.purge``. The engine's log of jobs goes with them."""
    await connection.execute(_TRIM, older_than, 10 * limit)
    gone = await connection.fetch(_PURGE, _words(states), older_than, limit)
    if gone:
        await connection.execute(_FORGET, [one for row in gone for one in row["message_ids"]])
    return len(gone)


async def counts(connection: Connection) -> Mapping[State, int]:
    """See ``Store.counts``."""
    rows = await connection.fetch("SELECT state, count(*) AS count FROM sms_outbox_message GROUP BY state")
    return {State(row["state"]): row["count"] for row in rows}


_NEXT_DUE: Final = f"""
SELECT extract(epoch FROM min(at) - clock_timestamp())::float8 AS seconds FROM (
    SELECT min(execute_after) AS at FROM {QUEUE}
        WHERE status = 'queued' AND (left(entrypoint, 2) = '{PENDING}' OR entrypoint = $1) UNION ALL
    SELECT min(heartbeat) + {STALE} * interval '1 second' FROM {QUEUE}
        WHERE status = 'picked' AND heartbeat < 'infinity' AND entrypoint = $1 UNION ALL
    SELECT min(expires) FROM sms_outbox_message WHERE state = 'pending' AND expires IS NOT NULL
) AS moments
"""  # noqa: S608


async def next_due(connection: Connection, via: str) -> float | None:
    """See ``Store.next_due``; one statement."""
    seconds: float | None = await connection.fetchval(_NEXT_DUE, carrier_of(via))
    return None if seconds is None else max(0.0, seconds)


def _row(row: port.Row) -> Row:
    values = dict(row)
    values["state"] = State(values["state"])
    values["message_ids"] = tuple(values["message_ids"])
    return Row(**values)


def _words(states: Sequence[State]) -> list[str]:
    return [state.value for state in states]
