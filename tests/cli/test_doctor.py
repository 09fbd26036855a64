"""``doctor`` against a real sandbox, over plain TCP and TLS, and against what goes wrong."""

import asyncio
import contextlib
import http.server
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sms_traffic_async.cli.doctor_local import local_checks
from tests.cli.conftest import Command, Done, Platform
from tests.support.certificates import authority, server_context

Found = dict[tuple[str, str], dict[str, Any]]


def found(done: Done) -> Found:
    assert all(
        list(record) == ["check", "target", "result", "message", "fix", "seconds", "facts"] for record in done.records
    )
    return {(record["check"], record["target"]): record for record in done.records}


@contextlib.contextmanager
def tls_front(url: str, certificate: str) -> Iterator[str]:
    """TLS in front of a node of the sandbox, which has none; its URL."""
    port = urlsplit(url).port
    ready = threading.Event()
    ends: list[Callable[[], object]] = []
    ports: list[int] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, ours), pipe(theirs, writer))

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # handshakes that fail are what is tested
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=server_context(certificate))
        ports.append(server.sockets[0].getsockname()[1])
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        ready.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield f"https://127.0.0.1:{ports[0]}"
    finally:
        ends[0]()
        thread.join(10)


@pytest.fixture
def trusted(tmp_path: Path) -> str:
    """As somebody has it whose authority is not among the system's."""
    path = tmp_path / "authority.pem"
    path.write_bytes(authority().cert_pem.bytes())
    return str(path)


@contextlib.contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound and not listening: nobody else can take the port meanwhile
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def smpp_of(platform: Platform) -> str:
    return platform.do(lambda sandbox: sandbox.smpp.servers(tls=False))[0]


def test_all_is_well(cli: Command, platform: Platform) -> None:
    server = smpp_of(platform)
    done = cli("doctor", "--smpp-server", server, "--json")
    assert done.code == 0, done.out
    checks = found(done)
    assert {record["result"] for record in done.records} == {"ok", "skip"}
    first, second = (urlsplit(url).netloc for url in platform.environ["SMS_TRAFFIC_NODES"].split(","))
    for node in (first, second):
        assert checks["http connection", node]["message"] == "connected, without TLS"
        for via in ("v2", "v1"):
            assert float(checks[f"balance {via}", node]["facts"]["balance"]) > 0
    assert checks["http clock", first]["facts"] == {"status": 200, "ahead_seconds": 0.0}
    assert checks["http clock", second]["facts"] == {"status": 404, "ahead_seconds": 0.0}
    ports = checks["soap wsdl", first]["facts"]["ports"]
    assert ports["Node1Soap12"] == f"http://{first}/soap.php"
    assert ports["Node2Soap12"] == f"http://{second}/soap.php"
    assert checks["soap wsdl", first]["fix"] is None
    name = f"127.0.0.1:{urlsplit(server).port}"
    assert checks["smpp bind", name]["message"] == "bound as transmitter by SMSTraffic, and unbound"
    assert not platform.do(lambda sandbox: len(sandbox.accepted.matching()))
    assert not platform.do(lambda sandbox: sandbox.smpp.bound)


def test_for_people(cli: Command, platform: Platform) -> None:
    secret = platform.environ["SMS_TRAFFIC_API_KEY"].split("/")[1]
    done = cli("doctor", HTTPS_PROXY="http://user:hunter2@proxy:3128")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    flat = " ".join(done.out.split())
    assert "warn proxy variables: ignored: HTTPS_PROXY" in flat
    assert "1 warning" in flat
    assert "SOAP has servers" not in flat
    assert "skip smpp bind: SMPP has servers of its own -> name them: SMS_TRAFFIC_SMPP_SERVERS or --smpp-server" in flat
    assert "hunter2" not in done.out
    assert secret not in done.out


def test_over_tls_it_tells_of_the_certificate(cli: Command, platform: Platform, trusted: str) -> None:
    url = platform.environ["SMS_TRAFFIC_NODES"].split(",")[1]
    with tls_front(url, "healthy_tls") as node:
        done = cli("doctor", "--node", node, "--soap-url", f"{node}/soap.php", "--json", SSL_CERT_FILE=trusted)
    assert done.code == 0, done.out
    checks = found(done)
    target = urlsplit(node).netloc
    facts = checks["http connection", target]["facts"]
    assert facts["tls"] == "TLSv1.3"
    assert facts["names"] == "127.0.0.1"
    assert facts["days"] > 30
    assert checks["balance v2", target]["result"] == "ok"
    assert len(checks["soap wsdl", target]["facts"]["ports"]) == 4
    assert f"SMS_TRAFFIC_SOAP_URL={node}/soap.php,http://127.0.0.1:" in checks["soap wsdl", target]["fix"]


@pytest.mark.parametrize(
    "certificate,said,fix",
    [
        ("tls_expired", "certificate has expired", "this machine's clock"),
        ("tls_not_yet_valid", "not yet valid", "this machine's clock"),
        ("tls_untrusted", "unable to get local issuer", "SSL_CERT_FILE"),
        ("tls_wrong_name", "mismatch", "check the address"),
    ],
)
def test_a_certificate_that_is_refused(
    cli: Command, platform: Platform, trusted: str, certificate: str, said: str, fix: str
) -> None:
    url = platform.environ["SMS_TRAFFIC_NODES"].split(",")[0]
    with tls_front(url, certificate) as node:
        done = cli("doctor", "--node", node, "--json", SSL_CERT_FILE=trusted)
    assert done.code == 1
    (failure,) = (record for record in done.records if record["result"] == "fail")
    assert failure["check"] == "http connection"
    assert said in failure["message"]
    assert fix in failure["fix"]
    # No credential goes where the certificate is not the platform's.
    assert not [record for record in done.records if record["check"].startswith("balance")]


def test_hosts_that_do_not_answer(cli: Command) -> None:
    with closed_port() as closed, socket.create_server(("127.0.0.1", 0)) as silent:
        quiet_at = f"127.0.0.1:{silent.getsockname()[1]}"
        nodes = [f"http://127.0.0.1:{closed}", f"http://{quiet_at}", "https://x.invalid"]
        done = cli("doctor", "--timeout", "0.3", "--json", *(f"--node={node}" for node in nodes))
    assert done.code == 1
    checks = found(done)
    shut = checks["http connection", f"127.0.0.1:{closed}"]
    assert (shut["result"], shut["message"]) == ("fail", "the port is closed")
    assert "firewall" in shut["fix"]
    quiet = checks["http clock", quiet_at]
    assert (quiet["result"], quiet["message"]) == ("fail", "no answer within 0.3 s")
    assert quiet["seconds"] < 5
    assert checks["http name", "x.invalid"]["result"] == "fail"


def test_credentials_that_are_wrong(cli: Command, platform: Platform) -> None:
    done = cli(
        "doctor",
        "--json",
        SMS_TRAFFIC_API_KEY="1837/wrongwrongwrong",
        SMS_TRAFFIC_PASSWORD="wrong",
        SMS_TRAFFIC_SMPP_SERVERS=smpp_of(platform),
    )
    assert done.code == 4
    failures = {record["check"]: record for record in done.records if record["result"] == "fail"}
    assert failures.keys() == {"balance v2", "balance v1", "smpp bind"}
    assert failures["smpp bind"]["message"].startswith("refused: ESME_R")
    assert all(failure["fix"] for failure in failures.values())


@pytest.mark.parametrize("given", [{}, {"SMS_TRAFFIC_LOGIN": "only"}, {"SMS_TRAFFIC_API_KEY": "no key"}])
def test_no_credentials_or_malformed_ones(cli: Command, given: dict[str, str]) -> None:
    variables = dict.fromkeys(("SMS_TRAFFIC_API_KEY", "SMS_TRAFFIC_LOGIN", "SMS_TRAFFIC_PASSWORD"), "") | given
    done = cli("doctor", "--json", stdin=None, **variables)
    assert done.code == 4
    check = found(done)["credentials", ""]
    assert check["result"] == "fail"
    assert check["fix"]


def test_a_clock_that_is_wrong(cli: Command) -> None:
    with answering(200, b"", Date="Mon, 06 Jul 2015 10:00:00 GMT") as node:
        checks = found(cli("doctor", "--node", node, "--json"))
    clock = checks["http clock", urlsplit(node).netloc]
    assert clock["result"] == "warn"
    assert clock["facts"]["ahead_seconds"] > 300_000_000
    assert "NTP" in clock["fix"]


@pytest.mark.parametrize(
    "status,body,said",
    [
        (404, b"", "HTTP 404 for /soap.wsdl"),
        (200, b"<html>not here</html>", "no WSDL"),
        (200, b"<!DOCTYPE d [<!ENTITY e 'x'>]><d><port name='a'><address location='&e;'/></port></d>", "no WSDL"),
        (200, b"\x00", "no WSDL"),
        (200, b" " * 1_000_001, "longer than 1,000,000 bytes"),
    ],
    ids=["none", "page", "dtd", "binary", "long"],
)
def test_what_is_no_wsdl(cli: Command, status: int, body: bytes, said: str) -> None:
    with answering(status, body) as node:
        checks = found(cli("doctor", "--node", node, "--json"))
    wsdl = checks["soap wsdl", urlsplit(node).netloc]
    assert wsdl["result"] in {"warn", "fail"}
    assert said in wsdl["message"]


def test_a_mail_server(cli: Command, platform: Platform) -> None:
    host, port = platform.do(lambda sandbox: sandbox.smtp_address)

    def look(relay: str) -> Done:
        return cli("doctor", "--json", SMS_TRAFFIC_SMTP_RELAY=relay, SMS_TRAFFIC_SMTP_SENDER="shop@example.ru")

    mail = found(look(f"smtp://{host}:{port}"))
    assert "answers 250 without TLS" in mail["mail server", f"{host}:{port}"]["message"]
    with closed_port() as closed:
        shut = found(look(f"smtp://127.0.0.1:{closed}"))
        assert shut["mail server", f"127.0.0.1:{closed}"]["result"] == "fail"
        assert shut["mail server", f"127.0.0.1:{closed}"]["message"] == "the port is closed"
    wrong = look("http://x")
    assert (wrong.code, found(wrong)["mail server", ""]["result"]) == (4, "fail")


def test_files_of_secrets(tmp_path: Path) -> None:
    kept, open_to_all = tmp_path / "kept", tmp_path / "open"
    for path, mode in ((kept, 0o600), (open_to_all, 0o644)):
        path.write_text("1837/secretsecret")
        path.chmod(mode)
    environ = {
        "SMS_TRAFFIC_API_KEY_FILE": str(kept),
        "SMS_TRAFFIC_PASSWORD_FILE": str(open_to_all),
        "SMS_TRAFFIC_LOGIN_FILE": str(tmp_path / "none"),
        "SMS_TRAFFIC_WEBHOOK_SECRET_FILE": str(kept),
        "SMS_TRAFFIC_WEBHOOK_SECRET": "also",
    }
    checks = {check.target: check for check in local_checks(environ) if check.name == "secret file"}
    assert {target: check.verdict for target, check in checks.items()} == {
        "SMS_TRAFFIC_API_KEY_FILE": "ok",
        "SMS_TRAFFIC_PASSWORD_FILE": "warn",
        "SMS_TRAFFIC_LOGIN_FILE": "fail",
        "SMS_TRAFFIC_WEBHOOK_SECRET_FILE": "warn",
    }
    assert checks["SMS_TRAFFIC_PASSWORD_FILE"].fix == f"chmod 600 {open_to_all}"
    assert "secretsecret" not in json.dumps([check.record() for check in local_checks(environ)])


def test_the_guard_and_the_proxies() -> None:
    def verdicts(**environ: str) -> dict[str, str]:
        return {check.name: check.verdict for check in local_checks(environ)}

    assert verdicts()["live-send guard"] == "ok"
    assert verdicts(SMS_TRAFFIC_ONLY_TO="7916*")["live-send guard"] == "warn"
    assert verdicts(SMS_TRAFFIC_ONLY_TO="nobody")["live-send guard"] == "fail"
    assert verdicts(http_proxy="x", NO_PROXY="y")["proxy variables"] == "warn"
    assert verdicts(http_proxy="")["proxy variables"] == "ok"


def test_a_mistyped_variable_is_named() -> None:
    """``…_ONLY_T0`` guards nothing, and nothing else would say so."""
    (check,) = [check for check in local_checks({"SMS_TRAFFIC_ONLY_T0": "79161112233"}) if "unknown" in check.name]
    assert (check.verdict, check.said) == ("warn", "read by nobody here: SMS_TRAFFIC_ONLY_T0")
    documented = Path("docs/cli.md").read_text(encoding="utf-8").split("## Options of every command")[0]
    names = dict.fromkeys(re.findall(r"SMS_TRAFFIC_[A-Z_]+[A-Z]", documented), "x") | {"SMS_TRAFFIC_SANDBOX_PORT": "1"}
    assert len(names) > 10
    assert not [check for check in local_checks(names) if "unknown" in check.name]
