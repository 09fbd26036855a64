"""How long the state machines run: short in the suite, as the profile says where one is chosen."""

from __future__ import annotations

import os

from hypothesis import settings

MACHINE = (
    settings(deadline=None)
    if os.environ.get("SMS_TRAFFIC_HYPOTHESIS_PROFILE", "default") != "default"
    else settings(max_examples=50, stateful_step_count=30, deadline=None)
)
