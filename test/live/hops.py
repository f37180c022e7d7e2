"""traceroute in a page: hops.py ADDRESS. Prints a JSON list of who answered UDP probes with hop limits 1, 2, …"""

import json
import select
import socket
import struct
import sys

address = sys.argv[1]
v6 = ":" in address
family = socket.AF_INET6 if v6 else socket.AF_INET
listener = socket.socket(family, socket.SOCK_RAW, socket.getprotobyname("ipv6-icmp" if v6 else "icmp"))
TIME_EXCEEDED, UNREACHABLE, PORT = (3, 1, 4) if v6 else (11, 3, 3)


def probe(limit: int, tries: int = 8):
    sender = socket.socket(family, socket.SOCK_DGRAM)
    if v6:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, limit)
    else:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, limit)
    for _ in range(tries):
        try:
            sender.sendto(b"probe", (address, 33434 + limit))
        except OSError:
            pass  # the error of an earlier probe
        while select.select([listener], [], [], 2.0)[0]:
            packet, source = listener.recvfrom(2000)
            message = packet if v6 else packet[(packet[0] & 15) * 4 :]
            kind, code = message[0], message[1]
            if kind not in (TIME_EXCEEDED, UNREACHABLE):
                continue
            inner = message[8:]
            at = 40 if v6 else (inner[0] & 15) * 4
            if struct.unpack("!H", inner[at + 2 : at + 4])[0] == 33434 + limit:
                return source[0], kind, code
    return None, None, None


found = []
for limit in range(1, 9):
    who, kind, code = probe(limit)
    if kind == UNREACHABLE and code != PORT:
        found.append(f"{who} unreachable {code}")
        break
    found.append(who)
    if kind != TIME_EXCEEDED:
        break
print(json.dumps(found))
