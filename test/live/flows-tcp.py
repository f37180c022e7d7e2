"""Many TCP connections at once, each with bytes of its own that come back as their hash.

flows-tcp.py serve|send ADDRESS PORT FLOWS BYTES: `serve` prints a line when it listens; `send` prints how many
connections were true.
"""
import hashlib, random, socket, sys, threading
mode, address, port, flows, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
def answer(connection):
    digest = hashlib.sha256()
    left = size
    while left > 0:
        data = connection.recv(65536)
        if not data: return
        digest.update(data)
        left -= len(data)
    connection.sendall(digest.digest())
    connection.close()
if mode == 'serve':
    server = socket.create_server((address, port), backlog=256)
    print('listening', flush=True)
    while True: threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
true = []
def talk(n):
    data = random.Random(n).randbytes(size)
    connection = socket.create_connection((address, port), timeout=180)
    connection.settimeout(180)
    connection.sendall(data)
    got = b''
    while len(got) < 32:
        more = connection.recv(32 - len(got))
        if not more: break
        got += more
    if got == hashlib.sha256(data).digest(): true.append(n)
threads = [threading.Thread(target=talk, args=(n,)) for n in range(flows)]
for t in threads: t.start()
for t in threads: t.join()
print(len(true))
