"""UDP flows with numbers.

flows-udp.py receive|send ADDRESS PORT FLOWS COUNT: `send` says at the end of each flow that this was all, again and
again until it is killed; `receive` says how many came, how many of them behind a later one of their flow, and of how many
flows, when all flows have ended.
"""
import socket, struct, sys, time
mode, address, port, flows, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
END = 0xFFFFFFFF
if mode == 'receive':
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    s.bind((address, port))
    print('listening', flush=True)
    last, ended, got, late = {}, set(), 0, 0
    while len(ended) < flows:
        flow, number = struct.unpack('!II', s.recv(2048)[:8])
        if number == END:
            ended.add(flow)
            continue
        got += 1
        if number < last.get(flow, -1) or flow in ended: late += 1
        last[flow] = number
    print(got, late, len(last), flush=True)
else:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(flows)]
    for s in sockets: s.connect((address, port))
    for number in range(count):
        for flow, s in enumerate(sockets): s.send(struct.pack('!II', flow, number) + bytes(100))
        if number % 10 == 9: time.sleep(0.005)
    while True:
        for flow, s in enumerate(sockets): s.send(struct.pack('!II', flow, END) + bytes(100))
        time.sleep(0.2)
