"""Statuses and delivery errors: the document's tables, open ends, and the order of statuses."""

import copy
import itertools
import json
import pickle
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sms_traffic_async
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus, receipt_state, supersedes

S = MessageStatus
ROOT = Path(sms_traffic_async.__file__).parents[1]

# Document 2.3, "Справка по статусам СМС сообщений": the API's word, the cabinet's word, final or not, reasons given.
DOCUMENT = [
    ("", "Нет данных", False, 0),
    ("Buffered SMSC", "Доставляется", False, 3),
    ("Delivered", "Доставлено", True, 0),
    ("Non Delivered", "Не доставлено", True, 3),
    ("Rejected", "Отказ в передаче", True, 4),
    ("Expired", "Просрочено", True, 3),
    ("Deleted", "Удалено", True, 3),
    ("Unknown status", "Неизвестный статус", True, 2),
    ("Clicked", "Клик", True, 0),
    ("Checked", "Проверено", True, 0),
    ("Read", "Прочитано", True, 0),
]
# Met in production, outside the document.
EXTRA = [("Acceptd", False), ("Lost Notification", True)]
UNLISTED = ["Paused", "NOT_ROUTED", "message is spam", "é" * 300]

# Document 2.3, "Список кодов ошибок в поле err отчёта о доставке".
ERRORS = """\
1	The subscriber is absent or out of a coverage	Абонент недоступен или отключен.
2	Call barred service activated	У абонента включен запрет на прием сообщений или абонента заблокировал оператор (возможно, в связи с отрицательным балансом).
3	Unknown subscriber	Номер телефона не существует или не обслуживается.
4	Memory capacity exceeded	Память телефона абонента переполнена.
5	Equipment protocol error	Аппаратная ошибка телефона абонента.
6	Teleservice not provisioned	Сервис коротких сообщений не предоставляется.
7	Facility not supported	Аппарат абонента не поддерживает прием коротких сообщений.
8	Subscriber is busy	Аппарат абонента занят операцией, препятствующей получению короткого сообщения.
9	Roaming restrictions	Абонент находится в роуминге.
10	Timeout	Время ожидания ответа от SMSC абонента истекло.
11	SS7 routing error	Внутренняя ошибка маршрутизации.
12	Internal system failure	Внутренняя ошибка системы.
13	SMSC failure	Ошибка коммутатора (внутренняя ошибка передачи данных).
14	Illegal subscriber	Блокировка оператором или незарегистрированный пользователь.
15	Message queue full	Очередь сообщений для абонента со стороны оператора переполнена.
16	Invalid source address	Некорректное имя отправителя
17	Unroutable direction	Сообщение не маршрутизируемо.
"""  # noqa: E501 - as printed


@pytest.mark.parametrize("word,label,final,reasons", DOCUMENT)
def test_the_documents_statuses(word: str, label: str, final: bool, reasons: int) -> None:
    status = S.read(word)
    assert status == word
    assert status.known
    assert status.label_ru == label
    assert status.is_final is final
    assert len(status.reasons) == len(status.reasons_ru) == reasons
    assert status.meaning.isascii()
    assert not status.meaning_ru.isascii()


@pytest.mark.parametrize("word,final", EXTRA)
def test_statuses_met_in_production(word: str, final: bool) -> None:
    status = S.read(word)
    assert status.known
    assert status.is_final is final
    assert "document" in status.meaning
    assert status.label_ru == word  # the cabinet's word is not known


def test_there_are_no_other_members() -> None:
    assert {str(status) for status in S} == {row[0] for row in DOCUMENT} | {row[0] for row in EXTRA}


def test_delivered_means_these_four() -> None:
    assert {status for status in S if status.is_delivered} == {"Delivered", "Read", "Clicked", "Checked"}
    assert [status for status in S if status.may_be_upgraded] == [S.DELIVERED]


@pytest.mark.parametrize(
    "raw,status",
    [
        (None, S.PENDING),
        ("", S.PENDING),
        (" \n\t", S.PENDING),
        ("delivered", S.DELIVERED),
        ("DELIVERED", S.DELIVERED),
        (" Delivered\n", S.DELIVERED),
        ("buffered   smsc", S.BUFFERED),
        ("Buffered\n      SMSC", S.BUFFERED),
        ("LOST_NOTIFICATION", S.LOST_NOTIFICATION),
        ("Non delivered", S.NON_DELIVERED),
        ("unknown Status", S.UNKNOWN),
    ],
)
def test_reading_does_not_mind_case_and_white_space(raw: str | None, status: MessageStatus) -> None:
    assert S.read(raw) is status


@pytest.mark.parametrize("word", UNLISTED)
def test_an_unlisted_word_is_kept(word: str) -> None:
    status = S.read(f"  {word} ")
    assert isinstance(status, MessageStatus)
    assert status == word
    assert not status.known
    assert not status.is_final
    assert not status.is_delivered
    assert not status.may_be_upgraded
    assert status.label_ru == word
    assert status.meaning
    assert status.meaning_ru
    assert status.reasons == status.reasons_ru == ()
    assert S(word) == status
    assert status.name == "UNLISTED"


def test_a_peer_cannot_make_the_class_grow() -> None:
    before = len(S), len(S.__members__), len(S._value2member_map_)
    for number in range(1000):
        S.read(f"made up {number}")
        DeliveryErrorCode.read(1000 + number)
    assert (len(S), len(S.__members__), len(S._value2member_map_)) == before
    assert len(DeliveryErrorCode._value2member_map_) == 18


@pytest.mark.parametrize("word", ["Delivered", "", "Paused"])
def test_a_status_is_its_string(word: str) -> None:
    status = S.read(word)
    assert status == word
    assert hash(status) == hash(word)
    assert {word: 1}[status] == 1
    assert {status: 1}[S.read(word)] == 1
    assert str(status) == f"{status}" == word
    assert json.dumps([status]) == json.dumps([word])
    assert status != "another"


@pytest.mark.parametrize("status", [S.DELIVERED, S.PENDING, S.read("Paused")])
def test_a_status_survives_copies(status: MessageStatus) -> None:
    for again in (pickle.loads(pickle.dumps(status)), copy.copy(status), copy.deepcopy(status)):  # noqa: S301
        assert again == status
        assert type(again) is MessageStatus
        assert again.known is status.known


@given(st.none() | st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.text()) | st.booleans())
def test_reading_never_raises(raw: object) -> None:
    status = S.read(raw)
    assert isinstance(status, MessageStatus)
    assert status.rank in range(6)
    if not status.known:
        assert status == (raw if isinstance(raw, str) else str(raw)).strip()


@pytest.mark.parametrize("bad", [3, None, b"Delivered"])
def test_the_constructor_itself_takes_strings_only(bad: object) -> None:
    with pytest.raises(ValueError, match="not a valid MessageStatus"):
        S(bad)  # type: ignore[arg-type] # the point of the test


# The order of statuses. "?" stands for a word that is not listed.
NONFINAL = ["", "Acceptd", "Buffered SMSC", "Paused"]
FINAL = ["Non Delivered", "Rejected", "Expired", "Deleted", "Unknown status", "Lost Notification"]
MORE = ["Clicked", "Read", "Checked"]


@pytest.mark.parametrize("old,new", list(itertools.combinations(NONFINAL, 2)))
def test_what_is_under_way_goes_forward_only(old: str, new: str) -> None:
    assert supersedes(S(old), S(new))
    assert not supersedes(S(new), S(old))


@pytest.mark.parametrize("old,new", list(itertools.product(NONFINAL, [*FINAL, "Delivered", *MORE])))
def test_a_final_follows_what_is_not_and_is_never_taken_back(old: str, new: str) -> None:
    assert supersedes(S(old), S(new))
    assert not supersedes(S(new), S(old))


@pytest.mark.parametrize("old,new", list(itertools.permutations([*FINAL, "Delivered"], 2)))
def test_a_conflicting_final_changes_nothing(old: str, new: str) -> None:
    assert not supersedes(S(old), S(new))


@pytest.mark.parametrize("more", MORE)
def test_only_delivered_is_upgraded(more: str) -> None:
    assert supersedes(S.DELIVERED, S(more))
    assert not supersedes(S(more), S.DELIVERED)
    for final in FINAL:
        assert not supersedes(S(final), S(more))
        assert not supersedes(S(more), S(final))
    for other in MORE:
        assert not supersedes(S(more), S(other))


@pytest.mark.parametrize("word", [*NONFINAL, *FINAL, "Delivered", *MORE])
def test_a_repeat_changes_nothing_and_the_first_word_counts(word: str) -> None:
    assert not supersedes(S(word), S(word))
    assert supersedes(None, S(word))


@given(st.lists(st.sampled_from([*NONFINAL, *FINAL, "Delivered", *MORE]), min_size=1))
def test_any_order_of_reports_ends_in_one_place(words: list[str]) -> None:
    def fold(reports: list[str]) -> MessageStatus:
        record: MessageStatus | None = None
        steps = 0
        for word in reports:
            if supersedes(record, S(word)):
                assert record is None or record.rank < S(word).rank
                record, steps = S(word), steps + 1
        assert record is not None
        assert steps <= 6
        return record

    last = fold(words)
    assert last.is_final is any(S(word).is_final for word in words)
    # What is known cannot be shaken by hearing it all again, backwards.
    assert fold([*words, *reversed(words)]).is_final is last.is_final


# SMPP 3.4, 5.2.28 and appendix B; the platform's words for them as the project decided.
RECEIPTS = [
    (1, "ENROUTE", "Buffered SMSC"),
    (2, "DELIVRD", "Delivered"),
    (3, "EXPIRED", "Expired"),
    (4, "DELETED", "Deleted"),
    (5, "UNDELIV", "Non Delivered"),
    (6, "ACCEPTD", "Buffered SMSC"),
    (7, "UNKNOWN", "Unknown status"),
    (8, "REJECTD", "Rejected"),
]


@pytest.mark.parametrize("number,word,status", RECEIPTS)
def test_receipt_states(number: int, word: str, status: str) -> None:
    assert S.from_receipt(number) is S(status)
    assert S.from_receipt(word) is S(status)
    assert S.from_receipt(f" {word.lower()} ") is S(status)


@pytest.mark.parametrize(
    "state,status",
    [
        (None, ""),
        ("", ""),
        (0, ""),
        ("SCHEDULED", ""),
        (9, "SKIPPED"),
        (10, "message_state 10"),
        (-1, "message_state -1"),
        ("DELIVERED", "Delivered"),
        ("UNDELIVERABLE", "Non Delivered"),
        ("ACCEPTED", "Buffered SMSC"),
        ("Rejected", "Rejected"),
        ("FAILED", "FAILED"),
        ("x" * 500, "x" * 500),
    ],
)
def test_other_receipt_states_are_understood_or_kept(state: int | str | None, status: str) -> None:
    assert S.from_receipt(state) == status


@pytest.mark.parametrize("status", list(S))
def test_receipts_of_an_smsc_are_read_as_what_they_say(status: MessageStatus) -> None:
    number, word = receipt_state(status)
    assert len(word) == 7
    assert S.from_receipt(number) is S.from_receipt(word)
    if status.is_delivered:
        assert S.from_receipt(word) is S.DELIVERED
    else:
        assert S.from_receipt(word).is_final is status.is_final


def test_an_unlisted_status_is_reported_as_unknown() -> None:
    assert receipt_state(S.read("Paused")) == (7, "UNKNOWN")


@pytest.mark.parametrize("line", ERRORS.splitlines())
def test_the_documents_delivery_errors(line: str) -> None:
    number, english, russian = line.split("\t")
    code = DeliveryErrorCode.read(number)
    assert code is not None
    assert code == int(number)
    assert code.known
    assert (code.meaning, code.meaning_ru) == (english, russian)


def test_zero_is_no_error() -> None:
    assert DeliveryErrorCode.read(0) is DeliveryErrorCode.NONE
    assert not DeliveryErrorCode.NONE
    assert DeliveryErrorCode.NONE.known
    assert len(DeliveryErrorCode) == 18


@pytest.mark.parametrize(
    "raw,code", [("003", 3), (3, 3), (" 17 ", 17), ("0", 0), ("000", 0), (432, 432), (65535, 65535)]
)
def test_reading_a_delivery_error(raw: object, code: int) -> None:
    assert DeliveryErrorCode.read(raw) == code


@pytest.mark.parametrize(
    "raw", ["", " ", None, "00A", "0x3", "-1", -1, "3.0", 3.0, True, "٣", "9" * 10, "9" * 5000, 10**9, [], {}]
)
def test_what_is_no_number_is_none(raw: object) -> None:
    assert DeliveryErrorCode.read(raw) is None


@pytest.mark.parametrize("number", [18, 432, 2**31])
def test_an_unlisted_delivery_error_is_kept(number: int) -> None:
    code = DeliveryErrorCode(number)
    assert code == number
    assert hash(code) == hash(number)
    assert not code.known
    assert str(number) in code.meaning
    assert str(number) in code.meaning_ru
    assert pickle.loads(pickle.dumps(code)) == code  # noqa: S301


def test_a_delivery_error_is_made_of_a_number_only() -> None:
    for bad in ("3", None, 3.5):
        with pytest.raises(ValueError, match="not a valid DeliveryErrorCode"):
            DeliveryErrorCode(bad)  # type: ignore[arg-type] # the point of the test


@given(st.none() | st.text() | st.integers() | st.floats() | st.binary() | st.booleans())
def test_reading_a_delivery_error_never_raises(raw: object) -> None:
    code = DeliveryErrorCode.read(raw)
    assert code is None or code >= 0


def test_meanings_are_loaded_only_when_asked_for() -> None:
    code = (
        "import sys; from sms_traffic_async.statuses import MessageStatus; name = 'sms_traffic_async.meanings';"
        "MessageStatus.read('Delivered').is_final; assert name not in sys.modules;"
        "MessageStatus.DELIVERED.meaning; assert name in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_page_of_codes_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "_generate_codes.py"))
    assert (ROOT / "docs" / "codes.md").read_text(encoding="utf-8") == made["render"](), "run docs/_generate_codes.py"
