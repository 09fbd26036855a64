"""The job done by npm smpp, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from tests.sandbox.smpp_clients.job import Done, Job

__all__ = ("do",)

SCRIPT = Path(__file__).with_name("node_client.js")


async def do(job: Job, node: str, modules: str, ca: str = "") -> Done:
    """Raises what node wrote where it fails; ``ca`` makes it TLS."""
    described = {
        **{name: getattr(job, name) for name in ("host", "port", "system_id", "password", "originator")},
        "parts": [{"to": part.to, "short_message": part.short_message.hex()} for part in job.parts],
        "ca": ca,
    }
    process = await asyncio.create_subprocess_exec(
        node,
        str(SCRIPT),
        env={**os.environ, "NODE_PATH": modules},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(json.dumps(described).encode()), 40)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    found = json.loads(output)
    return Done(ids=found["ids"], receipts=found["receipts"], throttled=found["throttled"])
