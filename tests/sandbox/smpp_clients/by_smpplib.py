"""The job done by python-smpplib, which is blocking: to be run in a thread."""

from __future__ import annotations

import time
from typing import Any

import smpplib.client
import smpplib.consts

from tests.sandbox.smpp_clients.job import THROTTLED, Done, Job, Part

__all__ = ("do",)


def do(job: Job) -> Done:
    done = Done()
    waiting: dict[int, Part] = {}
    again: list[Part] = []

    def answered(pdu: Any) -> None:
        if pdu.status:
            return  # told to the other handler as well
        del waiting[pdu.sequence]
        done.ids.append(pdu.message_id.decode())

    def refused(pdu: Any) -> None:
        assert pdu.status == THROTTLED, pdu.status
        done.throttled += 1
        again.append(waiting.pop(pdu.sequence))

    def received(pdu: Any) -> int:
        done.receipts[pdu.receipted_message_id.decode()] = pdu.message_state
        return int(smpplib.consts.SMPP_ESME_ROK)

    client = smpplib.client.Client(job.host, job.port, allow_unknown_opt_params=True, timeout=10)
    client.set_message_sent_handler(answered)
    client.set_error_pdu_handler(refused)
    client.set_message_received_handler(received)
    client.connect()
    try:
        _work(client, job, done, waiting, again)
    finally:
        client.disconnect()
    return done


def _work(client: Any, job: Job, done: Done, waiting: dict[int, Part], again: list[Part]) -> None:
    client.bind_transceiver(system_id=job.system_id, password=job.password)
    todo = list(job.parts)
    while len(done.receipts) < len(job.parts):
        if not todo and again:
            time.sleep(0.1)
            todo, again[:] = list(again), []
        while todo and len(waiting) < 10:
            part = todo.pop(0)
            pdu = client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
                source_addr_npi=0,
                source_addr=job.originator,
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
                destination_addr=part.to,
                short_message=part.short_message,
                data_coding=smpplib.consts.SMPP_ENCODING_ISO10646,
                esm_class=smpplib.consts.SMPP_GSMFEAT_UDHI,
                registered_delivery=True,
            )
            waiting[pdu.sequence] = part
        client.read_once()
    client.unbind()
