"""The life of a session as tables: its states, what moves it, and who may say what when (SMPP 3.4, 2.2 and 2.3)."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Final

from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Command, Role

__all__ = (
    "BOUND",
    "MAY_SEND",
    "NEVER_ANSWERED",
    "OUTSIDE_THE_WINDOW",
    "TRANSITIONS",
    "State",
    "Trigger",
    "receivable",
    "sendable",
    "transition_table",
)


class State(enum.Enum):
    """Where a session is."""

    OPEN = "open"
    """Connected, nobody bound."""
    BINDING = "binding"
    """A bind was sent, or came, and has no answer yet."""
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    """We said unbind and read on until its answer."""
    LEAVING = "leaving"
    """The peer said unbind: nothing new is sent, and its answer goes out when nothing is owed on either side."""
    CLOSED = "closed"
    """Over; the connection is to be closed."""


class Trigger(enum.Enum):
    """What moves a session."""

    BIND = "bind"
    ACCEPTED_TX = "accepted as transmitter"
    ACCEPTED_RX = "accepted as receiver"
    ACCEPTED_TRX = "accepted as transceiver"
    BIND_REFUSED = "bind refused"
    UNBIND_SENT = "unbind sent"
    UNBIND_RECEIVED = "unbind received"
    END = "end"
    """unbind_resp either way, a dead peer, a lost connection, broken framing, a timer."""


BOUND: Final = frozenset({State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX})
_LIVE: Final = frozenset(State) - {State.CLOSED}

TRANSITIONS: Final = MappingProxyType(
    {
        (State.OPEN, Trigger.BIND): State.BINDING,
        (State.BINDING, Trigger.ACCEPTED_TX): State.BOUND_TX,
        (State.BINDING, Trigger.ACCEPTED_RX): State.BOUND_RX,
        (State.BINDING, Trigger.ACCEPTED_TRX): State.BOUND_TRX,
        # The connection is still good: another mode may be tried on it at once.
        (State.BINDING, Trigger.BIND_REFUSED): State.OPEN,
        **{(state, Trigger.UNBIND_SENT): State.UNBINDING for state in BOUND},
        **{(state, Trigger.UNBIND_RECEIVED): State.LEAVING for state in _LIVE - {State.UNBINDING, State.LEAVING}},
        # Both said it at once: each answers the other and waits for its own answer.
        (State.UNBINDING, Trigger.UNBIND_RECEIVED): State.UNBINDING,
        (State.LEAVING, Trigger.UNBIND_RECEIVED): State.LEAVING,
        **{(state, Trigger.END): State.CLOSED for state in _LIVE},
    }
)
"""(state, what happens) to the next state. What is not here cannot happen, or is refused."""

ACCEPTED: Final = MappingProxyType(
    {
        BindMode.TRANSMITTER: Trigger.ACCEPTED_TX,
        BindMode.RECEIVER: Trigger.ACCEPTED_RX,
        BindMode.TRANSCEIVER: Trigger.ACCEPTED_TRX,
    }
)

_TX: Final = frozenset({State.BOUND_TX, State.BOUND_TRX})
_RX: Final = frozenset({State.BOUND_RX, State.BOUND_TRX})
_OPEN: Final = frozenset({State.OPEN})
_NEVER: Final[frozenset[State]] = frozenset()

MAY_SEND: Final = MappingProxyType(
    {
        # command: (states in which the ESME may send it, states in which the SMSC may)
        Command.BIND_TRANSMITTER: (_OPEN, _NEVER),
        Command.BIND_RECEIVER: (_OPEN, _NEVER),
        Command.BIND_TRANSCEIVER: (_OPEN, _NEVER),
        Command.OUTBIND: (_NEVER, _OPEN),
        Command.UNBIND: (BOUND, BOUND),
        Command.ENQUIRE_LINK: (BOUND, BOUND),
        Command.SUBMIT_SM: (_TX, _NEVER),
        Command.SUBMIT_MULTI: (_TX, _NEVER),
        Command.QUERY_SM: (_TX, _NEVER),
        Command.CANCEL_SM: (_TX, _NEVER),
        Command.REPLACE_SM: (_TX, _NEVER),
        Command.DATA_SM: (BOUND, BOUND),
        Command.DELIVER_SM: (_NEVER, _RX),
        Command.ALERT_NOTIFICATION: (_NEVER, _RX),
    }
)
"""SMPP 3.4, table 2-1: which end may send which request in which state."""

NEVER_ANSWERED: Final = frozenset({Command.OUTBIND, Command.ALERT_NOTIFICATION})
OUTSIDE_THE_WINDOW: Final = frozenset(
    {Command.UNBIND, Command.ENQUIRE_LINK, *(mode.command for mode in BindMode), *NEVER_ANSWERED}
)
"""These never wait for a place: a full window must not starve the heartbeat (gosmpp)."""
_TO_THE_CLIENT: Final = frozenset({Command.DELIVER_SM, Command.DATA_SM, Command.ALERT_NOTIFICATION})


def sendable(role: Role, state: State) -> frozenset[int]:
    """The requests that this end may send now."""
    column = 0 if role is Role.ESME else 1
    return frozenset(int(command) for command, states in MAY_SEND.items() if state in states[column])


def receivable(role: Role, state: State, mode: BindMode | None) -> frozenset[int]:
    """The requests that the peer may send now, and those that are taken although it may not.

    More than the specification's table: enquire_link and unbind at any time; a
    client that binds takes a message that overtakes the answer to its bind; and
    after our own unbind, what the peer had already sent.
    """
    if state is State.CLOSED:
        return frozenset()
    allowed = sendable(role.peer, state)
    if mode is not None:
        if state is State.BINDING and role is Role.ESME and mode.receives:
            allowed |= frozenset(map(int, _TO_THE_CLIENT))
        elif state is State.UNBINDING:
            allowed |= sendable(role.peer, TRANSITIONS[State.BINDING, ACCEPTED[mode]])
    return allowed | {int(Command.ENQUIRE_LINK), int(Command.UNBIND)}


def transition_table() -> str:
    """The states as a table in Markdown, for the documentation."""
    used = list(Trigger)
    lines = [
        "| state | " + " | ".join(trigger.value for trigger in used) + " |",
        "|---|" + "---|" * len(used),
    ]
    for state in State:
        cells = [TRANSITIONS.get((state, trigger)) for trigger in used]
        lines.append(f"| {state.value} | " + " | ".join("" if cell is None else cell.value for cell in cells) + " |")
    return "\n".join(lines) + "\n"
