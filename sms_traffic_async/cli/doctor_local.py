"""What ``sms-traffic doctor`` sees without asking anybody: versions, variables, files."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from sms_traffic_async._version import __version__
from sms_traffic_async.cli.doctor_check import Check
from sms_traffic_async.cli.output import Exit
from sms_traffic_async.credentials import ENV_PREFIX
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.guards import ONLY_TO_VARIABLE, OnlyTo
from sms_traffic_async.settings import Settings

__all__ = ("local_checks",)

PACKAGES = ("httpx", "sniffio", "orjson", "defusedxml", "aiosmtplib", "aiosmpplib", "cyclopts", "rich")
OPTIONAL = ("uvloop", "starlette", "fastapi", "aiohttp", "asyncpg", "cryptography", "opentelemetry-api")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
SECRETS = ("API_KEY", "LOGIN", "PASSWORD", "SMTP_LOGIN", "SMTP_PASSWORD", "WEBHOOK_SECRET")

PLAIN = (
    "NODES", "ONLY_TO", "ORIGINATOR", "OUTBOX", "OUTBOX_KEY", "SMPP_SERVERS", "SMTP_RELAY", "SMTP_SENDER", "SOAP_URL",
)  # fmt: skip
KNOWN = {f"{ENV_PREFIX}{name}" for name in (*PLAIN, *SECRETS, *(f"{name}_FILE" for name in SECRETS))}
SANDBOX = f"{ENV_PREFIX}SANDBOX_"


def local_checks(environ: Mapping[str, str] | None = None) -> Iterator[Check]:
    """All of them, in order. No value of a variable is shown."""
    environ = os.environ if environ is None else environ
    yield _versions()
    yield _loop()
    yield _credentials(environ)
    yield from _files(environ)
    yield _guard(environ)
    yield from _strangers(environ)
    yield _proxies(environ)


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _versions() -> Check:
    facts: dict[str, object] = {"python": platform.python_version(), "sms-traffic-async": __version__}
    facts |= {name: _version_of(name) for name in PACKAGES}
    facts |= {name: found for name in OPTIONAL if (found := _version_of(name)) is not None}
    missing = [name for name in PACKAGES if facts[name] is None]
    said = ", ".join(f"{name} {version}" for name, version in facts.items() if version is not None)
    if missing:
        fix = f"pip install {' '.join(missing)}"
        return Check(
            name="versions", target="", verdict="fail", said=f"missing: {', '.join(missing)}", fix=fix, facts=facts
        )
    return Check(name="versions", target="", verdict="ok", said=said, facts=facts)


def _loop() -> Check:
    found = _version_of("uvloop")
    said = "uvloop is not installed; asyncio's own loop is used" if found is None else (
        f"uvloop {found} is installed; it is used where your program runs on it"
    )  # fmt: skip
    return Check(name="event loop", target="", verdict="ok", said=said, facts={"uvloop": found})


def _credentials(environ: Mapping[str, str]) -> Check:
    try:
        credentials = Settings.from_env(environ).credentials
    except ConfigurationError as error:
        return Check(
            name="credentials",
            target="",
            verdict="fail",
            said=str(error),
            fix=f"mend the variables {ENV_PREFIX}…",
            code=Exit.CONFIGURATION,
        )
    has = [
        *(["an API key (v2)"] if credentials.api_key is not None else []),
        *(["login and password (v1, SOAP, SMPP)"] if credentials.login is not None else []),
    ]
    facts = {"api_key": credentials.api_key is not None, "login": credentials.login is not None}
    if not has:
        return Check(
            name="credentials",
            target="",
            verdict="fail",
            said="there are none",
            fix=f"set {ENV_PREFIX}API_KEY, or {ENV_PREFIX}LOGIN and {ENV_PREFIX}PASSWORD (or name files in …_FILE)",
            code=Exit.CONFIGURATION,
            facts=facts,
        )
    return Check(name="credentials", target="", verdict="ok", said=", ".join(has), facts=facts)


def _files(environ: Mapping[str, str]) -> Iterator[Check]:
    for variable in (f"{ENV_PREFIX}{name}_FILE" for name in SECRETS):
        path = environ.get(variable)
        if not path:
            continue
        try:
            mode = stat.S_IMODE(Path(path).stat().st_mode)
        except OSError as error:
            yield Check(
                name="secret file",
                target=variable,
                verdict="fail",
                said=f"cannot be read: {error.strerror}",
                fix="check the path and who may read it",
                code=Exit.CONFIGURATION,
            )
            continue
        shown, facts = f"mode {mode:04o}", {"mode": f"{mode:04o}"}
        if environ.get(variable.removesuffix("_FILE")):
            fix = f"unset {variable} or {variable.removesuffix('_FILE')}"
            yield Check(
                name="secret file", target=variable, verdict="warn", said="the variable itself goes first", fix=fix
            )
        elif os.name == "posix" and mode & 0o077:
            said, fix = f"{shown}: others on this machine may read it", f"chmod 600 {path}"
            yield Check(name="secret file", target=variable, verdict="warn", said=said, fix=fix, facts=facts)
        else:
            yield Check(name="secret file", target=variable, verdict="ok", said=shown, facts=facts)


def _guard(environ: Mapping[str, str]) -> Check:
    try:
        active = OnlyTo.from_env(environ).active
    except ConfigurationError as error:
        fix = f"write numbers or prefixes into {ONLY_TO_VARIABLE}, such as 79161112233 or 7916*"
        return Check(
            name="live-send guard", target="", verdict="fail", said=str(error), fix=fix, code=Exit.CONFIGURATION
        )
    if active:
        said, fix = f"{ONLY_TO_VARIABLE} is set: other numbers get nothing", "unset it where everybody is meant"
        return Check(name="live-send guard", target="", verdict="warn", said=said, fix=fix, facts={"active": True})
    return Check(name="live-send guard", target="", verdict="ok", said="not set", facts={"active": False})


def _strangers(environ: Mapping[str, str]) -> Iterator[Check]:
    """A mistyped name is read by nobody; of the guard's, that would be found out by the numbers that it spares."""
    found = sorted(name for name in environ if name.startswith(ENV_PREFIX) and not name.startswith(SANDBOX))
    found = [name for name in found if name not in KNOWN]
    if found:
        yield Check(
            name="unknown variables",
            target="",
            verdict="warn",
            said=f"read by nobody here: {', '.join(found)}",
            fix="mistyped? docs/cli.md lists those that are read",
            facts={"unknown": found},
        )


def _proxies(environ: Mapping[str, str]) -> Check:
    found = sorted(name for name in environ if name.upper() in PROXIES and environ[name])
    if not found:
        return Check(name="proxy variables", target="", verdict="ok", said="none is set", facts={"ignored": []})
    return Check(
        name="proxy variables",
        target="",
        verdict="warn",
        said=f"ignored: {', '.join(found)}",
        fix="they can lead credentials elsewhere; a proxy that is meant is named in code: HttpOptions(proxy=…)",
        facts={"ignored": found},
    )
