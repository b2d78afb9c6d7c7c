# Sockets whose names are resolved by the access point: none without one, the portal's where there is a captive portal.
import usocket
from usocket import *

import network
import sim_bus


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    if not network._station._leads_on():
        raise OSError(-202)  # EAI_FAIL, as lwIP without a network, or when no name server answers
    if isinstance(host, bytes):
        host = host.decode()
    here, _payload = sim_bus.call(sim_bus.ROUTE, extra=port, payload=host.encode())
    if here <= 0:
        raise OSError(-202)
    return usocket.getaddrinfo("127.0.0.1", here, usocket.AF_INET, type or usocket.SOCK_STREAM)
