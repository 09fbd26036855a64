"""Who may use the sandbox, what they may do, and what it costs them.

An account has departments (``main:sub``) with their own logins and shared
billing, tokens for HTTP v2 with a permission for each operation, registered
originators, and numbers that are blocked for it.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.mailing_lists import MailingLists
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings
from sms_traffic_async.sandbox.rates import Rate, RateWindow
from sms_traffic_async.sandbox.smtp_settings import EmailSettings
from sms_traffic_async.secrets import Secret

__all__ = (
    "DEFAULT_API_KEY",
    "DEFAULT_LOGIN",
    "DEFAULT_ORIGINATOR",
    "DEFAULT_PASSWORD",
    "OPERATIONS",
    "Account",
    "Accounts",
    "Department",
    "Principal",
    "Token",
    "allowed_network",
)

DEFAULT_API_KEY = "1837/sandboxKey4EgyP4gUCy2ajwffVchwaR"
DEFAULT_LOGIN = "sandbox"
DEFAULT_PASSWORD = "sandbox"  # noqa: S105 - published on purpose: it opens nothing but a sandbox
DEFAULT_ORIGINATOR = "SMSTraffic"

OPERATIONS = frozenset({"send", "statuses", "checked", "account", "report"})
"""What a token may be allowed to do."""

ROLE_SENDING = "sending"
"""The role that a department needs to mark messages as checked (document, v1 set_checked)."""

REGISTERED = (
    DEFAULT_ORIGINATOR,
    "Originator",
    "MyCompany",
    "SMS.Traffic",
    "787-35-95",
    "СМС.ТРАФИК",
    "74957873595",
    "88001000258",
    "3299",
)
"""The document's own examples of originators."""


_NETWORKS = frozenset({8, 16, 24})


@lru_cache(maxsize=256)
def allowed_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """An address, or a network of a size of the document (SMPP: classes A, B, C); ``None`` if it is neither."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    fits = network.num_addresses == 1 or (network.version == 4 and network.prefixlen in _NETWORKS)
    return network if fits else None


@dataclass(slots=True, kw_only=True)
class Token:
    """An API key of HTTP v2.

    Attributes:
        public: the half that may be told.
        secret: the other half.
        login: whose it is: the account's login, or a department's ``main:sub``.
        permissions: the operations it may do.
        rate: its own limit; ``None`` takes ``Switches.token_rate``.
    """

    public: str
    secret: Secret
    login: str
    permissions: frozenset[str] = OPERATIONS
    rate: Rate | None = None
    windows: dict[int, RateWindow] = field(default_factory=dict[int, RateWindow], repr=False)

    def __post_init__(self) -> None:
        self.secret = Secret(self.secret)
        self.permissions = frozenset(self.permissions)
        unknown = self.permissions - OPERATIONS
        if unknown:
            raise ConfigurationError(f"there is no operation {min(unknown)!r}; there are {sorted(OPERATIONS)}")


@dataclass(slots=True, kw_only=True)
class Department:
    """A part of an account with a login of its own; ``login`` is ``main:sub``.

    Attributes:
        name: what reports call it; the part behind the colon without one.
        system_id: its login over SMPP; the full login without one.
        roles: what it may do besides sending and asking.
    """

    login: str
    password: Secret
    name: str = ""
    system_id: str = ""
    roles: frozenset[str] = frozenset({ROLE_SENDING})

    def __post_init__(self) -> None:
        self.password = Secret(self.password)
        main, separator, sub = self.login.partition(":")
        if not (main and separator and sub):
            raise ConfigurationError("a department's login is 'main:sub'")
        self.name = self.name or sub
        self.system_id = self.system_id or self.login


@dataclass(slots=True, kw_only=True)
class Account:
    """A customer.

    Attributes:
        login: of v1, SOAP, SMTP and SMPP.
        password: of the same.
        balance: money left; may go below zero as far as ``credit`` allows.
        price: of one part.
        originators: registered senders, case-sensitive; others are refused with 436.
        any_originator: take every well-formed sender instead.
        default_originator: used where a request names none.
        blocked: numbers refused with 432.
        departments: by their full login.
        http_allowed: ``False`` refuses every HTTP send with 439.
        allowed_ips: where v1 and SOAP requests may come from, else 412, and binds, else ESME_RBINDFAIL: addresses, and
            networks (/8, /16 and /24); empty for everywhere.
        smpp_rate: messages a second over SMPP; ``None`` takes ``Switches.smpp_rate``.
        lists: mailing lists of ``list.php`` and ``group``.
        email: the settings of sending by e-mail.
        pushes: where its statuses are pushed to.
        inbound: how its inbound messages are forwarded.
    """

    login: str
    password: Secret
    balance: Decimal = Decimal("1000000.00")
    credit: Decimal = Decimal(0)
    price: Decimal = Decimal("0.50")
    originators: set[str] = field(default_factory=lambda: set(REGISTERED))
    any_originator: bool = False
    default_originator: str = DEFAULT_ORIGINATOR
    blocked: set[str] = field(default_factory=set[str])
    departments: dict[str, Department] = field(default_factory=dict[str, Department])
    http_allowed: bool = True
    allowed_ips: set[str] = field(default_factory=set[str])
    smpp_rate: float | None = None
    lists: MailingLists = field(default_factory=MailingLists)
    email: EmailSettings = field(default_factory=EmailSettings)
    pushes: PushSettings = field(default_factory=PushSettings)
    inbound: InboundSettings = field(default_factory=InboundSettings)

    def __post_init__(self) -> None:
        self.password = Secret(self.password)
        if not self.login or ":" in self.login:
            raise ConfigurationError("an account's login is not empty and has no ':'; that is for departments")

    def add_department(self, name: str, password: str, *, roles: Iterable[str] = (ROLE_SENDING,)) -> Department:
        """Open a department; its login is ``login:name``."""
        department = Department(
            login=f"{self.login}:{name}", password=Secret(password), name=name, roles=frozenset(roles)
        )
        self.departments[department.login] = department
        return department

    def affords(self, cost: Decimal) -> bool:
        """Whether the money suffices."""
        return self.balance + self.credit >= cost

    def allows(self, ip: str) -> bool:
        """Whether requests and binds may come from an address."""
        if not self.allowed_ips or ip in self.allowed_ips:
            return True
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        return any(network is not None and address in network for network in map(allowed_network, self.allowed_ips))


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a request: an account, or one department of it (``None`` is the main login)."""

    account: Account
    department: Department | None = None
    token: Token | None = None

    @property
    def login(self) -> str:
        """The full login, ``main`` or ``main:sub``."""
        return self.account.login if self.department is None else self.department.login

    @property
    def department_name(self) -> str:
        """What reports call the department; empty for the main login."""
        return "" if self.department is None else self.department.name

    @property
    def may_check(self) -> bool:
        """Whether it may mark messages as checked."""
        return self.department is None or ROLE_SENDING in self.department.roles

    def sees(self, login: str) -> bool:
        """Whether a message of ``login`` belongs to it: a department sees its own, the main login all."""
        if self.department is not None:
            return login == self.department.login
        return login.partition(":")[0] == self.account.login


class Accounts:
    """Every account and token of one sandbox."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._tokens: dict[str, Token] = {}
        self._principals: dict[str, Principal] = {}

    @classmethod
    def default(cls, *, api_key: str, login: str, password: str) -> Accounts:
        """One account with one token that may do everything: what works out of the box."""
        accounts = cls()
        account = Account(login=login, password=Secret(password))
        account.lists = MailingLists.document()
        account.email.allowed = True
        accounts.add(account)
        accounts.add_token(api_key, login=login)
        return accounts

    def add(self, account: Account) -> Account:
        """Take an account in; the same login replaces it."""
        self._accounts[account.login] = account
        self._principals.clear()
        return account

    def add_token(
        self,
        api_key: str,
        *,
        login: str,
        permissions: Iterable[str] = OPERATIONS,
        rate: Rate | None = None,
    ) -> Token:
        """Issue a token ``public/secret`` to a login, which must exist.

        Raises:
            ConfigurationError: not of two parts, or nobody's.
        """
        public, separator, secret = api_key.partition("/")
        if not (public and separator and secret):
            raise ConfigurationError("an api key has two parts, public/secret; the value is not shown")
        if self._owner(login) is None:
            raise ConfigurationError(f"there is no login {login!r} to issue a token to")
        token = Token(public=public, secret=Secret(secret), login=login, permissions=frozenset(permissions), rate=rate)
        self._tokens[public] = token
        self._principals.clear()
        return token

    def by_key(self, api_key: str) -> Principal | None:
        """Who a bearer token stands for; ``None`` if nobody."""
        public, _, secret = api_key.partition("/")
        token = self._tokens.get(public)
        if token is None or not hmac.compare_digest(token.secret.reveal().encode(), secret.encode()):
            return None
        principal = self._principals.get(public)
        if principal is None:
            owner = self._owner(token.login)
            if owner is None:
                return None
            principal = Principal(account=owner[0], department=owner[1], token=token)
            self._principals[public] = principal
        return principal

    def by_login(self, login: str, password: str) -> Principal | None:
        """Who a login and password stand for; ``None`` if nobody."""
        owner = self._owner(login)
        if owner is None:
            return None
        account, department = owner
        expected = account.password if department is None else department.password
        if not hmac.compare_digest(expected.reveal().encode(), password.encode()):
            return None
        return Principal(account=account, department=department)

    def by_system_id(self, system_id: str, password: str) -> Principal | None:
        """Who binds over SMPP: a main login, or a department under a system_id of its own."""
        for account in self._accounts.values():
            for department in account.departments.values():
                if department.system_id == system_id:
                    return self.by_login(department.login, password)
        return None if ":" in system_id else self.by_login(system_id, password)

    def has_login(self, login: str) -> bool:
        """Whether an account or a department has this login."""
        return self._owner(login) is not None

    def by_mailbox(self, login: str) -> Principal | None:
        """Who a letter is from that only names a login: e-mail of the first variant has no password."""
        owner = self._owner(login)
        return None if owner is None else Principal(account=owner[0], department=owner[1])

    def get(self, login: str = "") -> Account:
        """One account by its login; the first one without.

        Raises:
            KeyError: there is none.
        """
        if login:
            return self._accounts[login]
        return next(iter(self))

    def token(self, public: str) -> Token:
        """One token by its public half.

        Raises:
            KeyError: there is none.
        """
        return self._tokens[public]

    def tokens_of(self, login: str) -> list[Token]:
        """The tokens of an account and its departments."""
        return [token for token in self._tokens.values() if token.login.partition(":")[0] == login]

    def forget_rates(self) -> None:
        """Start every token's counting anew."""
        for token in self._tokens.values():
            token.windows.clear()

    def become(self, other: Accounts) -> None:
        """Take over the accounts and tokens of another."""
        self._accounts, self._tokens = other._accounts, other._tokens
        self._principals.clear()

    def __iter__(self) -> Iterator[Account]:
        return iter(tuple(self._accounts.values()))

    def __len__(self) -> int:
        return len(self._accounts)

    def _owner(self, login: str) -> tuple[Account, Department | None] | None:
        account = self._accounts.get(login.partition(":")[0])
        if account is None:
            return None
        if ":" not in login:
            return account, None
        department = account.departments.get(login)
        return None if department is None else (account, department)
