"""Every error that a user can meet has one root, and a name that documentation may use."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import sms_traffic_async
from sms_traffic_async import SmsTrafficError
from sms_traffic_async import errors as tree

PUBLIC = (
    "sms_traffic_async",
    "sms_traffic_async.protocols.http_v1",
    "sms_traffic_async.protocols.http_v2",
    "sms_traffic_async.outbox",
    "sms_traffic_async.sandbox",
    "sms_traffic_async.webhooks",
)
INSIDE = "sms_traffic_async.cli."
"""What the command line raises, it prints."""


def every_error() -> Iterator[type[SmsTrafficError]]:
    for module in pkgutil.walk_packages(sms_traffic_async.__path__, "sms_traffic_async."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting: list[type[SmsTrafficError]] = [SmsTrafficError]
    for one in waiting:
        waiting += one.__subclasses__()
    return (one for one in dict.fromkeys(waiting[1:]) if one.__module__.startswith("sms_traffic_async."))


def test_every_error_is_caught_by_a_public_name() -> None:
    public = {
        value
        for name in PUBLIC
        for value in (getattr(importlib.import_module(name), word) for word in importlib.import_module(name).__all__)
        if isinstance(value, type)
    }
    hidden = {
        one
        for one in every_error()
        # A kind that is told apart by nobody is caught by its next base, as long as that says more than the root.
        if not one.__module__.startswith(INSIDE) and not (set(one.__mro__) - {SmsTrafficError}) & public
    }
    assert not hidden


@pytest.mark.parametrize("name", sorted(tree.__all__))
def test_the_tree_is_drawn_and_exported_whole(name: str) -> None:
    value = getattr(tree, name)
    if isinstance(value, type) and issubclass(value, SmsTrafficError):
        assert name in str(tree.__doc__)
        assert name in sms_traffic_async.__all__
