"""Which entry of an answer belongs to which message of the batch. Pure.

By label, never by phone alone: the platform answers a Moscow 495 number under
its federal one. Where one label was given to several messages, their entries
are told apart by the numbers if those are plain, else by order. Whatever does
not add up (missing, twice, under a foreign label) belongs to nobody: then the
message has to be looked up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sms_traffic_async.protocols.http_v2.batch import Labelled
from sms_traffic_async.protocols.http_v2.models import SentDestination

__all__ = ("match",)


def match(members: Sequence[Labelled], rows: Sequence[SentDestination]) -> list[SentDestination | None]:
    """For each member its entry, or ``None``."""
    if len(members) == 1 and len(rows) == 1 and rows[0].tracking_data in {members[0].label, None}:
        return [rows[0]]
    labels = [member.label for member in members]
    if labels == [row.tracking_data for row in rows] and len(set(labels)) == len(labels):
        return list(rows)  # the usual answer: every label once, in order
    by_label: defaultdict[str | None, list[SentDestination]] = defaultdict(list)
    for row in rows:
        by_label[row.tracking_data].append(row)
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for index, member in enumerate(members):
        wanted[member.label].append(index)
    found: list[SentDestination | None] = [None] * len(members)
    for label, indexes in wanted.items():
        mine = by_label.get(label, [])
        if len(mine) != len(indexes):
            continue
        phones = {row.phone: row for row in mine}
        if len(phones) == len(mine) and all(members[index].to in phones for index in indexes):
            mine = [phones[members[index].to] for index in indexes]
        for index, row in zip(indexes, mine, strict=True):
            found[index] = row
    return found
