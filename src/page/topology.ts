/**
 * The picture: every VLAN is a line, every port a box with a stem down to the lines that it is on. A filled dot leaves
 * untagged, a ring tagged. Ports of a macvlan or ipvlan group stand beside each other. A traced frame is drawn over it, from the port
 * where it arrives to those where it leaves.
 *
 * The drawing is made anew only when ports or VLANs change; every second its numbers are.
 */

import { replace, svg } from './dom.ts';
import { type Block, BOX, COLUMN, FIRST_ROW, howOn, LABELS, RAIL, ROW, xOf } from './picture.ts';
import { type Rate, short, sparkline } from './rates.ts';
import type { Port, ShownGroup, Trace, Vlan, Vtep } from './types.ts';
import { leavesBy, wayOf } from './way.ts';

const SPARK = { width: 92, height: 16 };
/** More lines than this are a list, not a picture: the busiest are shown. */
const MAX_ROWS = 24;
const MAX_COLUMNS = 64;
/** Hues as far apart as they can be, whatever their number. */
const GOLDEN_ANGLE = 137.508;

export interface PortRates {
  readonly in: Rate;
  readonly out: Rate;
  readonly drops: Rate;
}

export class Topology {
  readonly #place: HTMLElement;
  readonly #choose: (port: string) => void;
  #signature = '';
  #blocks: readonly Block[] = [];
  #layer: SVGElement | undefined;
  #trace: Trace | null = null;
  #vteps: readonly Vtep[] = [];
  readonly #numbers = new Map<string, { rate: SVGElement; spark: SVGElement; box: SVGElement; dot: SVGElement }>();

  /** `choose` is told which port was picked. */
  constructor(place: HTMLElement, choose: (port: string) => void) {
    this.#place = place;
    this.#choose = choose;
  }

  update(
    ports: readonly Port[],
    vlans: readonly Vlan[],
    vteps: readonly Vtep[],
    groups: readonly ShownGroup[],
    rates: ReadonlyMap<string, PortRates>,
  ): void {
    this.#vteps = vteps;
    const signature = JSON.stringify([
      groups.map(({ kind, name, parent, children, host }) => [
        kind,
        name,
        parent,
        children.map(({ port }) => port),
        host?.port,
      ]),
      vteps.map(({ name, vnis }) => [name, vnis.map(({ port }) => port)]),
      ports.map(({ name, bridge, mode, pvid, device, adapter }) => [name, bridge, mode, pvid, device, adapter]),
      vlans.map(({ bridge, vid, name, tagged, untagged }) => [bridge, vid, name, tagged, untagged]),
    ]);
    if (signature !== this.#signature) {
      this.#signature = signature;
      this.#blocks = blocksOf(ports, vlans, groups);
      this.#draw();
    }
    for (const port of ports) this.#tell(port, rates.get(port.name));
  }

  /** Shows the way of a frame; null takes it away. */
  show(trace: Trace | null): void {
    this.#trace = trace;
    this.#drawTrace();
  }

  #draw(): void {
    this.#numbers.clear();
    const columns = Math.max(1, ...this.#blocks.map((block) => block.ports.length));
    const width = LABELS + columns * COLUMN + 8;
    const height = this.#blocks.reduce((sum, block) => sum + heightOf(block), 0);
    const several = this.#blocks.length > 1;
    this.#layer = svg('g', { class: 'way' });
    const picture = svg(
      'svg',
      { width, height, viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': 'Ports and VLANs' },
      ...this.#blocks.map((block) => this.#drawBlock(block, several)),
      this.#layer,
    );
    replace(this.#place, picture);
    this.#drawTrace();
  }

  #drawBlock(block: Block, named: boolean): SVGElement {
    const { top, rows, ports, title, hidden } = block;
    const end = LABELS + ports.length * COLUMN;
    const below = top + FIRST_ROW + rows.length * ROW;
    return svg(
      'g',
      {},
      named && svg('text', { class: 'bridge', x: 0, y: top + 16 }, clip(title, 16)),
      ...rows.map((vlan, row) => drawRow(vlan, row, top + FIRST_ROW + row * ROW, end)),
      ...ports.map((port, column) => this.#drawPort(port, block, column)),
      hidden > 0 && svg('text', { class: 'more', x: 0, y: below }, `and ${hidden} more VLANs`),
    );
  }

  #drawPort(port: Port, block: Block, column: number): SVGElement {
    const x = xOf(column);
    const top = block.top + 8;
    const on = block.rows.map((vlan) => howOn(vlan, port));
    const last = on.findLastIndex((each) => each !== '');
    const rate = svg('text', { class: 'rate', x: x - BOX.width / 2 + 8, y: top + 50 });
    const spark = svg('polyline', {
      class: 'spark',
      transform: `translate(${x - SPARK.width / 2} ${top + 56})`,
      points: '',
    });
    const dot = svg('circle', { class: 'dot', cx: x + BOX.width / 2 - 12, cy: top + 14, r: 4.5 });
    const pick = () => this.#choose(port.name);
    const box = svg(
      'g',
      {
        class: 'port',
        role: 'button',
        tabindex: 0,
        'data-port': port.name,
        onclick: pick,
        onkeydown: (event) => {
          const { key } = event as KeyboardEvent;
          if (key !== 'Enter' && key !== ' ') return;
          event.preventDefault();
          pick();
        },
      },
      svg('rect', { x: x - BOX.width / 2, y: top, width: BOX.width, height: BOX.height, rx: 8 }),
      svg('text', { class: 'name', x: x - BOX.width / 2 + 8, y: top + 18 }, clip(port.name, 12)),
      svg('text', { class: 'device', x: x - BOX.width / 2 + 8, y: top + 33 }, clip(this.#deviceOf(port), 16)),
      dot,
      rate,
      spark,
    );
    this.#numbers.set(port.name, { rate, spark, box, dot });
    return svg(
      'g',
      {},
      last >= 0 &&
        svg('line', {
          class: 'stem',
          x1: x,
          x2: x,
          y1: top + BOX.height,
          y2: block.top + FIRST_ROW + last * ROW,
        }),
      ...on.map((how, row) => how !== '' && drawMark(how, row, x, block.top + FIRST_ROW + row * ROW)),
      box,
    );
  }

  #deviceOf({ name, adapter, device }: Port): string {
    const vtep = this.#vteps.find(({ vnis }) => vnis.some(({ port }) => port === name));
    if (vtep !== undefined) return `VXLAN ${vtep.name}`;
    return device === '' ? adapter : device;
  }

  #tell(port: Port, rates: PortRates | undefined): void {
    const drawn = this.#numbers.get(port.name);
    if (drawn === undefined || rates === undefined) return;
    const [inward, outward, drops] = [rates.in, rates.out, rates.drops].map((rate) => short(rate.perSecond));
    drawn.rate.textContent = `in ${inward} · out ${outward}/s`;
    drawn.box.classList.toggle('down', port.link === 'down');
    drawn.box.classList.toggle('dropping', rates.drops.perSecond > 0);
    const state = port.state === 'forwarding' ? '' : `, ${port.state}`;
    const link = port.link === 'up' ? 'link up' : `link down: ${port.linkReason || 'no device'}`;
    drawn.box.setAttribute(
      'aria-label',
      `Port ${port.name}, ${port.mode}, ${link}${state}, in ${inward}, out ${outward}, dropped ${drops} frames a second`,
    );
    const history = rates.in.history.map((value, i) => value + (rates.out.history[i] ?? 0));
    drawn.spark.setAttribute('points', sparkline(history, SPARK.width, SPARK.height));
  }

  #drawTrace(): void {
    for (const { box } of this.#numbers.values()) box.classList.remove('comes', 'passes', 'leaves');
    if (this.#layer === undefined) return;
    replace(this.#layer);
    const trace = this.#trace;
    if (trace === null) return;
    const { lines, passes, cross } = wayOf(trace, this.#blocks);
    const mark = (names: readonly string[], how: string) => {
      for (const name of names) this.#numbers.get(name)?.box.classList.add(how);
    };
    mark([trace.port, trace.tunnel ?? trace.port], 'comes');
    mark(passes, 'passes');
    mark(leavesBy(trace), 'leaves');
    replace(
      this.#layer,
      ...lines.map((d) => svg('path', { class: 'flow', d })),
      cross !== null && svg('path', { class: 'cross', d: `M${cross.x - 7} ${cross.y - 7}l14 14m0 -14l-14 14` }),
    );
  }
}

function drawRow(vlan: Vlan, row: number, y: number, end: number): SVGElement {
  const title = vlan.vid === null ? vlan.bridge : `${vlan.vid}`;
  const name = vlan.vid === null || vlan.name === `vlan${vlan.vid}` ? '' : vlan.name;
  return svg(
    'g',
    { class: 'vlan', '--hue': hueOf(row) },
    svg('text', { class: 'vid', x: 0, y: y + 4 }, title),
    svg('text', { class: 'vlan-name', x: 44, y: y + 4 }, clip(name, 11)),
    svg('line', { x1: LABELS - 6, x2: end, y1: y, y2: y }),
  );
}

function drawMark(how: string, row: number, x: number, y: number): SVGElement {
  return svg('circle', { class: `mark ${how}`, '--hue': hueOf(row), cx: x, cy: y, r: 6 });
}

function hueOf(row: number): number {
  return Math.round((row * GOLDEN_ANGLE + 205) % 360);
}

function heightOf({ rows, hidden }: Omit<Block, 'top'>): number {
  if (rows.length === 0) return BOX.height + 8 + 2 * RAIL;
  return FIRST_ROW + rows.length * ROW + (hidden > 0 ? 16 : 0);
}

function blocksOf(ports: readonly Port[], vlans: readonly Vlan[], groups: readonly ShownGroup[]): Block[] {
  const blocks: Block[] = [];
  let top = 0;
  const add = (title: string, members: readonly Port[], rows: readonly Vlan[] = [], hidden = 0) => {
    const block = { title, ports: members.slice(0, MAX_COLUMNS), rows, hidden, top };
    blocks.push(block);
    top += heightOf(block);
  };
  const bridges = new Set([...ports.map((port) => port.bridge), ...vlans.map((vlan) => vlan.bridge)]);
  for (const name of bridges) {
    if (name === null) continue;
    const mine = vlans.filter((vlan) => vlan.bridge === name && vlan.tagged.length + vlan.untagged.length > 0);
    const shown = busiest(mine);
    const members = ports.filter((port) => port.bridge === name);
    add(`bridge ${name}`, members, shown, mine.length - shown.length);
  }
  // The parent of several groups stands in the first.
  const left = new Map(ports.filter((port) => port.bridge === null).map((port) => [port.name, port]));
  for (const { kind, name, parent, children, host } of groups) {
    const names = [parent, ...children.map(({ port }) => port), ...(host === null ? [] : [host.port])];
    const members = names.flatMap((each) => left.get(each) ?? []);
    for (const each of names) left.delete(each);
    if (members.length > 0) add(`${kind} ${name}`, members);
  }
  if (left.size > 0) add('underlay', [...left.values()]);
  return blocks;
}

function busiest(vlans: readonly Vlan[]): readonly Vlan[] {
  if (vlans.length <= MAX_ROWS) return vlans;
  return [...vlans]
    .sort((a, b) => b.rxFrames + b.learned - (a.rxFrames + a.learned))
    .slice(0, MAX_ROWS)
    .sort((a, b) => (a.vid ?? 0) - (b.vid ?? 0));
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
