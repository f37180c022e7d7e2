/**
 * An HTTP server whose clients cannot hold up each other for long: their number (clients.ts), the size of a request and every wait
 * are bounded.
 */

import { createServer, type RequestListener, type Server } from 'node:http';
import { boundClients } from './clients.ts';

const MAX_HEADER_BYTES = 8192;
/** For a request to arrive, and for a slow reader to take a bit more of the answer. */
export const PATIENCE_MS = 5000;

export function boundedServer(handler: RequestListener): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: PATIENCE_MS,
      requestTimeout: PATIENCE_MS,
      keepAliveTimeout: PATIENCE_MS,
      connectionsCheckingInterval: PATIENCE_MS,
    },
    (request, response) => {
      // A line without a version is HTTP/0.9 for the parser, with every method and no headers.
      if (request.httpVersionMajor !== 1) request.socket.destroy();
      else if (admit(request, response)) handler(request, response);
    },
  );
  const admit = boundClients(server);
  server.setTimeout(PATIENCE_MS, (socket) => socket.destroy());
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

/** Ends every connection; the file of a Unix socket goes with it. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
