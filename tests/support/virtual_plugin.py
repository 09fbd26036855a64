"""pytest plugin: lets the mark ``virtual`` choose the virtual event loop.

Named in ``pytest_plugins`` of a test module or of a conftest. Tests without the
mark get the loop they always had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.support.virtual_loop import VirtualLoop

__all__ = ("pytest_asyncio_loop_factories",)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    for mark in item.iter_markers("asyncio"):
        if "virtual" in mark.kwargs.get("loop_factories", ()):
            return {"virtual": VirtualLoop}
    return {"asyncio": asyncio.new_event_loop}
