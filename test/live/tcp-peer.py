"""One end of a TCP connection that carries data both ways at once.

    tcp-peer.py listen|connect ADDRESS PORT BYTES

Sends BYTES of random data while it receives to the end of the stream, and prints one line: bytes and SHA-256 of what
it sent and of what it received, and the seconds it took. The two ends have to agree crosswise.
"""

import hashlib
import json
import os
import socket
import sys
import threading
import time

role, address, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
where = (address, port)
family = socket.AF_INET6 if ":" in address else socket.AF_INET
PATIENCE = 90
end = time.monotonic() + PATIENCE
if role == "listen":
    server = socket.create_server(where, family=family)
    server.settimeout(PATIENCE)
    peer, _ = server.accept()
else:
    while True:
        try:
            # The kernel repeats itself. A connection given up here could be the one that the listener takes.
            peer = socket.create_connection(where, timeout=PATIENCE)
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
peer.settimeout(PATIENCE)
sent = hashlib.sha256()


def send():
    left = size
    while left > 0:
        block = os.urandom(min(left, 1 << 18))
        sent.update(block)
        peer.sendall(block)
        left -= len(block)
    peer.shutdown(socket.SHUT_WR)


begin = time.monotonic()
sender = threading.Thread(target=send, daemon=True)
sender.start()
received = hashlib.sha256()
count = 0
while data := peer.recv(1 << 18):
    received.update(data)
    count += len(data)
sender.join()
print(
    json.dumps(
        {
            "sent": [size, sent.hexdigest()],
            "received": [count, received.hexdigest()],
            "seconds": time.monotonic() - begin,
        }
    )
)
