"""UDP datagrams cut by the kernel or below it (UDP_SEGMENT), with every byte accounted for.

    udp-segment.py receive|send ADDRESS PORT SIZE ROUNDS

The sender hands over blocks of 20 datagrams of SIZE bytes (the last one shorter) in one call each, and waits for the
receiver's hash of the block before the next; a block of which something was lost is sent again. The sender prints
how many of its blocks arrived with the right hash.
"""

import hashlib
import os
import socket
import struct
import sys
import time

role, address, port, size, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
UDP_SEGMENT = 103
PATIENCE = 90
COUNT = 20
HEADER = struct.Struct("!IIB")  # round, attempt, datagram
family = socket.AF_INET6 if ":" in address else socket.AF_INET
peer = socket.socket(family, socket.SOCK_DGRAM)
end = time.monotonic() + PATIENCE

if role == "receive":
    peer.bind((address, port))
    peer.settimeout(PATIENCE)
    block, parts = None, {}
    while True:
        data, sender = peer.recvfrom(65535)
        if data == b"end":
            break
        now, attempt, n = HEADER.unpack_from(data)
        if block != (now, attempt):
            block, parts = (now, attempt), {}
        parts[n] = data
        if len(parts) == COUNT:
            digest = hashlib.sha256(b"".join(parts[i] for i in range(COUNT))).digest()
            peer.sendto(HEADER.pack(now, attempt, 0) + digest, sender)
else:
    peer.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
    right = attempt = now = 0
    while now < rounds and time.monotonic() < end:
        attempt += 1
        parts = [HEADER.pack(now, attempt, n) + os.urandom(size - HEADER.size) for n in range(COUNT)]
        parts[-1] = parts[-1][: size // 2]
        peer.settimeout(0.5)
        try:
            peer.sendto(b"".join(parts), (address, port))
            answer = peer.recv(100)
            while HEADER.unpack_from(answer)[1] != attempt:
                answer = peer.recv(100)
        except (TimeoutError, ConnectionError):
            continue
        right += answer[HEADER.size :] == hashlib.sha256(b"".join(parts)).digest()
        now += 1
    for _ in range(3):
        peer.sendto(b"end", (address, port))
    print(right)
