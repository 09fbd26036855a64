"""Send a CSV file of any length in constant memory, and write what became of each line.

    export SMS_TRAFFIC_API_KEY=public/secret
    python examples/bulk_script.py numbers.csv results.csv

The input has the columns ``phone`` and ``text``. Interrupt it when you like:
what is under way gets an honest outcome, and the results say where to go on.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from sms_traffic_async import InvalidMessage, Message, SmsTraffic


def messages(path: Path, refused: list[tuple[int, str]]) -> Iterator[Message]:
    """The file's messages, read as they are needed. A line that makes none is noted and passed over."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        for number, row in enumerate(csv.DictReader(lines), 2):
            try:
                yield Message(to=row["phone"], text=row["text"], region="RU")
            except InvalidMessage as error:
                refused.append((number, str(error)))


async def main(source: Path, target: Path) -> int:
    refused: list[tuple[int, str]] = []
    async with SmsTraffic.from_env() as sms:
        with target.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines)
            writer.writerow(["index", "phone", "ids", "outcome"])
            async with sms.send_many(messages(source, refused)) as results:
                async for result in results:
                    sent, error = result.submission, result.error
                    ids = " ".join(sent.message_ids) if sent is not None else ""
                    writer.writerow([result.index, result.message.to, ids, "sent" if error is None else str(error)])
    for number, problem in refused:
        print(f"line {number}: {problem}", file=sys.stderr)
    summary = results.summary
    print(summary)
    return 0 if summary.accepted == summary.taken and not refused else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    raise SystemExit(asyncio.run(main(given.source, given.target)))
