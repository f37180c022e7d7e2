"""Sends and receives whole Ethernet frames on one interface, as lines of hex on stdin and stdout.

Python because it is wherever the addon can be built (node-gyp runs on it). The kernel takes a frame's outer tag
away before a packet socket sees the frame; PACKET_AUXDATA tells which it was, and it is put back here.

    stdin   ffffffffffff02000000000181000064...    a frame to send
    stdout  ready                                  once, when it listens
            ffffffffffff0200...                    a frame that came in (those that went out are left away)
"""

import select
import socket
import struct
import sys

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33  # more than the system allows everybody: a frame that came in is not lost
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6

sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
sock.bind((sys.argv[1], ETH_P_ALL))
print("ready", flush=True)

pending = b""
while True:
    readable, _, _ = select.select([sock, 0], [], [])
    if sock in readable:
        frame, ancillary, _, address = sock.recvmsg(70000, 256)
        for level, kind, data in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack_from("=IIIHHHH", data)
                if status & TP_STATUS_VLAN_VALID:
                    tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                    frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
        if address[2] != PACKET_OUTGOING:
            print(frame.hex(), flush=True)
    if 0 in readable:
        data = sys.stdin.buffer.raw.read(1 << 20)
        if not data:
            break
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            if line.strip():
                sock.send(bytes.fromhex(line.decode()))
