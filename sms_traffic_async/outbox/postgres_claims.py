"""Units in PostgreSQL: claimed, begun, held, settled. Each function is the work of one transaction.

1. Every pending message has one job of the engine, named by the message; of a
   unit, the first one's job *carries* the unit and is named by it, and the others'
   are gone until their message is pending again. A job's number is its message's;
   a carrier's is of its own, so that a message that leaves its unit has its number
   again. So the engine's log counts units.
2. The carrier's claim is the unit's: its worker id is the token, its heartbeat
   the lease. So an abandoned unit comes back whole, and by nothing but the
   engine's own claim.
3. Locks are taken in one order: job, unit, message; and messages by their ids, where
   statuses may be written to them meanwhile (see ``postgres_rows.learn``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from uuid import uuid4

from sms_traffic_async.outbox.postgres_engine import CARRIER_ID, QUEUE, STALE, Engine, Job
from sms_traffic_async.outbox.postgres_port import Connection, Row
from sms_traffic_async.outbox.store import REFUTABLE, Member, Result, State, Unit

__all__ = ("PENDING", "begin", "carrier_of", "claim", "entrypoint_of", "expire", "job_of", "renew", "settle")

_EXPIRED_AT_ONCE: Final = 1_000
PENDING: Final = "m "
_OPEN: Final = frozenset({"pending", "sending", "ambiguous"})

# S608: every name that is put into a statement is a constant of this package.
# A claim that a crashed server forgets costs nothing: nobody sends before `begin`, whose commit waits for the disk and
# takes all earlier ones with it. So a claim does not wait. The engine is asked for what is found to be there.
_LOOK: Final = f"""
SELECT set_config('synchronous_commit', 'off', true),
    EXISTS (SELECT FROM sms_outbox_message WHERE state = 'pending' AND expires <= now()) AS late,
    EXISTS (SELECT FROM {QUEUE} WHERE entrypoint = $1 AND status = 'queued' AND execute_after < now())
    OR EXISTS (SELECT FROM {QUEUE} WHERE entrypoint = $1 AND status = 'picked'
               AND heartbeat < clock_timestamp() - {STALE} * interval '1 second') AS carried
"""  # noqa: S608
_WAIT_FOR_DISK: Final = "SELECT set_config('synchronous_commit', 'on', true)"
_EXPIRE: Final = "SELECT id FROM sms_outbox_message WHERE state = 'pending' AND expires <= now() LIMIT $1"
_LOCK_JOBS: Final = f"""
SELECT dedupe_key AS name FROM {QUEUE} WHERE dedupe_key = ANY($1::text[]) AND status = 'queued' FOR UPDATE SKIP LOCKED
"""  # noqa: S608
_SET_EXPIRED: Final = """
UPDATE sms_outbox_message SET state = 'expired', changed = now(), reason = 'its time to live has passed'
WHERE id = ANY($1::text[]) AND state = 'pending' AND expires <= now() RETURNING id
"""
# "+ interval": nothing but the index in this order must look good to a planner without statistics.
_NEXT: Final = f"""
SELECT entrypoint FROM {QUEUE}
WHERE status = 'queued' AND execute_after + interval '0' < now() AND left(entrypoint, 2) = '{PENDING}'
ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""  # noqa: S608
_JOIN: Final = """
WITH joined AS (
    UPDATE sms_outbox_message AS m
    SET state = 'sending', changed = now(), unit = $2, attempts = m.attempts + 1
    WHERE m.id = ANY($1::text[]) AND m.state = 'pending'
    RETURNING m.id, m.body, m.attempts, m.trace, extract(epoch FROM m.expires - now())::float8 AS lives
), ordered AS (
    SELECT joined.*, place FROM joined JOIN unnest($1::text[]) WITH ORDINALITY AS given (id, place) USING (id)
), made AS (
    INSERT INTO sms_outbox_unit (id, via, members)
    SELECT $2, $3, array_agg(id ORDER BY place) FROM ordered HAVING count(*) > 0
)
SELECT id, body, attempts, trace, lives, true AS open FROM ordered ORDER BY place
"""
_CARRY: Final = f"""
WITH beside AS (
    DELETE FROM {QUEUE} WHERE dedupe_key = ANY($1::text[]) AND dedupe_key <> $2 AND status IN ('queued', 'picked')
)
UPDATE {QUEUE}
SET heartbeat = clock_timestamp() + ($5 - {STALE}) * interval '1 second', payload = convert_to($3, 'UTF8'),
    entrypoint = $4, id = {CARRIER_ID}, dedupe_key = $3
WHERE dedupe_key = $2 AND status IN ('queued', 'picked')
"""  # noqa: S608
_HOLD: Final = f"""
UPDATE {QUEUE} AS job SET heartbeat = clock_timestamp() + ($3 - {STALE}) * interval '1 second'
FROM unnest($1::text[], $2::uuid[]) AS held (unit, token)
WHERE job.dedupe_key = held.unit AND job.status = 'picked' AND job.queue_manager_id = held.token
RETURNING job.queue_manager_id::text AS token
"""  # noqa: S608
_AGAIN: Final = """
UPDATE sms_outbox_unit SET attempts = attempts + 1 WHERE id = $1
RETURNING via, members, node, digest, attempts, began IS NOT NULL AS maybe,
    extract(epoch FROM now() - began)::float8 AS age, extract(epoch FROM now() - tried)::float8 AS idle
"""
_MEMBERS: Final = """
SELECT m.id, m.body, m.attempts, m.trace, m.state IN ('sending', 'ambiguous') AS open,
    extract(epoch FROM m.expires - now())::float8 AS lives
FROM sms_outbox_message AS m WHERE m.id = ANY($2::text[]) AND m.unit = $1
"""
_MINE: Final = f"""
SELECT id FROM {QUEUE} WHERE dedupe_key = $1 AND status = 'picked' AND queue_manager_id = $2::uuid FOR UPDATE
"""  # noqa: S608
_BEGIN: Final = f"""
WITH mine AS ({_MINE})
UPDATE sms_outbox_unit
SET began = coalesce(began, clock_timestamp()), tried = clock_timestamp(), node = coalesce($3, node),
    digest = coalesce(digest, $4)
WHERE id = $1 AND EXISTS (SELECT FROM mine) RETURNING id
"""  # noqa: S608
# What a push told meanwhile is known already, and outweighs what is refutable; the answer's ids are joined to it.
_SETTLE: Final = """
WITH r AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::integer[], $8::text[])
        AS r (id, state, crowd, ids, node, code, reason)
), locked AS (
    SELECT id FROM sms_outbox_message WHERE id = ANY($2::text[]) ORDER BY id FOR UPDATE
), written AS (
    UPDATE sms_outbox_message AS m
    SET state = CASE WHEN r.state <> 'accepted' AND (m.status IS NULL OR r.state <> ALL ($9::text[])) THEN r.state
                     WHEN m.ended THEN 'final' ELSE 'accepted' END, changed = now(),
        crowd = coalesce(r.crowd, m.crowd), code = r.code, reason = r.reason, node = coalesce(r.node, m.node),
        unit = CASE WHEN r.state = 'pending' AND m.status IS NULL THEN NULL ELSE m.unit END,
        message_ids = CASE WHEN r.ids = '' THEN m.message_ids ELSE m.message_ids || array(
            SELECT one FROM unnest(string_to_array(r.ids, ' ')) AS one WHERE one <> ALL (m.message_ids)) END
    FROM r JOIN locked ON locked.id = r.id WHERE m.id = r.id AND m.unit = $1 AND m.state IN ('sending', 'ambiguous')
    RETURNING m.id, m.n, m.state, m.crew, m.crowd, m.priority, r.ids
), kept AS (
    INSERT INTO sms_outbox_platform_id AS p (message_id, id)
    SELECT DISTINCT ON (one) one, id FROM written, unnest(string_to_array(nullif(ids, ''), ' ')) AS one ORDER BY one
    ON CONFLICT (message_id) DO UPDATE SET id = excluded.id WHERE p.id <> excluded.id
)
SELECT id, n, state, crew, crowd, priority FROM written
"""
_LEFT: Final = """
SELECT count(*) AS left FROM sms_outbox_message
WHERE id = ANY($2::text[]) AND unit = $1 AND state IN ('sending', 'ambiguous')
"""
_END: Final = "DELETE FROM sms_outbox_unit WHERE id = $1"


def entrypoint_of(group: str, crowd: int) -> str:
    """What may share a unit shares an entrypoint; who goes alone has the crowd of one."""
    return f"{PENDING}{crowd if group else 1} {group}"


def job_of(row: Row, *, delay: float = 0.0) -> Job:
    """The job of a message that waits, from its row."""
    return Job(
        name=row["id"],
        entrypoint=entrypoint_of(row["crew"], row["crowd"]),
        age=row["n"],
        priority=row["priority"],
        delay=delay,
    )


def carrier_of(via: str) -> str:
    """What the units of a protocol are claimed by."""
    return f"u {via}"


async def claim(connection: Connection, *, via: str, most: int, units: int, lease: float) -> list[Unit]:
    """See ``Store.claim``."""
    engine = Engine(connection)
    look = (await connection.fetch(_LOOK, carrier_of(via)))[0]
    if look["late"]:
        await connection.fetch(_WAIT_FOR_DISK)
        await expire(connection, engine)
    found: list[Unit] = []
    while look["carried"] and len(found) < units:
        token = uuid4()
        names = await engine.claim(carrier_of(via), 1, token)
        if not names:
            break
        unit = await _again(connection, engine, names[0], str(token))
        if unit is not None:
            found.append(unit)
    while len(found) < units:
        fresh = await _form(connection, engine, via=via, most=most, lease=lease)
        if fresh is None:
            break
        found.append(fresh)
    again = [unit for unit in found if unit.attempts > 1]
    if again:
        await connection.fetch(_HOLD, [unit.id for unit in again], [unit.token for unit in again], lease)
    return found


async def expire(connection: Connection, engine: Engine) -> None:
    """Whatever waited longer than it lives is not sent any more."""
    late = [row["id"] for row in await connection.fetch(_EXPIRE, _EXPIRED_AT_ONCE)]
    if late:
        locked = [row["name"] for row in await connection.fetch(_LOCK_JOBS, late)]
        gone = [row["id"] for row in await connection.fetch(_SET_EXPIRED, locked)]
        await engine.finish(gone, "canceled")


async def _again(connection: Connection, engine: Engine, name: str, token: str) -> Unit | None:
    """A unit whose check is due, or whose worker is gone."""
    rows = await connection.fetch(_AGAIN, name)
    if not rows:
        await engine.finish([name], "canceled")
        return None
    row = rows[0]
    known = {found["id"]: found for found in await connection.fetch(_MEMBERS, name, row["members"])}
    if not any(found["open"] for found in known.values()):
        # A push told of the last of them while nobody held the unit.
        await _end(connection, engine, name, "canceled")
        return None
    members = [_member(known[identity]) for identity in row["members"] if identity in known]
    return Unit(
        id=name,
        token=token,
        via=row["via"],
        members=tuple(members),
        maybe=row["maybe"],
        age=row["age"],
        idle=row["idle"],
        node=row["node"],
        digest=row["digest"],
        attempts=row["attempts"],
    )


def _member(row: Row) -> Member:
    return Member(
        id=row["id"],
        body=row["body"],
        open=row["open"],
        lives=row["lives"],
        attempts=row["attempts"],
        trace=row["trace"],
    )


async def _form(connection: Connection, engine: Engine, *, via: str, most: int, lease: float) -> Unit | None:
    """A new unit: the first message that is due, and others of its kind."""
    while rows := await connection.fetch(_NEXT):
        entrypoint: str = rows[0]["entrypoint"]
        token, name = uuid4(), str(uuid4())
        crowd = int(entrypoint.split(" ", 2)[1])
        names = await engine.claim(entrypoint, min(most, crowd), token)
        joined = await connection.fetch(_JOIN, names, name, via)
        order: list[str] = [row["id"] for row in joined]
        if len(order) < len(names):
            known = set(order)
            await engine.finish([stray for stray in names if stray not in known], "canceled")
        if not order:
            continue
        await connection.execute(_CARRY, order, order[0], name, carrier_of(via), lease)
        return Unit(id=name, token=str(token), via=via, members=tuple(map(_member, joined)))
    return None


async def begin(connection: Connection, *, unit: Unit, node: str | None, digest: bytes | None) -> bool:
    """See ``Store.begin``; one statement."""
    return bool(await connection.fetch(_BEGIN, unit.id, unit.token, node, digest))


async def renew(connection: Connection, *, units: Sequence[Unit], lease: float) -> frozenset[str]:
    """See ``Store.renew``; one statement."""
    rows = await connection.fetch(_HOLD, [unit.id for unit in units], [unit.token for unit in units], lease)
    return frozenset(row["token"] for row in rows)


async def settle(connection: Connection, *, unit: Unit, results: Sequence[Result]) -> bool:
    """See ``Store.settle``."""
    if not await connection.fetch(_MINE, unit.id, unit.token):
        return False
    engine = Engine(connection)
    if not results and await _never_began(connection, unit):
        results = [Result(id=member.id, state=State.PENDING) for member in unit.members if member.open]
    written = await _write(connection, unit, results) if results else {}
    again = _again_pending(written, results)
    names = [member.id for member in unit.members]
    is_whole = len(written) == len(names) and all(row["state"] not in _OPEN for row in written.values())
    left = 0 if is_whole else (await connection.fetch(_LEFT, unit.id, names))[0]["left"]
    await engine.add(again)
    if left:
        waits = [result.after for result in results if result.state is State.AMBIGUOUS]
        await engine.requeue(unit.id, delay=max(min(waits, default=0.0), 0.0))
    else:
        await _end(connection, engine, unit.id, "successful")
    return True


def _again_pending(written: Mapping[str, Row], results: Sequence[Result]) -> list[Job]:
    """The jobs of those that wait for another unit."""
    jobs: list[Job] = []
    for result in results:
        row = written.get(result.id)
        if row is not None and row["state"] == State.PENDING:
            jobs.append(job_of(row, delay=max(result.after, 0.0)))
    return jobs


async def _never_began(connection: Connection, unit: Unit) -> bool:
    rows = await connection.fetch("SELECT began FROM sms_outbox_unit WHERE id = $1", unit.id)
    return bool(rows) and rows[0]["began"] is None


async def _write(connection: Connection, unit: Unit, results: Sequence[Result]) -> dict[str, Row]:
    columns: list[list[Any]] = [
        [result.id for result in results],
        [result.state.value for result in results],
        [result.crowd for result in results],
        [" ".join(result.message_ids) for result in results],
        [result.node for result in results],
        [result.code for result in results],
        [result.reason for result in results],
        [state.value for state in REFUTABLE],
    ]
    return {row["id"]: row for row in await connection.fetch(_SETTLE, unit.id, *columns)}


async def _end(connection: Connection, engine: Engine, name: str, status: Literal["successful", "canceled"]) -> None:
    """Nobody of a unit is open: it goes, and its carrier."""
    await connection.execute(_END, name)
    await engine.finish([name], status)
