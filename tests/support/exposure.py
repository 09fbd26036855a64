"""What an error gives away: everything an error reporter could print of it."""

import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

TESTS = str(Path(__file__).parents[1])


def shown(error: BaseException) -> str:
    """Text, repr, attributes and tracebacks with locals, of the error and of everything chained to it.

    Frames of the tests themselves are left out: they hold what they pass in.
    """
    return "\n".join(part for link in _chain(error) for part in _parts(link))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        # A suppressed context is not printed by Python, but reporters walk it.
        waiting += [link.__cause__, link.__context__]


def _parts(error: BaseException) -> Iterator[str]:
    yield str(error)
    yield repr(error)
    yield repr(vars(error))
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(TESTS):
            yield from (f"{frame.f_code.co_qualname}: {name}={_printed(it)}" for name, it in frame.f_locals.items())


def _printed(value: object) -> str:
    """As ``traceback`` does: what is half made cannot print itself."""
    try:
        return repr(value)
    except AttributeError:
        return "<unprintable>"


def pickled(error: BaseException) -> BaseException:
    """The error as another process would get it."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(copy, BaseException)
    return copy
