"""Units of an outbox in a SQLite file: how they are formed, claimed, and let go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sms_traffic_async.outbox.sqlite_rows import keep_ids
from sms_traffic_async.outbox.store import REFUTABLE, Member, Result, State, Unit

__all__ = ("claim", "hold_on", "let_go", "pull_back")

LOOK: Final = 5_000
"""Messages that are looked at for the members of one unit."""
JUMP: Final = 1.0
"""A clock that goes back by less is being adjusted, and catches up by itself."""


def pull_back(connection: sqlite3.Connection, now: float) -> None:
    """Note the time. Where the clock was set back, every moment in the file is moved with it.

    Otherwise what was to be tried again in 5 seconds would wait until the clock is where it was, and a one-time code
    would live for longer by as much. What the caller gave as a date is moved too: nobody can tell them apart here.
    """
    seen = connection.execute("SELECT at FROM seen").fetchone()
    if seen is None:
        connection.execute("INSERT INTO seen VALUES (?)", (now,))
        return
    back = seen[0] - now
    if back > JUMP:
        connection.execute("UPDATE message SET due = max(due - ?, 1) WHERE state = 'pending' AND due > 0", (back,))
        connection.execute("UPDATE message SET expires = expires - ? WHERE expires IS NOT NULL", (back,))
        connection.execute("UPDATE unit SET lease = lease - ?, first = first - ?, last = last - ?", (back,) * 3)
        connection.execute("UPDATE message SET changed = changed - ?", (back,))
    if back > JUMP or back < 0:
        connection.execute("UPDATE seen SET at = ?", (now,))


def hold_on(connection: sqlite3.Connection, leap: float) -> None:
    """Where the clock leapt forward (was set, or the machine slept), whoever holds a unit holds it as long as before.

    Else a worker would take what it is sending itself for what a dead one left. The file has no other process.
    """
    if leap > JUMP:
        connection.execute("UPDATE unit SET lease = lease + ? WHERE token IS NOT NULL", (leap,))


def claim(
    connection: sqlite3.Connection,
    now: float,
    *,
    via: str,
    most: int,
    lease: float,
    tokens: Sequence[str],
    ids: Sequence[str],
) -> list[Unit]:
    """See ``Store.claim``; as many units as there are tokens, new ones under these ids."""
    connection.execute(
        "UPDATE message INDEXED BY message_later SET due = 0 WHERE state = 'pending' AND due > 0 AND due <= ?", (now,)
    )
    connection.execute(
        "UPDATE message INDEXED BY message_expires SET state = 'expired', changed = ?, "
        "reason = 'its time to live has passed' "
        "WHERE state = 'pending' AND expires IS NOT NULL AND expires <= ?",
        (now, now),
    )
    found: list[Unit] = []
    for (unit,) in connection.execute(
        "SELECT id FROM unit WHERE lease <= ? AND via = ? ORDER BY lease LIMIT ?", (now, via, len(tokens))
    ).fetchall():
        made = _take(connection, unit, tokens[len(found)], now, lease)
        if made is not None:
            found.append(made)
    names = iter(ids)
    while len(found) < len(tokens) and _form(connection, name := next(names), via, most):
        made = _take(connection, name, tokens[len(found)], now, lease)
        assert made is not None  # noqa: S101 - formed just now
        found.append(made)
    return found


def _form(connection: sqlite3.Connection, unit: str, via: str, most: int) -> bool:
    first = connection.execute(
        "SELECT n, grp, crowd FROM message INDEXED BY message_ready WHERE state = 'pending' AND due = 0 "
        "ORDER BY priority DESC, n LIMIT 1"
    ).fetchone()
    if first is None:
        return False
    n, group, crowd = first
    picked = [(n,)]
    most = min(most, crowd)
    if group and most > 1:
        picked = connection.execute(
            "SELECT n FROM (SELECT n, grp, crowd FROM message INDEXED BY message_ready "
            "WHERE state = 'pending' AND due = 0 ORDER BY priority DESC, n LIMIT ?) "
            "WHERE grp = ? AND crowd = ? LIMIT ?",
            (LOOK, group, crowd, most),
        ).fetchall()
    connection.execute("INSERT INTO unit VALUES (?, NULL, ?, 0, NULL, NULL, NULL, NULL, 0)", (unit, via))
    connection.executemany(
        "UPDATE message SET state = 'sending', unit = ?, place = ?, attempts = attempts + 1 WHERE n = ?",
        [(unit, place, n) for place, (n,) in enumerate(picked)],
    )
    return True


def _take(connection: sqlite3.Connection, unit: str, token: str, now: float, lease: float) -> Unit | None:
    members = list(_members(connection, unit, now))
    if not any(member.open for member in members):
        # Somebody found out meanwhile: a push, or resolve().
        connection.execute("DELETE FROM unit WHERE id = ?", (unit,))
        return None
    row = connection.execute(
        "UPDATE unit SET token = ?, lease = ?, attempts = attempts + 1 WHERE id = ? "
        "RETURNING via, first, last, node, digest, attempts",
        (token, now + lease, unit),
    ).fetchone()
    via, first, last, node, digest, attempts = row
    return Unit(
        id=unit,
        token=token,
        via=via,
        members=tuple(members),
        maybe=first is not None,
        age=None if first is None else max(0.0, now - first),
        idle=None if last is None else max(0.0, now - last),
        node=node,
        digest=digest,
        attempts=attempts,
    )


def _members(connection: sqlite3.Connection, unit: str, now: float) -> Iterator[Member]:
    for id_, body, state, expires, attempts, trace in connection.execute(
        "SELECT id, body, state, expires, attempts, trace FROM message WHERE unit = ? ORDER BY place", (unit,)
    ):
        yield Member(
            id=id_,
            body=body,
            open=state in {State.SENDING, State.AMBIGUOUS},
            lives=None if expires is None else expires - now,
            attempts=attempts,
            trace=trace,
        )


def let_go(connection: sqlite3.Connection, unit: Unit, results: Sequence[Result], now: float) -> bool:
    """See ``Store.settle``."""
    row = connection.execute("SELECT first FROM unit WHERE id = ? AND token = ?", (unit.id, unit.token)).fetchone()
    if row is None:
        return False
    if not results and row[0] is None:
        results = [Result(id=member.id, state=State.PENDING) for member in unit.members if member.open]
    again: list[float] = []
    for result in results:
        _settle(connection, unit.id, result, now)
        if result.state is State.AMBIGUOUS:
            again.append(result.after)
    left = connection.execute(
        "SELECT count(*) FROM message WHERE unit = ? AND state IN ('sending', 'ambiguous')", (unit.id,)
    ).fetchone()[0]
    if left:
        lease = now + min(again, default=0.0)
        connection.execute("UPDATE unit SET token = NULL, lease = ? WHERE id = ?", (lease, unit.id))
    else:
        connection.execute("DELETE FROM unit WHERE id = ?", (unit.id,))
    return True


def _settle(connection: sqlite3.Connection, unit: str, result: Result, now: float) -> None:
    found = connection.execute(
        "SELECT n, ended, status FROM message WHERE id = ? AND unit = ? AND state IN ('sending', 'ambiguous')",
        (result.id, unit),
    ).fetchone()
    if found is None:
        return
    n, ended, heard = found
    state = State.ACCEPTED if heard is not None and result.state in REFUTABLE else result.state
    if state is State.PENDING:
        due = now + result.after if result.after > 0 else 0.0
        changes: dict[str, Any] = {"state": "pending", "due": due, "unit": None, "place": None}
    else:
        state = State.FINAL if ended and state is State.ACCEPTED else state
        changes = {"state": state.value}
    if result.crowd is not None:
        changes["crowd"] = result.crowd
    changes |= {"changed": now, "code": result.code, "reason": result.reason}
    if result.node is not None:
        changes["node"] = result.node
    sets = ", ".join(f"{name} = ?" for name in changes)
    connection.execute(f"UPDATE message SET {sets} WHERE n = ?", (*changes.values(), n))  # noqa: S608 - names above
    keep_ids(connection, n, result.message_ids)
