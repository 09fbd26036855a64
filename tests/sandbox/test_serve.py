"""``serve()``: options from the environment, ready lines, the port file, signals."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from pathlib import Path

import httpx
import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import DEFAULT_API_KEY
from sms_traffic_async.sandbox.serve import ServeOptions, serve
from sms_traffic_async.secrets import Secret
from tests.sandbox.foreign import TLS

SCRIPT = """
import asyncio, sys
from pathlib import Path
from sms_traffic_async.sandbox.serve import ServeOptions, serve
asyncio.run(serve(ServeOptions(port=0, port2=0, smtp_port=0, port_file=Path(sys.argv[1]))))
"""


def test_defaults() -> None:
    options = ServeOptions.from_env({})
    assert (options.host, options.port, options.port2) == ("127.0.0.1", 8725, 8726)
    assert options.api_key == Secret(DEFAULT_API_KEY)
    assert DEFAULT_API_KEY.split("/")[1] not in repr(options)
    assert (options.smpp_ports, options.smpp_tls_ports) == ((4442, 4452), (4441, 4451))
    assert options.smtp_port == 2525

    free = ServeOptions(port=0)  # a second sandbox beside another needs this one word
    assert (free.http_ports, free.smtp_port, free.smpp_ports, free.smpp_tls_ports) == ((0, 0), 0, (0, 0), (0, 0))


def test_given_then_environment_then_default() -> None:
    environ = {
        "SMS_TRAFFIC_SANDBOX_PORT": "9000",
        "SMS_TRAFFIC_SANDBOX_PORT2": "9001",
        "SMS_TRAFFIC_SANDBOX_PORT_FILE": "ports.json",
        "SMS_TRAFFIC_SANDBOX_API_KEY": "1/other",
        "SMS_TRAFFIC_SANDBOX_PROXIED": "yes",
        "SMS_TRAFFIC_SANDBOX_PROFILE": "flaky",
        "SMS_TRAFFIC_SANDBOX_HOST": "",
        "SMS_TRAFFIC_SANDBOX_SMPP_TLS_PORT": "9441",
        "SMS_TRAFFIC_SANDBOX_SMPP_CA_FILE": "ca.pem",
    }
    options = ServeOptions.from_env(environ, port=9100, profile=None)
    assert (options.port, options.port2, options.host) == (9100, 9001, "127.0.0.1")
    assert options.port_file == Path("ports.json")
    assert options.api_key == Secret("1/other")
    assert options.proxied is True
    assert options.smpp_tls_ports == (9441, 4451)
    assert options.smpp_ca_file == Path("ca.pem")
    assert options.profile == "flaky"


@pytest.mark.parametrize(
    "name,value",
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("PORT2", "-1"),
        ("SMPP_PORT", "smpp"),
        ("SMPP_TLS_PORT2", "70000"),
        ("PROXIED", "perhaps"),
    ],
)
def test_what_cannot_be_read(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError):
        ServeOptions.from_env({f"SMS_TRAFFIC_SANDBOX_{name}": value})


async def test_it_serves_until_it_is_cancelled(tmp_path: Path, no_tasks_left: None) -> None:
    lines: list[str] = []
    ready = asyncio.Event()

    def write(line: str) -> None:
        lines.append(line)
        if line == "ready":
            ready.set()

    file = tmp_path / "ports.json"
    ca_file = tmp_path / "ca.pem"
    options = ServeOptions(
        port=0, port2=0, smtp_port=0, port_file=file, smpp_ca_file=ca_file, api_key=Secret("1/own-secret")
    )
    task = asyncio.create_task(serve(options, write=write))
    await asyncio.wait_for(ready.wait(), 10)
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told["pid"] == os.getpid()
    async with httpx.AsyncClient(verify=TLS) as client:
        for node in told["nodes"]:
            answer = await client.get(f"{node}/v2/account", headers={"Authorization": "Bearer 1/own-secret"})
            assert answer.status_code == 200
    assert f"export SMS_TRAFFIC_NODES={','.join(told['nodes'])}" in lines
    assert f"export SMS_TRAFFIC_SMPP_SERVERS={','.join(told['smpp'])}" in lines
    assert not any("API_KEY" in line for line in lines)  # a key of the user's own
    assert "own-secret" not in "\n".join(lines)
    host, port = told["smpp_tls"][1].removeprefix("smpps://").split(":")
    context = ssl.create_default_context(cafile=str(ca_file))
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    writer.close()
    await writer.wait_closed()
    assert f"smpp    {','.join(told['smpp'])}" in lines
    assert f"smpps   {','.join(told['smpp_tls'])}" in lines
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not file.exists()
    assert not ca_file.exists()


async def test_a_taken_port_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
            await serve(ServeOptions(port=0, port2=port, smtp_port=0))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_stop_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "ports.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[bytes] = []
    async for line in process.stdout:
        said.append(line.strip())
        if said[-1] == b"ready":
            break
    assert file.exists()
    assert f"export SMS_TRAFFIC_API_KEY={DEFAULT_API_KEY}".encode() in said
    process.send_signal(number)
    rest, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
    assert await process.wait() == 0
    assert rest.strip() == b"stopped"
    assert errors == b""
    assert not file.exists()
