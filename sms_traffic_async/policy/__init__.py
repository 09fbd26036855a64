"""What may be done again, where and when: decisions that every protocol shares.

No room in here does I/O. Time and chance are arguments, or come from an
injected ``Clock``. ``retry`` decides, ``retry_after`` reads what the platform
asked for, ``breaker`` and ``nodes`` know which node to ask, ``limits`` knows
who has to wait after a 429, ``rate``, ``turns`` and ``window`` keep a rate, ``loop``
carries the decisions out, ``guards`` and ``abuse`` refuse before anything leaves.
"""

from __future__ import annotations

__all__ = ()
