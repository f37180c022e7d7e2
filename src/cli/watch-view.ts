/**
 * The picture of `watch`, as lines that fit a terminal. Pure: the same model makes the same lines.
 */

import { stripVTControlCharacters } from 'node:util';
import { oneLine } from '../config/error.ts';
import type { PortRates, WatchModel } from './watch-model.ts';

export interface Screen {
  columns: number;
  rows: number;
  /** Bold and colours. */
  colour: boolean;
}

const BARS = [...'▁▂▃▄▅▆▇█'];
const LEAST_SPARK = 8;
const MOST_SPARK = 30;

/** At most `rows` lines of at most `columns` characters. */
export function watchLines(model: WatchModel, screen: Screen): string[] {
  const style = new Style(screen.colour);
  const lines = [headline(model, style), ''];
  const room = screen.rows - lines.length;
  const portLines = ports(model.ports, screen, style);
  const dropLines = drops(model, style);
  // Ports first; drops and events share what is left.
  lines.push(...clipped(portLines, Math.max(3, room - Math.min(dropLines.length, 6) - 4)));
  lines.push('', ...clipped(dropLines, Math.max(2, Math.floor((screen.rows - lines.length - 3) / 2) + 1)));
  const left = screen.rows - lines.length - 2;
  if (left > 0) {
    lines.push('', style.bold('EVENTS'));
    const events = model.events.slice(-Math.max(0, left));
    lines.push(...(events.length === 0 ? ['none yet'] : events));
  }
  return lines.slice(0, screen.rows).map((line) => cutAt(line, screen.columns));
}

function latencyText(us: number): string {
  if (us === Number.POSITIVE_INFINITY) return '> 1 s';
  return us < 1024 ? `< ${us} µs` : `< ${Math.round(us / 1024)} ms`;
}

function headline(model: WatchModel, style: Style): string {
  const { name, uptimeSeconds, load, latencyP99, learned, confirmSeconds } = model;
  const parts = [
    style.bold(name),
    `up ${clock(uptimeSeconds)}`,
    `forwarding ${Math.round(load * 100)} %`,
    ...(latencyP99 === null ? [] : [`p99 ${latencyText(latencyP99)}`]),
    `${learned} addresses`,
  ];
  if (confirmSeconds !== null) parts.push(style.red(`to be confirmed within ${Math.ceil(confirmSeconds)} s`));
  return parts.join('   ');
}

function ports(all: readonly PortRates[], { columns }: Screen, style: Style): string[] {
  const width = Math.max(4, ...all.map(({ name }) => name.length));
  // name, link, two rates and a sparkline twice, drops, addresses.
  const fixed = width + 6 + 2 * (8 + 9) + 9 + 9;
  const spark = Math.min(MOST_SPARK, Math.floor((columns - fixed - 2 * 2) / 2));
  const sparks = spark >= LEAST_SPARK ? spark : 0;
  const history = (list: readonly number[]) => (sparks === 0 ? '' : ` ${sparkline(list, sparks)} `);
  const gap = (title: string) => (sparks === 0 ? '' : ` ${title.padEnd(sparks)} `);
  const head =
    `${'PORT'.padEnd(width)}  LINK${right('RX/s', 8)}${right('RX bit/s', 9)}${gap('')}` +
    `${right('TX/s', 8)}${right('TX bit/s', 9)}${gap('')}${right('DROPS/s', 9)}${right('LEARNED', 9)}`;
  const lines = all.map((port) => {
    const dropped = right(short(port.dropped), 9);
    return (
      `${port.name.padEnd(width)}  ${port.link === 'up' ? 'up  ' : style.red('down')}` +
      `${right(short(port.rxFrames), 8)}${right(bits(port.rxBits), 9)}${history(port.rxHistory)}` +
      `${right(short(port.txFrames), 8)}${right(bits(port.txBits), 9)}${history(port.txHistory)}` +
      `${port.dropped > 0 ? style.red(dropped) : dropped}${right(short(port.learned), 9)}`
    );
  });
  return [style.bold(head), ...lines];
}

function bits(rate: number | null): string {
  return rate === null ? '-' : short(rate);
}

function drops({ drops: all }: WatchModel, style: Style): string[] {
  const head = style.bold(`${'DROPS'.padEnd(28)}${right('frames/s', 10)}${right('all', 10)}  PORT`);
  if (all.length === 0) return [head, 'none'];
  return [
    head,
    ...all.map(({ reason, port, frames, total }) => {
      const line = `${reason.padEnd(28)}${right(short(frames), 10)}${right(short(total), 10)}  ${port}`;
      return frames > 0 ? style.red(line) : line;
    }),
  ];
}

/** As many lines as there is room for; the last says how many are missing. */
function clipped(lines: string[], most: number): string[] {
  if (lines.length <= most) return lines;
  return [...lines.slice(0, Math.max(1, most - 1)), `… ${lines.length - Math.max(1, most - 1)} more`];
}

/** The newest values on the right, each as high as it is beside the highest. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(...shown, 0);
  const bars = shown.map((value) => {
    if (value <= 0 || most <= 0) return ' ';
    return BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))];
  });
  return bars.join('').padStart(width);
}

/** `0`, `7.5`, `123`, `45.6k`, `1.2M`. */
export function short(n: number): string {
  if (n === 0) return '0';
  if (n < 10 && !Number.isInteger(n)) return n.toFixed(1);
  if (n < 1000) return String(Math.round(n));
  const unit = Math.min(Math.floor(Math.log10(n) / 3), 4);
  const scaled = n / 1000 ** unit;
  return `${scaled < 100 ? scaled.toFixed(1) : Math.round(scaled)}${'kMGT'[unit - 1]}`;
}

function clock(seconds: number): string {
  const part = (n: number) => String(Math.floor(n)).padStart(2, '0');
  return `${part(seconds / 3600)}:${part((seconds / 60) % 60)}:${part(seconds % 60)}`;
}

function right(text: string, width: number): string {
  return ` ${text}`.padStart(width);
}

/** Cut at the edge of the screen; escapes have no width. */
function cutAt(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  if ([...plain].length <= columns) return line;
  return [...oneLine(plain)].slice(0, columns).join('');
}

class Style {
  readonly #on: boolean;

  constructor(on: boolean) {
    this.#on = on;
  }

  bold(text: string): string {
    return this.#on ? `\u001b[1m${text}\u001b[0m` : text;
  }

  red(text: string): string {
    return this.#on ? `\u001b[31m${text}\u001b[0m` : text;
  }
}
