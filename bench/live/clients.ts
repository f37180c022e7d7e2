/**
 * Who asks Etherloom over its control socket, on one connection that stays open.
 *
 * `PlainClient` writes a request and looks for the end of the answer, and no more: what it measures is the answer, as a client in a compiled language
 * sees it. Node's own client makes a dozen objects and runs some turns of its event loop for each question, which takes it longer than
 * most answers take; `NodeClient` is that one.
 */

import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Client {
  ask(method: string, path: string, body?: object): Promise<void>;
  close(): void;
}

export class NodeClient implements Client {
  readonly #agent: Agent;
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  ask(method: string, path: string, body?: object): Promise<void> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': text.length };
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: this.#socket, agent: this.#agent, method, path, headers }, (answer) => {
        answer.resume();
        answer.on('error', reject);
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`bench: ${method} ${path}: ${answer.statusCode}`)),
        );
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

const HEAD_END = '\r\n\r\n';

/** Answers have a length and status 200, and come one after the other; everything else is an error. */
export class PlainClient implements Client {
  readonly #path: string;
  #socket: Socket | undefined;
  #waiting: { resolve(): void; reject(error: Error): void } | null = null;
  #head = '';
  /** Bytes of the body that are to come; -1: the head is to come. */
  #left = -1;

  constructor(socket: string) {
    this.#path = socket;
  }

  ask(method: string, path: string, body?: object): Promise<void> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const about = text === '' ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket ??= this.#connect();
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${about}\r\n${text}`);
    });
  }

  #connect(): Socket {
    const socket = connect(this.#path);
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', (error) => this.#fail(error));
    // A server lets go of a connection on which nobody has asked for a while: the next question makes another.
    socket.on('close', () => {
      this.#socket = undefined;
      this.#fail(new Error(`bench: ${this.#path} has closed the connection`));
    });
    return socket;
  }

  #take(bytes: Buffer): void {
    if (this.#left < 0) {
      this.#head += bytes.toString('latin1');
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      const length = /^content-length: (\d+)/im.exec(this.#head)?.[1];
      if (!this.#head.startsWith('HTTP/1.1 200 ') || length === undefined) {
        this.#fail(new Error(`bench: ${this.#head.slice(0, 200)}`));
        return;
      }
      this.#left = Number(length) - (this.#head.length - end - HEAD_END.length);
    } else {
      this.#left -= bytes.length;
    }
    if (this.#left > 0) return;
    this.#left = -1;
    this.#head = '';
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve();
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = null;
  }

  close(): void {
    this.#socket?.destroy();
  }
}
