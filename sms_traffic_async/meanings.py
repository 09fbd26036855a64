"""What statuses and delivery error codes mean, in the document's Russian and in English.

Sources: "Справка по статусам СМС сообщений" and "Список кодов ошибок в поле err
отчёта о доставке". Imported when a meaning is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("ERROR_TEXTS", "STATUS_TEXTS", "UNLISTED_STATUS", "StatusText")


class StatusText(NamedTuple):
    """What the document says of one status, in both languages."""

    label_ru: str
    meaning: str
    meaning_ru: str
    reasons: tuple[str, ...] = ()
    reasons_ru: tuple[str, ...] = ()


_OFF = "the phone was off or out of coverage"
UNLISTED_STATUS = StatusText(
    "",
    "A status that the document does not list; treated as not final.",
    "Статус, которого нет в документе; окончательным не считается.",
)
STATUS_TEXTS = {
    "": StatusText(
        "Нет данных",
        (
            "Waiting. Temporary. With a send date: sent, and the operator has told nothing yet; "
            "without one: not sent yet, usually because it is scheduled."
        ),
        (
            "Ожидает отправки. Этот статус временный и через некоторое время обязательно изменится. Если у "
            "сообщения есть дата отправки, это значит, что еще не получено никаких данных от SMS-центра о статусе "
            "сообщения. Если даты отправки нет, сообщение ещё не отправлено; обычно это происходит при "
            "отложенной отправке."
        ),
    ),
    "Acceptd": StatusText(
        "",
        "Taken by the operator. Temporary. Not in the document.",
        "Принято оператором. Временный статус. В документе не описан.",
    ),
    "Buffered SMSC": StatusText(
        "Доставляется",
        "Delivery is being tried. Temporary.",
        "Делаются попытки доставить сообщение. Этот статус временный и через некоторое время обязательно изменится.",
        (
            "the phone is off or out of coverage",
            "the phone's memory for messages is full",
            "the operator has not reported the current status yet",
        ),
        (
            "Телефон выключен или находится вне зоны действия сети.",
            "Память для сообщений в телефоне переполнена.",
            "Еще не получен актуальный статус сообщения от SMS-центра.",
        ),
    ),
    "Delivered": StatusText(
        "Доставлено",
        "On the subscriber's phone; says nothing about being read. May become Clicked or Read where the channel tells.",
        (
            "Сообщение доставлено на телефон абонента. Только данный статус означает 100% доставку сообщения на "
            "телефон абонента, но не означает, что сообщение было прочитано. Статус может не являться финальным, если "
            "канал отправки поддерживает статус «Клик» или «Прочитано»."
        ),
    ),
    "Non Delivered": StatusText(
        "Не доставлено",
        "Could not be delivered; it will not be tried again.",
        "Не удалось доставить сообщение на телефон абонента, дальнейшие попытки доставки предприниматься не будут.",
        ("the number does not exist", "the subscriber is blocked for debt", "the subscriber has calls barred"),
        ("Несуществующий номер.", "Абонент заблокирован за неуплату.", "У абонента установлен «запрет вызова»."),
    ),
    "Rejected": StatusText(
        "Отказ в передаче",
        "Not delivered: the SMS centre refused it.",
        "Сообщение не было доставлено. Сообщение было отвергнуто SMS-центром.",
        (
            "wrong subscriber number",
            "wrong form of the sender's name",
            "wrong form of the message",
            "the spam filter: one text to one number more than 4 times an hour or 8 times in 12 hours",
        ),
        (
            "Неправильный номер абонента.",
            "Неправильный формат имени отправителя.",
            "Неправильный формат сообщения.",
            (
                "Отвергнуто спам-фильтром из-за того, что зафиксировано слишком много попыток отправить одно и то же "
                "сообщение на один и тот же номер (более 4 за час или более 8 за 12 часов)."
            ),
        ),
    ),
    "Expired": StatusText(
        "Просрочено",
        "Tried several times within its lifetime, without success.",
        (
            "Предпринималось несколько попыток доставить сообщение на телефон абонента, но они не удались в течение "
            "срока жизни сообщения."
        ),
        (
            f"{_OFF} for the whole lifetime of the message",
            "the phone's memory was full for the whole lifetime of the message",
            "repeated failures of the mobile network's equipment",
        ),
        (
            "Телефон был выключен или находился вне зоны действия сети в течение срока жизни сообщения.",
            (
                "Память для сообщений в телефоне была переполнена, и абонент не освободил память в течение всего срока "
                "жизни сообщения."
            ),
            "Многочисленные сбои в оборудовании сотовой сети при попытках передать сообщение абоненту.",
        ),
    ),
    "Deleted": StatusText(
        "Удалено",
        "Removed from the SMS centre.",
        "Сообщение было удалено из SMS-центра.",
        (
            "the operator's restrictions leave no route for it",
            "an error while sending rules out further tries",
            "with link shortening: a part that was not needed in the end",
        ),
        (
            "Сообщение не может быть маршрутизируемо ввиду наличия ограничений на стороне оператора.",
            (
                "В процессе отправки сообщения произошла ошибка, препятствующая дальнейшим попыткам доставки "
                "сообщения до целевого абонента."
            ),
            (
                "В случае подключенной услуги по сокращению ссылок, статус может быть присвоен тем сегментам, что "
                "фактически не были отправлены в сеть оператора ввиду уменьшения фактической длины SMS сообщения."
            ),
        ),
    ),
    "Unknown status": StatusText(
        "Неизвестный статус",
        "The SMS centre never told what became of it.",
        "От SMS-центра не был получен статус доставки сообщения.",
        ("a failure of the mobile network's equipment", "no statuses are given for this direction"),
        (
            "Сбой на оборудовании сотовой сети.",
            "На данном направлении не предоставляется информация о статусах.",
        ),
    ),
    "Lost Notification": StatusText(
        "",
        "The report of delivery was lost; no further change comes. Not in the document.",
        "Отчёт о доставке потерян, изменений больше не будет. В документе не описан.",
    ),
    "Read": StatusText(
        "Прочитано",
        "The subscriber opened it, where the channel tells.",
        "Абонент прочитал сообщение (если канал отправки поддерживает данный статус).",
    ),
    "Clicked": StatusText(
        "Клик",
        "The subscriber followed the link that the platform had shortened in it.",
        "Абонент перешёл по модернизированной платформой SMS Traffic ссылке, имеющейся в направленном ему сообщении.",
    ),
    "Checked": StatusText(
        "Проверено",
        "The subscriber gave information from the text back to the sender, such as the code.",
        "Абонент передал информацию из текста полученного им сообщения компании, отправившей сообщение.",
    ),
}


ERROR_TEXTS = (
    (
        "No error, or the operator told none",
        "Ошибки нет, или оператор не передал информацию о коде ошибки.",
    ),
    ("The subscriber is absent or out of a coverage", "Абонент недоступен или отключен."),
    (
        "Call barred service activated",
        (
            "У абонента включен запрет на прием сообщений или абонента заблокировал оператор "
            "(возможно, в связи с отрицательным балансом)."
        ),
    ),
    ("Unknown subscriber", "Номер телефона не существует или не обслуживается."),
    ("Memory capacity exceeded", "Память телефона абонента переполнена."),
    ("Equipment protocol error", "Аппаратная ошибка телефона абонента."),
    ("Teleservice not provisioned", "Сервис коротких сообщений не предоставляется."),
    ("Facility not supported", "Аппарат абонента не поддерживает прием коротких сообщений."),
    (
        "Subscriber is busy",
        "Аппарат абонента занят операцией, препятствующей получению короткого сообщения.",
    ),
    ("Roaming restrictions", "Абонент находится в роуминге."),
    ("Timeout", "Время ожидания ответа от SMSC абонента истекло."),
    ("SS7 routing error", "Внутренняя ошибка маршрутизации."),
    ("Internal system failure", "Внутренняя ошибка системы."),
    ("SMSC failure", "Ошибка коммутатора (внутренняя ошибка передачи данных)."),
    ("Illegal subscriber", "Блокировка оператором или незарегистрированный пользователь."),
    ("Message queue full", "Очередь сообщений для абонента со стороны оператора переполнена."),
    ("Invalid source address", "Некорректное имя отправителя"),
    ("Unroutable direction", "Сообщение не маршрутизируемо."),
)
