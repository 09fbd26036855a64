"""The exception tree: its shape, what each error carries, and that it survives another process."""

import copy
import inspect
import re
from typing import Any

import pytest

from sms_traffic_async import errors
from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    DeadlineExceeded,
    DuplicateRequest,
    InboundNotTaken,
    InsufficientFunds,
    InvalidMessage,
    InvalidOriginator,
    InvalidRecipient,
    LinkLost,
    LocalProtocolError,
    NotSent,
    Outcome,
    OutcomeUnknown,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Rejected,
    RemoteProtocolError,
    ReportGone,
    RequestError,
    RequestFailed,
    RequestRefused,
    SendError,
    SmsTrafficError,
    StatusesNotTaken,
    StorageClosed,
    StorageError,
    TemporarilyUnavailable,
    TlsError,
)
from tests.support.exposure import pickled

# The tree of the architecture page: class, parents.
TREE: list[tuple[type[SmsTrafficError], tuple[type[BaseException], ...]]] = [
    (ConfigurationError, (SmsTrafficError, ValueError)),
    (InvalidMessage, (SmsTrafficError, ValueError)),
    (SendError, (SmsTrafficError,)),
    (NotSent, (SendError,)),
    (Rejected, (SendError,)),
    (AuthenticationFailed, (Rejected,)),
    (PermissionDenied, (Rejected,)),
    (InsufficientFunds, (Rejected,)),
    (InvalidRecipient, (Rejected,)),
    (InvalidOriginator, (Rejected,)),
    (RateLimited, (Rejected,)),
    (TemporarilyUnavailable, (Rejected,)),
    (DuplicateRequest, (Rejected,)),
    (OutcomeUnknown, (SendError,)),
    (RequestError, (SmsTrafficError,)),
    (RequestRefused, (RequestError,)),
    (RequestFailed, (RequestError,)),
    (ReportGone, (RequestError,)),
    (StorageError, (SmsTrafficError,)),
    (StorageClosed, (StorageError,)),
    (StatusesNotTaken, (SmsTrafficError,)),
    (InboundNotTaken, (SmsTrafficError,)),
    (TlsError, (SmsTrafficError,)),
    (ProtocolError, (SmsTrafficError,)),
    (LocalProtocolError, (ProtocolError,)),
    (RemoteProtocolError, (ProtocolError,)),
    (LinkLost, (SmsTrafficError, ConnectionError)),
    (DeadlineExceeded, (SmsTrafficError, TimeoutError)),
]

SEND: dict[str, Any] = {"code": 411, "node": "api.smstraffic.ru", "message_key": "m-1", "advice": "Check it."}

# One of each, with everything it can carry.
EXAMPLES: list[SmsTrafficError] = [
    SmsTrafficError("root"),
    ConfigurationError("a bad option"),
    InvalidMessage("to", "7916*****33", "invalid length"),
    NotSent("no node could be reached.", reason="unreachable", **SEND),
    Rejected("refused.", description="No such group", **SEND),
    AuthenticationFailed("wrong login or password.", **SEND),
    PermissionDenied("not allowed.", **SEND),
    InsufficientFunds("no money.", **SEND),
    InvalidRecipient("no such number.", **SEND),
    InvalidOriginator("no such sender.", **SEND),
    RateLimited("too many requests.", retry_after=2.5, **SEND),
    TemporarilyUnavailable("later.", **SEND),
    DuplicateRequest("seen before.", message_ids=("1", "2"), **SEND),
    OutcomeUnknown("no answer.", evidence={"key": "m-1", "node": "api"}, **SEND),
    StorageError("the disk is full"),
    StorageClosed("closed"),
    StatusesNotTaken("no room"),
    InboundNotTaken("nobody reads"),
    RequestError("failed", operation="v2.balance", code=7, node="api", retry_after=1.0),
    RequestRefused("no", operation="v2.balance", code=7, node="api"),
    RequestFailed("no answer", operation="v1.status"),
    ReportGone("gone", operation="v2.report", code=1),
    TlsError("not trusted"),
    ProtocolError("broken"),
    LocalProtocolError("unbind twice"),
    RemoteProtocolError("a PDU of 3 octets"),
    LinkLost("the connection ended"),
    DeadlineExceeded("no final status within 60 s", last="Buffered SMSC"),
]


@pytest.mark.parametrize("kind,parents", TREE)
def test_the_tree(kind: type[SmsTrafficError], parents: tuple[type[BaseException], ...]) -> None:
    assert kind.__bases__ == parents
    assert issubclass(kind, SmsTrafficError)
    assert (kind.__doc__ or "").strip()


def test_the_tree_is_whole() -> None:
    found = {value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, SmsTrafficError)}
    assert found == {kind for kind, _ in TREE} | {SmsTrafficError}
    assert {kind.__name__ for kind in found} | {"Outcome", "NotSentReason"} == set(errors.__all__)
    assert list(errors.__all__) == sorted(errors.__all__)
    drawn = set(re.findall(r"\b[A-Z]\w+", (errors.__doc__ or "").split("::")[1].split("It branches")[0]))
    assert {kind.__name__ for kind in found} <= drawn


def test_nothing_private_is_raised_by_its_base() -> None:
    # SendError has no outcome of its own: only its heirs can say one.
    assert not hasattr(SendError, "outcome")
    assert NotSent.outcome is Outcome.NOT_SENT
    assert OutcomeUnknown.outcome is Outcome.UNKNOWN
    for kind, _ in TREE:
        if issubclass(kind, Rejected):
            assert kind.outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    "reason,retryable",
    [("unreachable", True), ("overloaded", True), ("closed", True), ("expired", False), ("guarded", False)],
)
def test_what_was_not_sent_may_be_sent_again_unless_it_would_fail_alike(reason: Any, retryable: bool) -> None:
    error = NotSent("not sent.", reason=reason)
    assert error.retryable is retryable
    assert error.reason == reason


@pytest.mark.parametrize("error", [error for error in EXAMPLES if isinstance(error, SendError)], ids=repr)
def test_only_these_are_worth_another_try(error: SendError) -> None:
    assert error.retryable is isinstance(error, (NotSent, RateLimited, TemporarilyUnavailable))
    assert (error.code, error.node, error.message_key, error.advice) == tuple(SEND.values())
    assert str(error).endswith(". Check it.")


def test_an_invalid_message_names_field_value_and_rule() -> None:
    error = InvalidMessage("to", "7916*****33", "invalid length")
    assert (error.field, error.value, error.rule) == ("to", "7916*****33", "invalid length")
    assert str(error) == "to: invalid length (got 7916*****33)"


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", [pickled, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_every_error_survives_the_journey(error: SmsTrafficError, way: Any) -> None:
    again = way(error)
    assert type(again) is type(error)
    assert again is not error
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert getattr(again, "retryable", None) is getattr(error, "retryable", None)
    assert pickled(again).args == error.args


def test_every_class_has_its_example() -> None:
    assert {type(error) for error in EXAMPLES} | {SendError} == {kind for kind, _ in TREE} | {SmsTrafficError}


def test_notes_travel_with_an_error() -> None:
    error = InsufficientFunds("no money.")
    error.add_note("held by the outbox")
    assert pickled(error).__notes__ == ["held by the outbox"]


class OurOwn(Rejected):
    """What a user might derive."""

    def __init__(self, shop: int) -> None:
        super().__init__(f"shop {shop} refused.", code=7)
        self.shop = shop


def test_an_heir_with_another_signature_survives_too() -> None:
    again = pickled(OurOwn(12))
    assert isinstance(again, OurOwn)
    assert (again.shop, again.code, str(again)[:16]) == (12, 7, "shop 12 refused.")


def test_a_group_of_errors_survives() -> None:
    again = pickled(ExceptionGroup("two", [NotSent("a.", reason="closed"), LinkLost("b")]))
    assert isinstance(again, ExceptionGroup)
    assert [str(error)[:2] for error in again.exceptions] == ["a.", "b"]


@pytest.mark.parametrize(
    "error,caught_as",
    [
        (LinkLost("x"), OSError),
        (DeadlineExceeded("x"), TimeoutError),
        (ConfigurationError("x"), ValueError),
        (InvalidMessage("a", "b", "c"), ValueError),
    ],
)
def test_the_standard_twin_catches_them(error: SmsTrafficError, caught_as: type[Exception]) -> None:
    with pytest.raises(caught_as):
        raise error


def test_outcomes_are_these_four() -> None:
    assert {outcome.value for outcome in Outcome} == {"accepted", "rejected", "not_sent", "unknown"}
