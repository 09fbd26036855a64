"""How long the state machines run: short in the suite, as the profile says where one is chosen."""

from __future__ import annotations

import os

from hypothesis import settings

LONG = os.environ.get("SMS_TRAFFIC_HYPOTHESIS_PROFILE", "default") != "default"


def lengths(examples: int = 50, steps: int = 30) -> settings:
    """So many examples of so many steps in the suite."""
    if LONG:
        return settings(deadline=None)
    return settings(max_examples=examples, stateful_step_count=steps, deadline=None)


MACHINE = lengths()
