"""``SandboxThread`` by itself, where its beginning is cut short."""

from __future__ import annotations

import threading

import pytest

from sms_traffic_async import testing


def test_a_start_that_is_given_up_leaves_no_thread_and_can_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    sandbox = testing.SandboxThread(smtp_port=None, smpp_ports=None, smpp_tls_ports=None)
    with monkeypatch.context() as patched:
        patched.setattr(testing, "LONGEST_CALL", 0.0)  # as Ctrl-C would: nobody waits for it any more
        with pytest.raises(TimeoutError):
            sandbox.start()
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)
    with sandbox:
        assert len(sandbox.inbox) == 0
