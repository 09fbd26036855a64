"""``SandboxThread`` by itself, where its beginning is cut short."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

import pytest

from sms_traffic_async import sandbox, testing

GO_ON = threading.Event()


class Slow(sandbox.Sandbox):
    """It listens only when it is told to."""

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(GO_ON.wait, 10)
        return await super().__aenter__()


def test_a_start_that_is_given_up_leaves_no_thread_and_can_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "Sandbox", Slow)
    before = set(threading.enumerate())
    thread = testing.SandboxThread(smtp_port=None, smpp_ports=None, smpp_tls_ports=None)
    with monkeypatch.context() as patched:
        patched.setattr(testing, "LONGEST_CALL", 0.01)  # as with Ctrl-C, nobody waits for it any more
        with pytest.raises(TimeoutError):
            thread.start()
    left = set(threading.enumerate()) - before
    GO_ON.set()
    for one in left:
        one.join(10)
    assert left
    assert not any(one.is_alive() for one in left)
    with thread:
        assert len(thread.inbox) == 0
