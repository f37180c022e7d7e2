"""ping in 40 lines, since not every machine has one: ping.py ADDRESS COUNT SIZE DF(0|1) TIMEOUT_MS

Prints `received N of M`; exits 0 when all came back.
"""

import os
import socket
import struct
import sys
import time

address, count, size, df, timeout = sys.argv[1], *map(int, sys.argv[2:6])
v6 = ":" in address
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IPV6_MTU_DISCOVER = 10, 2, 23
sock = socket.socket(
    socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, socket.getprotobyname("ipv6-icmp" if v6 else "icmp")
)
if df:
    if v6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
identifier = os.getpid() & 0xFFFF


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


received = 0
for sequence in range(count):
    body = bytes((i + sequence) & 0xFF for i in range(size))
    kind, answer = (128, 129) if v6 else (8, 0)
    header = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence)
    header = struct.pack("!BBHHH", kind, 0, 0 if v6 else checksum(header + body), identifier, sequence)
    end = time.monotonic() + timeout / 1000
    try:
        sock.sendto(header + body, (address, 0))
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            packet = sock.recv(70000)
            packet = packet if v6 else packet[(packet[0] & 15) * 4 :]
            if packet[:2] == bytes([answer, 0]) and packet[4:] == header[4:] + body:
                received += 1
                break
    except OSError as error:
        print(error, file=sys.stderr)
print(f"received {received} of {count}")
sys.exit(0 if received == count else 1)
