"""The job done by rusmppyc: an SMPP 5 codec that binds to a 3.4 server when it is told not to mind."""

from __future__ import annotations

import asyncio
from typing import Any

import rusmppyc
from rusmppyc.exceptions import UnexpectedResponseException

from tests.sandbox.smpp_clients.job import Done, Job, Part

__all__ = ("do",)

DELIVERED = 2
FINAL = rusmppyc.MCDeliveryReceipt.McDeliveryReceiptRequestedWhereFinalDeliveryOutcomeIsSuccessOrFailure()


async def do(job: Job) -> Done:
    done = Done()
    client, events = await rusmppyc.Client.connect(
        url=f"smpp://{job.host}:{job.port}", interface_version_check=False, enquire_link_interval=30_000
    )
    every = asyncio.Event()

    async def receive() -> None:
        async for event in events:
            if isinstance(event, rusmppyc.Event.Incoming) and isinstance(event[0].id, rusmppyc.CommandId.DeliverSm):
                command = event[0]
                _note(done, command.pdu[0])
                await client.deliver_sm_resp(command.sequence_number, "")
                if len(done.receipts) == len(job.parts):
                    every.set()

    receiving = asyncio.create_task(receive())
    await client.bind_transceiver(
        system_id=job.system_id, password=job.password, interface_version=rusmppyc.InterfaceVersion.Smpp3_4()
    )
    window = asyncio.Semaphore(10)

    async def send(part: Part) -> None:
        async with window:
            while not await _sent(client, job, part, done):
                await asyncio.sleep(0.1)

    await asyncio.gather(*(send(part) for part in job.parts))
    await asyncio.wait_for(every.wait(), 20)
    await client.unbind()
    await client.closed()  # the platform closes after its unbind_resp
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    return done


async def _sent(client: Any, job: Job, part: Part, done: Done) -> bool:
    features = rusmppyc.GsmFeatures.UdhiIndicator()
    try:
        answer = await client.submit_sm(
            source_addr_ton=rusmppyc.Ton.Alphanumeric(),
            source_addr_npi=rusmppyc.Npi.Unknown(),
            source_addr=job.originator,
            dest_addr_ton=rusmppyc.Ton.International(),
            dest_addr_npi=rusmppyc.Npi.Isdn(),
            destination_addr=part.to,
            esm_class=rusmppyc.EsmClass(gsm_features=features),
            registered_delivery=rusmppyc.RegisteredDelivery(mc_delivery_receipt=FINAL),
            data_coding=rusmppyc.DataCoding.Ucs2(),
            short_message=part.short_message,
        )
    except UnexpectedResponseException as error:
        if "EsmeRthrottled" not in str(error):
            raise
        done.throttled += 1
        return False
    done.ids.append(bytes(answer.message_id).rstrip(b"\0").decode())
    return True


def _note(done: Done, pdu: Any) -> None:
    # Of its types the text form is the handiest, and shows what it made of the parameters.
    shown = repr(pdu.tlvs)
    message_id = bytes(pdu.short_message).partition(b" ")[0].removeprefix(b"id:")
    assert repr([*message_id, 0]) in shown, shown
    done.receipts[message_id.decode()] = DELIVERED if "MessageState(Delivered)" in shown else 0
