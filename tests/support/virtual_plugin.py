"""pytest plugin: lets the mark ``virtual`` choose the virtual event loop.

Named in ``pytest_plugins`` of a test module or of a conftest. Tests without the
mark get the loop they always had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from tests.support.virtual_loop import VirtualLoop

__all__ = ("pytest_asyncio_loop_factories",)

_REAL_SECONDS = 50.0
"""Less than the ``timeout`` of a test."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    for mark in item.iter_markers("asyncio"):
        if "virtual" in mark.kwargs.get("loop_factories", ()):
            return {"virtual": partial(VirtualLoop, real_seconds=_REAL_SECONDS)}
    return {"asyncio": asyncio.new_event_loop}
