"""What is done where OpenTelemetry is not installed, and what is not imported where it is."""

from __future__ import annotations

import subprocess
import sys

ABSENT = """
import sys, asyncio
from importlib import machinery
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "opentelemetry": raise ModuleNotFoundError(name, name=name)
        return None
real = machinery.PathFinder.find_spec
machinery.PathFinder.find_spec = staticmethod(
    lambda name, *rest: None if name.split(".")[0] == "opentelemetry" else real(name, *rest))
from sms_traffic_async import SmsTraffic
from sms_traffic_async.otel import OtelHooks
from sms_traffic_async.sandbox import Sandbox
hooks = OtelHooks()
async def main():
    async with Sandbox(smtp_port=None, smpp_ports=None) as sandbox:
        async with SmsTraffic(**sandbox.client_options(), hooks=hooks) as sms:
            sent = await sms.send("79161112233", "x")
            print(hooks.active, bool(sent.message_ids), any(m.startswith("opentelemetry") for m in sys.modules))
asyncio.run(main())
"""


def test_without_opentelemetry_the_hooks_do_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", ABSENT], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False True False\n", "")


def test_importing_the_package_imports_no_opentelemetry() -> None:
    code = "import sys; from sms_traffic_async import SmsTraffic; import sms_traffic_async.otel; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith("opentelemetry")]
