"""The job done by smpp34, whose core is Rust."""

from __future__ import annotations

import asyncio

import smpp34

from tests.sandbox.smpp_clients.job import THROTTLED, Done, Job, Part

__all__ = ("do",)

MESSAGE_STATE, RECEIPTED_ID = 0x0427, 0x001E


async def do(job: Job) -> Done:
    done = Done()
    client = smpp34.Client(
        host=job.host, port=job.port, system_id=job.system_id, password=job.password, bind_type="TRX", window_size=10
    )
    smsc = await client.connect()

    async def send(part: Part) -> None:
        while True:
            answer = await smsc.submit_sm(
                part.to,
                part.short_message,
                source_addr=job.originator,
                source_addr_ton=5,
                source_addr_npi=0,
                dest_addr_ton=1,
                dest_addr_npi=1,
                esm_class=0x40,
                data_coding=8,
                registered_delivery=1,
            )
            if answer.is_success:
                done.ids.append(answer.message_id or "")
                return
            assert answer.command_status == THROTTLED, answer.command_status
            done.throttled += 1
            await asyncio.sleep(0.1)

    async def receive() -> None:
        while len(done.receipts) < len(job.parts):
            event = await smsc.next()
            assert isinstance(event, smpp34.DeliverSmEvent), event
            values = {one.tag: one.value for one in event.tlvs}
            done.receipts[values[RECEIPTED_ID].rstrip(b"\0").decode()] = values[MESSAGE_STATE][0]

    await asyncio.gather(receive(), *(send(part) for part in job.parts))
    await smsc.unbind()
    await client.stop()
    return done
