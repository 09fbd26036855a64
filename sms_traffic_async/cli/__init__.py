"""The ``sms-traffic`` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ("main",)

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments without the program's name; ``None`` takes ``sys.argv``.

    Returns:
        The exit code: 0 done, 1 failure, 2 usage, 3 some failed, 4 credentials
        or configuration, 5 refused by the platform, 6 outcome unknown,
        7 rate-limited, 130 interrupted.
    """
    try:
        from sms_traffic_async.cli.app import run

        return run(sys.argv[1:] if argv is None else list(argv))
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in {"cyclopts", "rich"}:
            raise
        print("sms-traffic needs the [cli] extra: pip install 'sms-traffic-async[cli]'", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        return _INTERRUPTED  # while it was still being imported
