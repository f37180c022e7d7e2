/** Ports for tests: no two of them get the same, in whatever process they run. */

import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';

/** Claims of this process, which end with it: sockets with a name that is no file, which Linux alone has. */
const claims: Server[] = [];
/** Below those that the system gives away by itself (ip_local_port_range). */
const [FIRST_PORT, PORTS] = [12_000, 20_000];

/** A port of this address that nobody uses, and no other process of tests gets while this one lives. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const claim = createServer().unref();
    const take = () => claim.listen(`\0etherloom-test-port-${port}`);
    if (process.platform === 'linux' && !(await comes(claim, take))) continue;
    claims.push(claim);
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const isFree = await comes(socket, () => socket.bind({ port, address: host, exclusive: true }));
    await new Promise<void>((done) => socket.close(done));
    if (isFree) return port;
  }
}

function comes(socket: Server | Socket, open: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('listening', () => resolve(true)).once('error', () => resolve(false));
    open();
  });
}
