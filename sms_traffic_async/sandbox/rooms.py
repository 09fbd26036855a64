"""Which protocol, page and control API is found where on the two nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sms_traffic_async.sandbox.control_guard import LOCAL, Guard
from sms_traffic_async.sandbox.http_v1 import V1Room
from sms_traffic_async.sandbox.http_v2 import V2Room
from sms_traffic_async.sandbox.page_files import NAMES, page_file
from sms_traffic_async.sandbox.soap import SoapRoom

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from sms_traffic_async.sandbox.server import Sandbox

__all__ = ("CONTROL_PREFIX", "mount_rooms")

CONTROL_PREFIX = "/_sandbox/"


def mount_rooms(sandbox: Sandbox, host: str) -> None:
    """Put the rooms of every HTTP protocol into the nodes, the control API and the page into the first."""
    for app in sandbox.nodes:
        app.add_room("/v2/", V2Room(sandbox.platform, app.node))
        v1 = V1Room(sandbox.platform)
        for path in ("/multi.php", "//multi.php", "/list.php", "//list.php"):
            app.add_room(path, v1)
        soap = SoapRoom(sandbox.platform, lambda: sandbox.urls)
        for path in ("/soap.php", "/soap.wsdl"):
            app.add_room(path, soap)

    def control() -> Starlette:
        # Starlette is imported by whoever uses the control API, not by every test.
        from sms_traffic_async.sandbox.control import control_app

        return control_app(sandbox)

    local = LOCAL | {host.lower()}
    sandbox.nodes[0].mount(CONTROL_PREFIX, Guard(control, hosts=local))
    page = Guard(lambda: page_file, hosts=local)
    for name in ("", *NAMES):
        sandbox.nodes[0].place(f"/{name}", page)
