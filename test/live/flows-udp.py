"""UDP flows with numbers.

flows-udp.py receive|send ADDRESS PORT FLOWS COUNT: `receive` says how many came, how many of them behind a later one of
their flow, and of how many flows, when it has seen nothing for two seconds; `send` says how many it has sent.
"""
import socket, struct, sys, time
mode, address, port, flows, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
if mode == 'receive':
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    s.bind((address, port))
    print('listening', flush=True)
    last, got, late = {}, 0, 0
    s.settimeout(60)
    while True:
        try: data = s.recv(2048)
        except TimeoutError: break
        s.settimeout(2)
        flow, number = struct.unpack('!II', data[:8])
        got += 1
        if number < last.get(flow, -1): late += 1
        last[flow] = number
    print(got, late, len(last), flush=True)
else:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(flows)]
    for s in sockets: s.connect((address, port))
    for number in range(count):
        for flow, s in enumerate(sockets): s.send(struct.pack('!II', flow, number) + bytes(100))
        if number % 10 == 9: time.sleep(0.005)
    print(flows * count, flush=True)
