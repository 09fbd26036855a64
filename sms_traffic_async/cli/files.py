"""Files that are written for the user."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

__all__ = ("is_json_lines", "whole_file")


def is_json_lines(path: Path) -> bool:
    """Whether a file of this name holds an object of JSON a line."""
    return path.suffix.lower() in {".jsonl", ".ndjson"}


@contextlib.contextmanager
def whole_file(path: Path) -> Generator[TextIO]:
    """A file that appears whole, in one step, or not at all; for the user's eyes only.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
