"""The words of SMPP, and that none of them is a closed list."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from aiosmpplib import state

from sms_traffic_async.protocols.smpp import vocabulary
from sms_traffic_async.protocols.smpp.vocabulary import (
    NPI,
    TON,
    BindMode,
    Command,
    CommandStatus,
    DataCoding,
    EsmClass,
    Role,
    Tag,
)


@pytest.mark.parametrize(
    "ours, theirs",
    [(Command, state.SmppCommand), (CommandStatus, state.SmppCommandStatus), (TON, state.TON), (NPI, state.NPI)],
)
def test_every_name_of_the_vocabulary_is_taken_over(ours: type[Command], theirs: type[Command]) -> None:
    def values(kind: type[Command]) -> dict[str, int]:
        return {name: int(value) for name, value in kind.__members__.items()}

    assert values(ours) == values(theirs)


def test_every_tag_is_taken_over() -> None:
    theirs = {
        name: value
        for name, value in vars(state).items()
        if name.isupper() and isinstance(value, int) and not name.startswith("DLR_") and len(name) > 3
    }
    assert {name: int(value) for name, value in Tag.__members__.items()} == theirs
    document = [Tag.RECEIPTED_MESSAGE_ID, Tag.NETWORK_ERROR_CODE, Tag.MESSAGE_STATE]
    assert [int(tag) for tag in document] == [0x001E, 0x0423, 0x0427]


def test_the_statuses_of_the_document_have_its_numbers() -> None:
    assert [
        CommandStatus.ESME_RALYBND, CommandStatus.ESME_RINVSRCADR, CommandStatus.ESME_RINVDSTADR,
        CommandStatus.ESME_RBINDFAIL, CommandStatus.ESME_RINVPASWD, CommandStatus.ESME_RTHROTTLED,
    ] == [0x05, 0x0A, 0x0B, 0x0D, 0x0E, 0x58]  # fmt: skip


@pytest.mark.parametrize("kind", [Command, CommandStatus, Tag, TON, NPI, DataCoding])
@pytest.mark.parametrize("number", [0x400, 0xDEADBEEF, 0xFFFFFFFF])
def test_an_unlisted_number_is_kept(kind: type[Command], number: int) -> None:
    made = kind(number)
    assert made == number
    assert hash(made) == hash(number)
    assert not made.known
    assert made.name == f"0x{number:X}"
    assert made.name in repr(made)
    assert number not in kind.__members__.values()
    assert pickle.loads(pickle.dumps(made)) == number  # noqa: S301 - its own dump
    assert copy.deepcopy(made) == number


@pytest.mark.parametrize("number", [-1, 2**32, "5", None, 2.5])
def test_what_no_header_can_hold_is_refused(number: Any) -> None:
    with pytest.raises(ValueError, match="not a valid Command"):
        Command(number)


def test_a_thousand_unlisted_numbers_leave_nothing_behind() -> None:
    before = len(CommandStatus._value2member_map_)
    for number in range(0x1000, 0x1400):
        CommandStatus(number)
    assert len(CommandStatus._value2member_map_) == before


@pytest.mark.parametrize(
    "number, words",
    [
        (0x00, "Success"),
        (0x14, "Message Queue Full"),
        (0x58, "Throttling error (ESME has exceeded allowed message limits)"),
        (0xC0, "Error in the optional part of the PDU Body"),
        (0x400, "Vendor-specific status 0x00000400"),
        (0x4FF, "Vendor-specific status 0x000004FF"),
        (0x500, "Status 0x00000500, which SMPP 3.4 does not define"),
        (0x09, "Status 0x00000009, which SMPP 3.4 does not define"),
    ],
)
def test_every_status_has_words(number: int, words: str) -> None:
    assert CommandStatus(number).meaning == words


def test_requests_and_responses_find_each_other() -> None:
    assert Command.SUBMIT_SM.response is Command.SUBMIT_SM_RESP
    assert Command.SUBMIT_SM_RESP.response is Command.SUBMIT_SM_RESP
    assert Command(0x999).response == 0x80000999


def test_bind_modes() -> None:
    assert [mode.command for mode in BindMode] == [0x02, 0x01, 0x09]
    assert [BindMode.of(mode.command | 0x80000000) for mode in BindMode] == list(BindMode)
    assert [(mode.submits, mode.receives) for mode in BindMode] == [(True, False), (False, True), (True, True)]
    with pytest.raises(KeyError):
        BindMode.of(Command.SUBMIT_SM)


def test_roles_and_bits() -> None:
    assert Role.ESME.peer is Role.SMSC
    assert Role.SMSC.peer is Role.ESME
    assert EsmClass.UDHI | 0x08 == 0x48


def test_the_codings_are_theirs() -> None:
    assert {int(coding) for coding in DataCoding} == {int(coding) for coding in state.SmppDataCoding}


def test_nothing_else_imports_the_vocabularys_source() -> None:
    package = Path(vocabulary.__file__).parents[2]
    sources = {path.name: path.read_text(encoding="utf-8").splitlines() for path in package.rglob("*.py")}
    importing = ("from aiosmpplib", "import aiosmpplib")
    assert [name for name, lines in sources.items() if any(line.lstrip().startswith(importing) for line in lines)] == [
        "vocabulary.py"
    ]
