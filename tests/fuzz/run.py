"""Fuzz one decoder with atheris: ``python -m tests.fuzz.run xml -max_total_time=60``. Run by ``nox -s fuzz``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["sms_traffic_async"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
