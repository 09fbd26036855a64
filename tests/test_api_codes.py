"""API error codes: the document's table, the class of each, and what becomes of the platform's words."""

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async import errors
from sms_traffic_async.api_code_table import DOCUMENTED, UNDOCUMENTED
from sms_traffic_async.api_codes import API_CODES, ApiCode, _build, describe, error_for, refusal_for, safe_description
from sms_traffic_async.errors import (
    AuthenticationFailed,
    DuplicateRequest,
    InsufficientFunds,
    InvalidOriginator,
    InvalidRecipient,
    Outcome,
    PermissionDenied,
    RateLimited,
    Rejected,
    RequestRefused,
    TemporarilyUnavailable,
)
from sms_traffic_async.protocols.http_v2.failures import WORDING
from tests.support.exposure import pickled, shown

# Document 2.3, "Коды ошибок API"; quoted examples of values are "…".
DOCUMENT = """\
103	Пустое поле destinations
104	Значение trackingData слишком длинное
105	Запрос не был принят по ограничению restrictiveId
106	Значение restrictiveId слишком длинное
401	Не указан логин
402	Не указан пароль
403	Не указаны номера телефонов
404	Несовместимые параметры запроса
405	Не указан текст сообщения
407	Не указан ни один телефон
408	Неподдерживаемый тип сообщения: "…"
409	Не указан udh
410	Нельзя использовать параметр max_parts: автоматическая разбивка бинарных сообщений не поддерживается.
411	Неверный логин или пароль
412	Неверный IP
413	Такой группы не существует: "…"
414	В группе нет ни одного телефона
415	Недостаточно средств
416	Неверный формат даты начала рассылки: "…".
417	Дата начала рассылки "…" находится в прошлом.
418	Идентификаторы не предоставляются для отложенных сообщений.
419	Вам не разрешено использовать данный маршрут.
420	Сообщение "…" слишком длинное.
421	Имя отправителя слишком длинное
422	Не указан телефон в строке "…": "…".
423	Пустое сообщение для телефона "…".
424	Сообщение "…" для телефона "…" слишком длинное.
425	Номер телефона "…" слишком короткий. Ни одно сообщение не было отправлено.
426	Номер телефона "…" слишком длинный. Ни одно сообщение не было отправлено.
427	"…": неверная длина номера телефона. Ни одно сообщение не было отправлено.
428	"…": неверный формат номера телефона. Ни одно сообщение не было отправлено.
429	"…": неподдерживаемый оператор. Ни одно сообщение не было отправлено.
430	"…": неверный номер телефона. Ни одно сообщение не было отправлено.
431	Телефон "…" не подписан на рассылку. Ни одно сообщение не было отправлено.
432	Заблокированный номер телефона: "…". Ни одно сообщение не было отправлено.
433	Не указан параметр sms_id.
434	Такого сообщения нет или оно вам не принадлежит.
435	Невозможно отменить сообщение "…".
436	Отправитель "…" запрещен.
437	Сообщение превышает 160 символов после транслитерации "…".
438	В сообщении найден шаблон, но не задана ни одна группа.
439	Вы не можете отправлять SMS-сообщения через HTTP.
440	Параметр "phones" не задан или задан некорректно.
441	Неверный формат файла параметров.
442	Неверное число параметров.
501	Время окончания рассылки в прошлом.
502	Время начала рассылки больше времени окончания рассылки.
503	Время старта продолжения рассылки должно быть раньше времени приостановки рассылки.
504	Невозможно создание рассылки с отложенным более чем на 30 дней стартом.
1000	Временные проблемы на сервере.
"""

# Document 1.85, English edition, pages 22-23; 401 as the examples of 2.3 and live replies have it.
ENGLISH = """\
401	login param is missing
402	password parameter is missing
403	phones parameter is missing
404	Incompatible parameters
405	message parameter is missing
406	Wap push message is too long
407	phones parameter is empty
408	Unsupported message type: "…"
409	Missing UDH
410	max_parts cannot be specified
411	Authentication failed
412	Wrong IP
413	No such group: "…"
414	Group is empty
415	Not enough funds to complete the operation
416	Invalid start_date format: "…"
417	start date "…" is in the past
418	SMS ids could not be provided for scheduled messages
419	You are not allowed to use this route
420	Message "…" is too long
421	originator parameter is too long
422	Phone is missing in line "…": "…"
423	Message for phone "…" is empty
424	Message "…" for phone "…" is too long
425	Phone "…" is too short. No messages has been sent
426	Phone "…" is too long. No messages has been sent
427	"…": wrong phone length. No messages has been sent
428	"…": wrong phone format. No messages has been sent
429	"…": unsupported phone. No messages has been sent
430	"…": invalid phone. No messages has been sent
431	No open subscriptions for +"…". No messages has been sent
432	Blocked phone: "…". No messages has been sent
433	sms_id parameter is missing
434	No such message or this message does not belong to you
435	Can't cancel message "…"
436	Originator "…" is forbidden
437	The message is longer than 160 characters after transliteration "…"
438	Template found in message, but group is not set
439	You can't send SMS by HTTP
440	"phones" parameter is not set or set incorrectly
441	File format with parametes is wrong
442	Wrong number of parameters
501	End date of message sending is in the past
502	Start date "…" is later than end date "…"
1000	Temporary error
105	Duplicated request
"""

CLASSES: dict[type[Rejected], set[int]] = {
    AuthenticationFailed: {401, 402, 411, 412},
    PermissionDenied: {419, 439},
    InsufficientFunds: {415},
    InvalidRecipient: {403, 407, 422, *range(425, 433), 440},
    InvalidOriginator: {421, 436, 443},
    TemporarilyUnavailable: {1000},
    DuplicateRequest: {105},
}


def send_error(code: int, description: str = "", *, operation: str = "v2.send", restrictive: bool = True) -> Rejected:
    return error_for(
        code,
        description,
        operation=operation,
        node="api.smstraffic.ru",
        message_key="m-1",
        on_send=True,
        has_restrictive_id=restrictive,
    )


@pytest.mark.parametrize("line", DOCUMENT.splitlines())
def test_the_documents_table(line: str) -> None:
    number, russian = line.split("\t")
    entry = describe(int(number))
    assert entry.code == int(number)
    assert entry.documented
    assert entry.meaning_ru == russian
    assert entry.meaning
    assert entry.meaning.isascii()
    assert entry.advice.endswith(".")
    assert entry.platform_text


def test_nothing_else_claims_to_be_documented() -> None:
    listed = {int(line.split("\t")[0]) for line in DOCUMENT.splitlines()}
    assert {entry.code for entry in API_CODES.values() if entry.documented} == listed
    assert {entry.code for entry in API_CODES.values() if not entry.documented} == {
        1, 406, 443, 505, 601, 602, 701, 702, 703, 704, 705,
    }  # fmt: skip


@pytest.mark.parametrize("line", ENGLISH.splitlines())
def test_the_platforms_own_words(line: str) -> None:
    number, text = line.split("\t")
    assert describe(int(number)).platform_text == text


@pytest.mark.parametrize("code", sorted(API_CODES))
def test_each_code_has_its_class(code: int) -> None:
    expected = next((kind for kind, codes in CLASSES.items() if code in codes), Rejected)
    error = send_error(code)
    assert type(error) is expected
    assert describe(code).error is expected
    assert error.outcome is Outcome.REJECTED
    assert error.code == code
    assert error.node == "api.smstraffic.ru"
    assert error.message_key == "m-1"


@pytest.mark.parametrize("code", [*sorted(API_CODES), 0, -1, 9999])
def test_only_1000_may_be_tried_again(code: int) -> None:
    assert send_error(code).retryable is (code == 1000)
    assert describe(code).retryable is (code == 1000)


@pytest.mark.parametrize("kind", list(CLASSES))
def test_the_docstrings_of_the_errors_name_their_codes(kind: type[Rejected]) -> None:
    documented = {code for code in CLASSES[kind] if describe(code).documented}
    named: set[int] = set()
    for first, last in re.findall(r"\b(1000|[14]\d\d)(?:–(\d{3}))?\b", re.sub(r"HTTP \d+", "", kind.__doc__ or "")):
        named |= set(range(int(first), int(last or first) + 1))
    assert named == documented


def test_one_code_twice_is_an_error_of_the_table() -> None:
    with pytest.raises(ValueError, match="411 stands twice"):
        _build(DOCUMENTED, [row for row in DOCUMENTED if row[0] == 411])
    assert len(API_CODES) == len(DOCUMENTED) + len(UNDOCUMENTED)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        API_CODES[1] = ApiCode(code=1)  # type: ignore[index] # the point of the test


@pytest.mark.parametrize("code", [0, 101, 102, 499, 9999, -7, 2**70])
def test_an_unknown_code_is_a_value(code: int) -> None:
    entry = describe(code)
    assert entry.code == code
    assert not entry.documented
    assert entry.error is Rejected
    error = send_error(code, "something new")
    assert type(error) is Rejected
    assert error.code == code
    assert f"code {code}" in str(error)
    assert error.description == "something new"


def test_the_text_says_where_what_and_what_next() -> None:
    error = send_error(415, "Not enough funds to complete the operation")
    assert str(error) == (
        "v2.send: not enough money on the account (code 415). No SMS goes out. "
        "Top the account up; until then every send is refused."
    )
    assert error.advice == "Top the account up; until then every send is refused."
    assert error.description == "Not enough funds to complete the operation"


def test_keys_and_their_permissions_are_a_matter_for_the_platforms_support() -> None:
    """Document, "HTTP API v2": support gives keys and changes what they may do; the cabinet does neither."""
    denied = send_error(403, "Access denied")
    assert type(denied) is PermissionDenied
    said = (denied.advice, PermissionDenied("no").advice, WORDING.refused_advice, WORDING.forbidden_advice)
    assert [("support" in advice, "cabinet" in advice) for advice in said] == [(True, False)] * 4


# 403 and 429 of a body are not the HTTP statuses of the same number.


def test_body_code_429_is_no_rate_limit() -> None:
    error = send_error(429, '"79161112233": unsupported phone. No messages has been sent')
    assert type(error) is InvalidRecipient
    assert not isinstance(error, RateLimited)
    assert not error.retryable


@pytest.mark.parametrize(
    "operation,on_send,description,expected",
    [
        ("v2.send", True, "phones parameter is missing", InvalidRecipient),
        ("v2.send", True, "", InvalidRecipient),
        ("v2.send", True, "Access denied", PermissionDenied),
        ("v2.send", True, "ACCESS DENIED for this token", PermissionDenied),
        ("v2.checked", False, "Access denied", PermissionDenied),
        ("v2.balance", False, "Zugriff verweigert", PermissionDenied),
        ("v1.send", True, "phones parameter is missing", InvalidRecipient),
        ("v1.lists", False, "phones parameter is missing", InvalidRecipient),
    ],
)
def test_code_403_is_read_by_where_it_stands(
    operation: str, on_send: bool, description: str, expected: type[Rejected]
) -> None:
    error = error_for(
        403,
        description,
        operation=operation,
        node=None,
        message_key=None,
        on_send=on_send,
        has_restrictive_id=False,
    )
    assert type(error) is expected
    assert error.code == 403
    assert not error.retryable


@pytest.mark.parametrize(
    "on_send,restrictive,expected",
    [(True, True, DuplicateRequest), (True, False, Rejected), (False, True, Rejected), (False, False, Rejected)],
)
def test_code_105_is_a_duplicate_only_on_a_send_with_a_restrictive_id(
    on_send: bool, restrictive: bool, expected: type[Rejected]
) -> None:
    error = error_for(
        105,
        "Invalid request format",
        operation="v2.send" if on_send else "v2.statuses",
        node=None,
        message_key=None,
        on_send=on_send,
        has_restrictive_id=restrictive,
    )
    assert type(error) is expected
    assert error.code == 105
    assert ("restrictiveId" in str(error)) is (expected is DuplicateRequest)
    assert ("format" in str(error)) is (expected is Rejected)


def test_a_refused_query_is_a_request_refused() -> None:
    error = refusal_for(105, "Invalid request format", operation="v2.statuses", node="api2.smstraffic.ru")
    assert type(error) is RequestRefused
    assert (error.code, error.operation, error.node) == (105, "v2.statuses", "api2.smstraffic.ru")
    assert "format" in str(error)
    assert "permission" in str(refusal_for(403, "Access denied", operation="v2.balance", node=None))
    assert "code 777" in str(refusal_for(777, "", operation="v1.status", node=None))


def of_scope(scope: str, codes: Iterable[int]) -> set[int]:
    return {code for code in codes if describe(code).scope == scope}


def test_what_one_message_of_a_batch_can_cause() -> None:
    account = {103, 105, 106, 401, 402, 403, 404, 407, 411, 412, 415, 416, 417, 418, 419, 421, 436, 439, 443, 1000}
    assert of_scope("request", account) == account
    one = {104, 405, 420, 422, 423, 424, *range(425, 433), 437, 438, 440, 703}
    assert of_scope("recipient", one) == one
    # A promise is made that nothing fails with the culprit: what nobody knows is split too.
    assert describe(9999).scope == "recipient"


# What the platform says may hold the text and the number.

SECRETS = ["секретный код 4711", "79161112233", "ptf9Bs9Apk4EgyP4gUCy2ajwffVchwaR"]
WORDS = [
    (432, 'Blocked phone: "79161112233". No messages has been sent', 'Blocked phone: "…". No messages has been sent'),
    (432, "blocked phone: 91622196. No messages has been sent", "blocked phone: 9162**96. No messages has been sent"),
    (431, 'No open subscriptions for +"79161112233".', 'No open subscriptions for +"…".'),
    (420, 'Message "секретный код 4711" is too long', 'Message "…" is too long'),
    (420, "message секретный код 4711 is too long", 'Message "…" is too long'),
    (
        424,
        'Message "секретный "код" 4711" for phone "79161112233" is too long',
        'Message "…" for phone "…" is too long',
    ),
    (437, "longer than 160: секретный код 4711", 'The message is longer than 160 characters after transliteration "…"'),
    (422, "line 3: секретный код 4711", 'Phone is missing in line "…": "…"'),
    (999, "text «секретный код 4711» refused", 'text "…" refused'),
    (999, "text “секретный код 4711” refused", 'text "…" refused'),
    (999, "text 'секретный код 4711' refused", 'text "…" refused'),
    (999, 'text "секретный код 4711', 'text "…"'),
    (999, "can't send to +7 (916) 111-22-33 today", "can't send to +7 (************33 today"),
    (999, "token 1837/ptf9Bs9Apk4EgyP4gUCy2ajwffVchwaR is unknown", "token 1837/… is unknown"),
    (703, "message too long (17085 / 39015 bytes)", "message too long (17085 / 39015 bytes)"),
    (105, "Duplicated request", "Duplicated request"),
    (415, "  Not enough\n funds\t\x1b[31m ", "Not enough funds [31m"),
    (415, "", ""),
    (999, "y" * 5000, "y" * 199 + "…"),
]


@pytest.mark.parametrize("code,said,kept", WORDS)
def test_the_description_is_kept_without_what_it_quotes(code: int, said: str, kept: str) -> None:
    assert safe_description(said, code=code) == kept
    for error in (send_error(code, said), pickled(send_error(code, said))):
        assert isinstance(error, Rejected)
        assert error.description == kept
        for secret in SECRETS:
            assert secret not in shown(error)


@pytest.mark.parametrize("code,said,kept", WORDS)
def test_the_description_stands_in_no_error_text(code: int, said: str, kept: str) -> None:
    error = send_error(code, said)
    blank = send_error(code)
    assert str(error) == str(blank)
    assert str(refusal_for(code, said, operation="v1.status", node=None)) == str(
        refusal_for(code, "", operation="v1.status", node=None)
    )
    del kept


@given(st.text(max_size=300), st.from_regex(r"[0-9]{7,20}", fullmatch=True), st.text(max_size=30))
def test_no_long_number_survives_whatever_stands_around_it(before: str, number: str, after: str) -> None:
    assert number not in safe_description(f"{before}{number}{after}")


@given(st.text(), st.sampled_from(['"', "«", "“"]), st.text(alphabet=st.characters(categories=["L"]), min_size=5))
def test_nothing_quoted_survives(before: str, quote: str, inside: str) -> None:
    kept = safe_description(f"{quote}{inside}{quote} {before}")
    assert inside not in kept or inside in before


def test_filling_in_the_platforms_words() -> None:
    entry = describe(424)
    assert entry.wording("привет", "7916") == 'Message "привет" for phone "7916" is too long'
    assert entry.wording("a") == 'Message "a" for phone "…" is too long'
    assert entry.wording("…x…", "b") == 'Message "…x…" for phone "b" is too long'
    assert describe(411).wording("unused") == "Authentication failed"


def test_every_class_of_a_code_is_public() -> None:
    for entry in API_CODES.values():
        assert entry.error.__name__ in errors.__all__
