"""``list.php``: mailing lists (document, "Управление списками для рассылок")."""

from __future__ import annotations

from collections.abc import Mapping

from sms_traffic_async.sandbox.accounts import Account, Principal
from sms_traffic_async.sandbox.http_call import Answer, Call
from sms_traffic_async.sandbox.http_v1_answers import ok, reply, tag
from sms_traffic_async.sandbox.http_v1_order import Refused
from sms_traffic_async.sandbox.mailing_lists import MailingList
from sms_traffic_async.sandbox.numbers import check_number
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import refuse

__all__ = ("LIST_FIELDS", "list_reply")

LIST_FIELDS = frozenset({"login", "password", "operation", "member", "group_id"})
RECOMMENDED_MEMBERS = 5_000


def list_reply(call: Call, principal: Principal, fields: Mapping[str, str]) -> Answer:
    """Answer one operation of ``list.php``. Lists belong to the account, so departments share them.

    Raises:
        Refused: 403, 407, 413, and 425 to 430 for a number to add.
    """
    platform, account = call.platform, principal.account
    if call.operation == "lists":
        groups = "".join(_group(platform, one) for one in account.lists)
        return reply(f"{ok(f'total groups: {len(account.lists)}')}<groups>{groups}</groups>", platform.switches)
    found = _list(account, fields.get("group_id", ""))
    if call.operation == "list":
        return reply(_one(platform, found), platform.switches)
    return _change(call, found, fields)


def _list(account: Account, list_id: str) -> MailingList:
    known = account.lists.by_id(int(list_id)) if list_id.isascii() and list_id.isdigit() and len(list_id) < 11 else None
    if known is None:
        raise Refused(refuse(413, list_id[:40]))
    return known


def _change(call: Call, found: MailingList, fields: Mapping[str, str]) -> Answer:
    given = fields.get("member")
    if given is None:
        raise Refused(refuse(403))
    numbers = [one.strip() for one in given.split(",") if one.strip()]
    if not numbers:
        raise Refused(refuse(407))
    if len(numbers) > RECOMMENDED_MEMBERS:
        call.finding("member", f"has more than the recommended {RECOMMENDED_MEMBERS} numbers")
    if call.operation == "add_members":
        for number in numbers:
            refusal = check_number(number)
            if refusal is not None:
                raise Refused(refusal)
        found.members.update(dict.fromkeys(numbers))
    else:
        # The document removes a number of ten digits: whatever is given is taken.
        for number in numbers:
            found.members.pop(number, None)
    # Word for word what the document prints for removing too, and the count of what was given.
    return reply(ok(f"added or updated members: {len(numbers)}"), call.platform.switches)


def _one(platform: Platform, found: MailingList) -> str:
    form = platform.switches.list_status
    group = _group(platform, found)
    if form == "groups":
        return f"{ok('total groups: 1')}<groups>{group}</groups>"
    if form == "group":
        return ok("total groups: 1") + group
    members = "".join(tag("member", number) for number in found.members)
    return f"{ok(f'total members: {len(found.members)}')}{group}<members>{members}</members>"


def _group(platform: Platform, one: MailingList) -> str:
    created = f"{platform.clock.datetime(one.created):%Y-%m-%d %H:%M:%S}"
    content = tag("id", str(one.id)) + tag("name", one.name) + tag("created", created)
    return f"<group>{content}{tag('congratulate', str(one.congratulate))}</group>"
