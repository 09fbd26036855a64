"""What the webhook tests share."""

import pytest

from tests.webhooks.kit import Application


@pytest.fixture
async def application() -> Application:
    return Application()
