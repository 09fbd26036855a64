"""Who the account is, and where that is read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.secrets import Secret

__all__ = ("ENV_PREFIX", "Credentials", "Environment")

ENV_PREFIX = "SMS_TRAFFIC_"
# RFC 6750 b64token and what the document's own token shows; anything else would be refused
# by the HTTP library with the token printed in its error.
_API_KEY = r"[A-Za-z0-9._~+\-]+/[A-Za-z0-9._~+/=\-]+\Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the account is known by. Secrets do not print.

    Attributes:
        api_key: the API key of v2, ``public/secret``; you may tell support the public half.
        login: the login of v1, SOAP, SMTP and SMPP; ``main:sub`` for a department.
        password: that login's password.
    """

    api_key: Secret | None = None
    login: str | None = None
    password: Secret | None = None

    # Written out, because a traceback printed with locals shows this frame, and that of a generated __init__ would
    # show what was given as a plain string.
    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        login: str | None = None,
        password: str | Secret | None = None,
    ) -> None:
        kept, wrong = _kept(api_key=api_key, password=password)
        object.__setattr__(self, "api_key", kept.get("api_key"))
        object.__setattr__(self, "login", login)
        object.__setattr__(self, "password", kept.get("password"))
        del api_key, login, password
        if wrong:
            raise ConfigurationError(f"{wrong} is a string")
        self._check()

    def _check(self) -> None:
        if self.api_key is not None and not re.match(_API_KEY, self.api_key.reveal()):
            raise ConfigurationError(
                "api_key: two parts joined by '/', ASCII without spaces (such as 1837/ptf9…); the value is not shown"
            )
        if (self.login is None) != (self.password is None):
            raise ConfigurationError("login and password go together: one of them is missing")
        for name, rule in (("login", _login_rule(self.login)), ("password", _password_rule(self.password))):
            if rule:
                raise ConfigurationError(f"{name} {rule}")

    @property
    def public_id(self) -> str | None:
        """The half of the API key that may be logged."""
        return None if self.api_key is None else self.api_key.reveal().split("/", maxsplit=1)[0]


def _kept(**given: object) -> tuple[dict[str, Secret], str]:
    """What was given as secrets, and the name of the one that cannot be one."""
    kept = {name: Secret(value) for name, value in given.items() if isinstance(value, str | Secret)}
    return kept, next((name for name, value in given.items() if value is not None and name not in kept), "")


def _login_rule(login: object) -> str:
    if login is None:
        return ""
    if not isinstance(login, str) or not login:
        return "is empty" if login == "" else "is a string"
    return "" if login.isprintable() else "holds a line break or another control character"


def _password_rule(password: Secret | None) -> str:
    if password is None:
        return ""
    if not password:
        return "is empty"
    # Half of a surrogate pair is what a byte that is not UTF-8 becomes in os.environ; no protocol could carry it.
    broken = any(char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in password.reveal())
    return "holds a line break, another control character, or bytes that are not UTF-8" if broken else ""


class Environment:
    """Our variables, behind a repr that shows none of them."""

    __slots__ = ("_found",)

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._found = {name: Secret(environ[name]) for name in environ if name.startswith(ENV_PREFIX)}

    def plain(self, name: str) -> str:
        """A variable that is no secret; empty where it is not set."""
        found = self._found.get(ENV_PREFIX + name)
        return "" if found is None else found.reveal()

    def secret(self, name: str) -> Secret | None:
        """The variable itself, else the contents of the file named by its ``…_FILE``; ``None`` for neither."""
        if self._found.get(ENV_PREFIX + name):
            return self._found[ENV_PREFIX + name]
        path = self.plain(f"{name}_FILE")
        if not path:
            return None
        text, problem = Secret(""), ""
        try:
            text = Secret(Path(path).read_text(encoding="utf-8-sig").strip())
        except (OSError, ValueError) as error:
            # Raised below: a codec's error holds the file's contents, and would stay as the context.
            problem = type(error).__name__
        if problem:
            raise ConfigurationError(f"{ENV_PREFIX}{name}_FILE cannot be read: {problem}")
        if not text:
            raise ConfigurationError(f"{ENV_PREFIX}{name}_FILE is empty")
        return text
