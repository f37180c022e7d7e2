/**
 * Who may be connected to a server: a bounded number of clients, of whom those that let the server wait make room for those that come.
 *
 * A connection without a whole request costs nothing but its place, and the one that has been without for longest loses it. So a client is
 * answered however many others stay silent. Where all places are taken by requests that are being answered, the next request is refused:
 * 503 with Retry-After. Streams (events, captures) have bounds of their own and take no place.
 *
 * Who has just come may not have been heard yet: for a moment there are more connections than places.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export const MAX_CLIENTS = 32;
/** With those that have just come; more are closed unheard. */
const MAX_CONNECTIONS = 512;
/** For the first bytes of one who has just come. */
const MOMENT_MS = 20;
/** For who does not take what is answered, while others wait for his place. */
const READER_MS = 1000;
/** Bytes a millisecond: who takes more is not waited for. */
const SWIFT = 1000;
/** Clients that may read on for longer than that, while others wait, however swiftly: the other places are for who asks. */
const MAX_READERS = MAX_CLIENTS / 2;
const RETRY_SECONDS = 1;
/** Of one client that have no whole answer yet: one that sends more on end is closed. */
const MAX_AHEAD = 8;

interface Client {
  readonly socket: Socket;
  /** When the server began to wait for a request, or the request came. */
  since: number;
  /** What it had been sent by then. */
  before: number;
  request: IncomingMessage | null;
  response: ServerResponse | null;
  /** Requests without a whole answer. */
  open: number;
  isStream: boolean;
}

const clientOf = new WeakMap<Socket, Client>();

/** The answer goes on for as long as the client likes. */
export function beginStream({ socket }: ServerResponse): void {
  socket?.setTimeout(0);
  const client = socket === null ? undefined : clientOf.get(socket);
  if (client !== undefined) client.isStream = true;
}

/** Bounds the clients of a server; each request is to be put to `admit`, which refuses it or says true. */
export function boundClients(server: Server): (request: IncomingMessage, response: ServerResponse) => boolean {
  const clients = new Clients();
  server.maxConnections = MAX_CONNECTIONS;
  server.prependListener('connection', (socket) => clients.add(socket));
  return (request, response) => clients.admit(request, response);
}

class Clients {
  /** In the order in which they began to wait, as far as they wait. */
  readonly #all = new Map<Socket, Client>();
  #settles = false;

  add(socket: Socket): void {
    const client = {
      socket,
      since: performance.now(),
      before: 0,
      request: null,
      response: null,
      open: 0,
      isStream: false,
    };
    clientOf.set(socket, client);
    this.#all.set(socket, client);
    socket.once('close', () => this.#all.delete(socket));
    this.#settleSoon();
  }

  admit(request: IncomingMessage, response: ServerResponse): boolean {
    const client = clientOf.get(request.socket);
    if (client === undefined) return true;
    if (client.socket.destroyed) return false; // one more of the bytes that had been read
    if (++client.open > MAX_AHEAD) {
      this.#drop(client);
      return false;
    }
    client.since = performance.now();
    client.before = takenBy(client);
    client.request = request;
    client.response = response;
    response.once('close', () => this.#answered(client, response));
    // This one is not among them: that it is whole is known when it has been read to its end.
    if (this.#count(isBusy) < MAX_CLIENTS || this.#cutOffReader()) return true;
    response.writeHead(503, REFUSAL_HEADERS).end(REFUSAL);
    return false;
  }

  #answered(client: Client, response: ServerResponse): void {
    client.open--;
    // Behind it may be the next request already.
    if (client.response !== response) return;
    client.since = performance.now();
    client.request = null;
    client.response = null;
    client.isStream = false;
    if (this.#all.delete(client.socket)) this.#all.set(client.socket, client);
    this.#settleSoon();
  }

  #count(what: (client: Client) => boolean): number {
    let count = 0;
    for (const client of this.#all.values()) if (what(client)) count++;
    return count;
  }

  #settleSoon(): void {
    if (this.#settles || this.#all.size <= MAX_CLIENTS) return;
    this.#settles = true;
    setTimeout(() => {
      const before = performance.now() - MOMENT_MS;
      // What they have sent by now is read before that.
      setImmediate(() => {
        this.#settles = false;
        this.#settle(before);
        if (this.#count(takesPlace) > MAX_CLIENTS) this.#settleSoon();
      });
    }, MOMENT_MS).unref();
  }

  #settle(before: number): void {
    let over = this.#count(takesPlace) - MAX_CLIENTS;
    for (const client of this.#all.values()) {
      if (over <= 0) return;
      if (client.isStream || isBusy(client) || client.since > before) continue;
      turnAway(client);
      over--;
    }
    while (over-- > 0 && this.#cutOffReader());
  }

  /** Of the answers that have waited for their reader, the one that is taken most slowly; none that is taken swiftly unless there are many. */
  #cutOffReader(): boolean {
    const now = performance.now();
    const readers = [...this.#all.values()].filter(
      (client) => isBusy(client) && client.socket.writableLength > 0 && now - client.since >= READER_MS,
    );
    let slowest: Client | undefined;
    let least = readers.length > MAX_READERS ? Number.POSITIVE_INFINITY : SWIFT;
    for (const client of readers) {
      const speed = (takenBy(client) - client.before) / (now - client.since);
      if (speed > least || (slowest !== undefined && speed === least && client.since >= slowest.since)) continue;
      slowest = client;
      least = speed;
    }
    if (slowest === undefined) return false;
    this.#drop(slowest);
    return true;
  }

  #drop({ socket }: Client): void {
    this.#all.delete(socket);
    socket.destroy();
  }
}

function takesPlace({ isStream }: Client): boolean {
  return !isStream;
}

/** Bytes that the kernel has taken for it. */
function takenBy({ socket }: Client): number {
  return socket.bytesWritten - socket.writableLength;
}

/** Its request is here as a whole and has no whole answer yet. */
function isBusy({ isStream, request, response }: Client): boolean {
  return !isStream && response !== null && request?.complete === true;
}

const REFUSAL = `${JSON.stringify({ error: `${MAX_CLIENTS} clients are being served: try again` })}\n`;
const REFUSAL_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'content-length': Buffer.byteLength(REFUSAL),
  'retry-after': String(RETRY_SECONDS),
  connection: 'close',
};
const REFUSAL_TEXT = [
  'HTTP/1.1 503 Service Unavailable',
  ...Object.entries(REFUSAL_HEADERS).map(([name, value]) => `${name}: ${value}`),
  '',
  REFUSAL,
].join('\r\n');

/** Nothing has been answered yet to what it may have begun to say. */
function turnAway({ socket, response }: Client): void {
  if (response?.headersSent !== true && socket.writable) socket.write(REFUSAL_TEXT);
  socket.destroySoon();
}
