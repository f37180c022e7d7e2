/**
 * A lab while it runs: machines and hosts in network namespaces, switches, what is typed on them and what they answer, and whether
 * that is what the story promises.
 *
 * Everything is in namespaces: the TAPs and sockets of a switch too, so that its configuration is one that a reader could use as it
 * stands, and nothing meets what else is on the machine.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ip, Namespace, type Output } from './namespace.ts';
import { askSwitch, type SwitchProcess, sleep, socketIn, startSwitch, stopSwitch } from './switch-process.ts';

/** Tries of a second each before a promised answer is given up: the machine may be busy. */
const PATIENCE = 45;

/** A switch and the machine that it runs on. */
export interface LabSwitch extends SwitchProcess {
  readonly machine: Namespace;
}

/** A host whose only device is a port of a switch. */
export interface LabHost {
  readonly name: string;
  readonly namespace: Namespace;
  readonly mac: string;
}

export interface HostOptions {
  /** With their lengths, such as 10.0.0.11/24. */
  addresses: readonly string[];
  gateways?: readonly string[];
  mtu?: number;
  /** Default: one of its own. */
  mac?: string;
  /** False: it asks for no neighbors and sends everything out of its device. */
  arp?: boolean;
}

export class Lab {
  checks = 0;
  failures = 0;
  readonly #dir = mkdtempSync(join(tmpdir(), `etherloom-lab-${process.pid}-`));
  readonly #namespaces: Namespace[] = [];
  readonly #switches: LabSwitch[] = [];
  readonly #out: (text: string) => void;
  #steps = 0;
  #hosts = 0;

  constructor(out: (text: string) => void) {
    this.#out = out;
  }

  // ---- building

  machine(label: string): Namespace {
    const namespace = new Namespace('ellab', label);
    this.#namespaces.push(namespace);
    namespace.create();
    // Silent until somebody speaks: what is seen on the wire is then of the story.
    namespace.setIpv6(false);
    return namespace;
  }

  /** Shows the configuration and starts the switch, on a machine of its own unless told. */
  async start(name: string, config: string, machine: Namespace = this.machine(name)): Promise<LabSwitch> {
    this.#out(`\n${name}.yaml\n\n${indent(config.trim(), '    ')}\n`);
    const own = `switch: { name: ${name}, controlSocket: '${socketIn(this.#dir, name)}' }\n`;
    const sw = { ...(await startSwitch(this.#dir, name, `${own}${config}`, machine)), machine };
    this.#switches.push(sw);
    return sw;
  }

  /** A host on the TAP of its name, which is a port of the switch. */
  host(
    name: string,
    sw: LabSwitch,
    { addresses, gateways = [], mtu = 1500, mac: given, arp = true }: HostOptions,
  ): LabHost {
    const namespace = this.machine(name);
    const own = `02:00:00:00:00:${(0x11 + this.#hosts++).toString(16)}`;
    const mac = given ?? own;
    if (addresses.some((address) => address.includes(':'))) namespace.setIpv6(true);
    ip('-n', sw.machine.id, 'link', 'set', name, 'netns', namespace.id, 'name', 'eth0');
    namespace.ip('link', 'set', 'eth0', 'address', mac, 'mtu', String(mtu), 'up');
    for (const address of addresses) {
      namespace.ip('addr', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
    }
    if (!arp) {
      namespace.ip('link', 'set', 'eth0', 'arp', 'off');
      namespace.ip('route', 'add', 'default', 'dev', 'eth0');
    }
    for (const via of gateways) namespace.ip('route', 'add', 'default', 'via', via);
    const facts = [...addresses, ...gateways.map((via) => `gateway ${via}`), ...(given === undefined ? [] : [given])];
    if (!arp) facts.push('no ARP, everything out of its device');
    this.#out(`${this.#hosts === 1 ? '\n' : ''}${name}: ${facts.join(', ')}\n`);
    return { name, namespace, mac };
  }

  /** A cable between two machines, with an address at each end. */
  cable(ends: readonly { machine: Namespace; device: string; address: string }[]): void {
    const [a, b] = ends as [(typeof ends)[0], (typeof ends)[0]];
    const peer = ['type', 'veth', 'peer', 'name', b.device, 'netns', b.machine.id];
    a.machine.ip('link', 'add', a.device, ...peer);
    for (const { machine, device, address } of ends) {
      machine.ip('addr', 'add', address, 'dev', device);
      machine.ip('link', 'set', device, 'up');
    }
  }

  // ---- telling

  say(text: string): void {
    this.#out(`${text}\n`);
  }

  step(title: string): void {
    this.#out(`\n${++this.#steps}. ${title}\n`);
  }

  /** A verdict. */
  check(holds: boolean, sentence: string): void {
    this.checks++;
    if (!holds) this.failures++;
    this.#out(`   ${holds ? 'ok' : 'FAILED'}: ${sentence}\n`);
  }

  /** Pings, and holds the outcome against the promise. Links have to come up and neighbors to be found first. */
  async ping(from: LabHost, address: string, reaches: boolean, sentence: string): Promise<void> {
    const args = ['-n', '-c', '2', '-i', '0.2', '-W', reaches ? '5' : '1', address];
    for (let n = 0; reaches && n < PATIENCE; n++) {
      if ((await from.namespace.run('ping', '-n', '-c', '1', '-W', '1', address)).status === 0) break;
    }
    const answer = await from.namespace.run('ping', ...args);
    this.#show(`${from.name}# ping ${args.join(' ')}`, answer);
    this.check((answer.status === 0) === reaches, sentence);
  }

  /** Something typed on a host. */
  async type(on: LabHost, command: string, ...args: string[]): Promise<string> {
    const answer = await on.namespace.run(command, ...args);
    this.#show(`${on.name}# ${[command, ...args].join(' ')}`, answer);
    return answer.stdout;
  }

  /** A command of the command line on a switch. `until` is waited for: it may take a moment to become true. */
  async ask(sw: LabSwitch, command: string, until: (answer: string) => boolean = () => true): Promise<string> {
    const args = wordsOf(command);
    let answer = await askSwitch(sw, args);
    for (let n = 0; !until(answer.stdout) && n < PATIENCE; n++) {
      await sleep(1000);
      answer = await askSwitch(sw, args);
    }
    this.#show(`${sw.name}$ etherloom ${command}`, answer);
    return answer.stdout;
  }

  /** What a capture on the switch shows of what happens meanwhile. */
  async watch(sw: LabSwitch, command: string, meanwhile: () => Promise<unknown>): Promise<string> {
    const end = new AbortController();
    const captured = askSwitch(sw, wordsOf(command), end.signal);
    const done = captured.then(() => true);
    // It ends by its count; until then there is traffic.
    for (let n = 0; n < PATIENCE; n++) {
      await meanwhile();
      if (await Promise.race([done, sleep(200).then(() => false)])) break;
    }
    end.abort();
    const answer = await captured;
    this.#show(`${sw.name}$ etherloom ${command}`, answer);
    return answer.stdout;
  }

  #show(line: string, { stdout, stderr }: Output): void {
    const text = [stdout, stderr].map((each) => each.trimEnd()).filter((each) => each !== '');
    this.#out(`\n   ${line}\n${text.map((each) => `${indent(each, '   ')}\n`).join('')}`);
  }

  // ---- ending

  /** For who wants to look around. */
  get whereabouts(): string {
    const hosts = this.#namespaces.map(({ id }) => `  ip netns exec ${id} COMMAND`);
    const switches = this.#switches.map(({ socket }) => `  etherloom show ports --socket ${socket}`);
    return [...hosts, ...switches].join('\n');
  }

  async end(): Promise<void> {
    await Promise.all(this.#switches.map(stopSwitch));
    this.remove();
  }

  /** At once, whatever state it is in. */
  remove(): void {
    for (const { process: child } of this.#switches) if (child.exitCode === null) child.kill('SIGTERM');
    for (const namespace of this.#namespaces.splice(0)) namespace.remove();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Words of a command line; those in quotes are one. */
function wordsOf(command: string): string[] {
  return (command.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1'));
}

function indent(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `${by}${line}`))
    .join('\n');
}
