/** Everything that answers for a running switch: loaded when somebody asks, or when it is to be asked over TCP. */

import type { Server } from 'node:http';
import type { Answering, Door } from '../api/door.ts';
import { openPage } from '../api/page.ts';
import type { Route } from '../api/route.ts';
import { allRoutes } from '../api/routes/all.ts';
import { answerOn, closeApi } from '../api/server.ts';
import type { ApiSwitch } from '../api/switch.ts';
import { type Listen, openTcpApi } from '../api/tcp.ts';
import type { ApiConfig } from '../config/types.ts';
import { MORE_ROUTES } from './api-routes.ts';

export class Serving {
  /** The same for all doors: what they allow together is bounded. */
  readonly #routes: readonly Route[];

  constructor(sw: ApiSwitch) {
    this.#routes = allRoutes(sw, MORE_ROUTES);
  }

  /** For a server that listens already. */
  answerOn(server: Server): Promise<Answering> {
    return answerOn(server, this.#routes);
  }

  /** Rejects with SocketError. */
  async openTcp(config: ApiConfig): Promise<Door> {
    const app = await openTcpApi(config, this.#routes);
    return { close: () => closeApi(app) };
  }

  /** `address` is what to open in a browser. Rejects with SocketError. */
  async openPage(listen: Listen): Promise<{ door: Door; address: string }> {
    const { app, address } = await openPage(listen, this.#routes);
    return { door: { close: () => closeApi(app) }, address };
  }
}
