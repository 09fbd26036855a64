"""What ``sms-traffic bulk`` tells before and after, and what it exits with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sms_traffic_async.cli.bulk_journal import TO_DO, Fate, Journal
from sms_traffic_async.cli.bulk_preflight import Preflight
from sms_traffic_async.cli.bulk_recipe import Recipe, names_in
from sms_traffic_async.cli.output import Exit, Output, exit_code
from sms_traffic_async.errors import SendError

if TYPE_CHECKING:
    from sms_traffic_async.cli.bulk_sending import Sending

__all__ = ("bulk_exit", "show_preflight", "show_summary")

BAD = frozenset({Fate.BAD, Fate.REJECTED, Fate.REFUSED_FOR_NOW, Fate.NOT_SENT, Fate.UNTOUCHED})


def show_preflight(found: Preflight, recipe: Recipe, output: Output) -> None:
    """What a file holds."""
    record = found.record()
    needs = names_in(recipe.text or "")
    if output.json:
        output.record({"event": "preflight", "via": recipe.via, **record, "needs": needs})
        return
    about = "" if record["parts_exact"] else "about "
    encodings = ", ".join(f"{count:,} {name}" for name, count in sorted(found.encodings.items()))
    lines = [
        ("rows", f"{found.rows:,}"),
        ("to send", f"{record['to_send']:,}" + (f" ({encodings})" if encodings else "")),
        ("parts", f"{about}{found.parts:,}, the longest text {found.longest}"),
        ("bad rows", f"{found.bad:,}"),
        ("duplicates", f"{found.duplicates:,} (number and text of an earlier row)"),
        ("number again", f"{found.same_number:,} (number of an earlier row, another text)"),
    ]
    if needs:
        lines.insert(1, ("the text needs", ", ".join(needs)))
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        output.say(f"{name.ljust(width)}  {value}")
    if found.spam:
        output.note(
            f"{found.spam:,} of the duplicates come too often: the platform rejects the fifth same text to a number "
            "within an hour as spam"
        )
    for line, reason in found.named:
        output.note(f"line {line}: {reason}")
    if found.bad > len(found.named):
        output.note(f"and {found.bad - len(found.named):,} more; the result file has all")


def show_summary(
    journal: Journal, journal_path: Path, results: Path, output: Output, *, error: SendError | None, interrupted: bool
) -> None:
    """What became of the rows, of all runs together."""
    counts = journal.counts()
    rejected = counts[Fate.REJECTED] + counts[Fate.REFUSED_FOR_NOW]
    shown = {
        "accepted": counts[Fate.ACCEPTED],
        "rejected": rejected,
        "not_sent": counts[Fate.NOT_SENT],
        "unknown": counts[Fate.UNKNOWN],
        "untouched": counts[Fate.UNTOUCHED],
        "bad": counts[Fate.BAD],
        "duplicates": counts[Fate.DUPLICATE],
    }
    left = sum(counts[fate] for fate in TO_DO)
    if output.json:
        paths = {"results": str(results), "journal": str(journal_path)}
        why = None if error is None else type(error).__name__
        output.record({"event": "summary", **shown, "left": left, "interrupted": interrupted, "error": why, **paths})
    else:
        words = {"not_sent": "not sent", "duplicates": "skipped as duplicates"}
        output.say(", ".join(f"{count:,} {words.get(name, name)}" for name, count in shown.items() if count))
    output.note(f"what became of each row: {results}")
    if error is not None:
        output.note(f"given up: {type(error).__name__}: {error}")
    if shown["unknown"]:
        output.note(
            "unknown: an SMS may have gone out; --resume asks the platform where it can, and never repeats them"
        )
    if left:
        output.note(f"{left:,} rows were not sent: the same command with --resume sends them")


def bulk_exit(journal: Journal, sending: Sending, *, interrupted: bool) -> int:
    """The exit code, of all runs together."""
    if interrupted:
        return Exit.INTERRUPTED
    if sending.error is not None:
        return exit_code(sending.error)
    counts = journal.counts()
    if counts[Fate.UNKNOWN]:
        return Exit.UNKNOWN
    if not any(counts[fate] for fate in BAD):
        return Exit.DONE
    if counts[Fate.REJECTED] and not any(counts[fate] for fate in (BAD - {Fate.REJECTED}) | {Fate.ACCEPTED}):
        return Exit.REFUSED
    return Exit.SOME_FAILED
