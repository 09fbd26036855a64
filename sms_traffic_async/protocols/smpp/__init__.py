"""SMPP 3.4: a link to the platform that lives for weeks.

``vocabulary`` names things, ``pdu`` turns values into bytes and back,
``protocol`` is the session machine (no I/O, either role), ``receipts`` reads
delivery receipts, ``reassembly`` joins the parts of inbound messages.
"""

from __future__ import annotations

__all__ = ()
