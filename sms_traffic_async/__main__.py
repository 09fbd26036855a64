"""``python -m sms_traffic_async`` is the ``sms-traffic`` command."""

from __future__ import annotations

import sys

from sms_traffic_async.cli import main

__all__ = ()

if __name__ == "__main__":
    sys.exit(main())
