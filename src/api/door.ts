/**
 * The control socket before anybody has asked: it listens, and what answers is loaded for the first client. Most of a
 * switch's memory would be the framework and the schemas of an API that many switches are never asked by.
 */

import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { boundedServer, closeServer } from './bounded-server.ts';
import { listenOnSocket } from './claim-socket.ts';

/** What answers the requests of a server. */
export interface Answering {
  handler: RequestListener;
  close(): Promise<void>;
}

export interface Door {
  /** Ends every connection; the socket's file goes with it. */
  close(): Promise<void>;
}

/**
 * Listens on a Unix socket. `load` is called for the first client; when it rejects, that is told to `failed`, who waits is sent
 * away, and the next client tries again. Rejects with SocketError.
 */
export async function openDoor(
  path: string,
  name: string,
  load: (server: Server) => Promise<Answering>,
  failed: (error: Error) => void,
): Promise<Door> {
  let answering: Answering | undefined;
  const server = boundedServer((request, response) => answering!.handler(request, response));
  const waiting = holdBack(server);
  let opening: Promise<void> | undefined;
  const open = async () => {
    try {
      answering = await load(server);
      waiting.letIn();
    } catch (error) {
      failed(error as Error);
      waiting.sendAway();
      opening = undefined;
    }
  };
  server.on('connection', () => {
    opening ??= Promise.resolve().then(open);
  });
  await listenOnSocket(server, path, name);
  return {
    close: async () => {
      waiting.sendAway();
      await closeServer(server);
      await opening;
      await answering?.close();
    },
  };
}

/** Connections wait with what they have to say, unread, until they are let in to the server's own listener. */
function holdBack(server: Server): { letIn(): void; sendAway(): void } {
  const own = server.listeners('connection') as ((socket: Socket) => void)[];
  const waiting = new Set<Socket>();
  const hold = (socket: Socket) => {
    waiting.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => waiting.delete(socket));
  };
  server.removeAllListeners('connection');
  server.on('connection', hold);
  return {
    letIn() {
      server.off('connection', hold);
      for (const listener of own) server.on('connection', listener);
      for (const socket of waiting) {
        for (const listener of own) listener.call(server, socket);
      }
      waiting.clear();
    },
    sendAway() {
      for (const socket of waiting) socket.destroy();
    },
  };
}
