"""What a connection is made with: the bind, the session's numbers."""

from __future__ import annotations

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.login import login_of
from sms_traffic_async.protocols.smpp.options import KeepAlive, SessionOptions
from sms_traffic_async.protocols.smpp.pdu import Bind
from sms_traffic_async.protocols.smpp.vocabulary import BindMode
from sms_traffic_async.settings import Settings
from sms_traffic_async.settings_smpp import SmppOptions

__all__ = ("bind_of", "session_options")


def session_options(options: SmppOptions) -> SessionOptions:
    """The numbers of every session."""
    keep = KeepAlive(interval=options.enquire_link, limit=options.enquire_link, silence=options.suspect_after)
    return SessionOptions(
        window=options.window,
        response_timeout=options.response_timeout,
        late_timeout=options.late_timeout,
        bind_timeout=options.bind_timeout,
        unbind_timeout=options.unbind_timeout,
        keep_alive=dict.fromkeys(BindMode, keep),
    )


def bind_of(settings: Settings, options: SmppOptions, mode: BindMode) -> Bind:
    """The bind of an account.

    Raises:
        ConfigurationError: there is no login, or it does not fit into a bind.
    """
    if options.system_id is not None and options.password is not None:
        system_id, password = options.system_id, options.password
    else:
        system_id, password = login_of(settings.credentials, "SMPP")
    if not (system_id.isascii() and password.reveal().isascii()) or "\0" in system_id + password.reveal():
        raise ConfigurationError("login and password: a bind carries ASCII without NUL only")
    return Bind(mode=mode, system_id=system_id, password=password, system_type=options.system_type)
