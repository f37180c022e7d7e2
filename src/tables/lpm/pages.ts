/**
 * Writing the pages that IPv4 is looked up in (lpm.ts). Control only: it allocates.
 *
 * Here every place of a page is written out, with the length of the prefix that its value comes from beside it, so that a
 * change writes just the places which hold nothing longer; the pages that it touched are then packed for the lookup. A
 * page is there while one of its places comes from a prefix that its parent could not say. A page below a root says 0 for
 * what prefixes of at most 16 bits say, one below a page repeats what that one says.
 */

import { sharedInt32 } from '../shared.ts';
import { LINE_SHIFT, PAGE_BEFORE, PAGE_RUNS, type Pages, popcount, ROOT_SLOTS } from './lpm.ts';
import { freeRow, type Rows } from './nodes.ts';
import type { Found } from './tree.ts';

export interface PageWriter {
  readonly lpm: Pages;
  /** Of `shorts`, by VRF. */
  rootLength: Uint8Array;
  /** 256 places a page: a value, or ~line of a page. */
  places: Int32Array;
  pageLength: Uint8Array;
  /** Places of a page that are longer than its parent's, pages included. */
  longer: Uint16Array;
  readonly free: number[];
  end: number;
  /** The line of a page, and the page of a line. */
  lineOf: Int32Array;
  pageOf: Int32Array;
  /** Lines that the runs of a page have to themselves. */
  runLines: Uint8Array;
  readonly lines: Rows;
  /** Pages to be packed. */
  readonly touched: number[];
  isTouched: Uint8Array;
}

const PAGE_SLOTS = 256;
const LINE_WORDS = 1 << LINE_SHIFT;
/** What a place below a root holds that no prefix of more than 16 bits covers. */
const SHORT: Found = { value: 0, length: 16 };

export function createPageWriter(lpm: Pages): PageWriter {
  const pages = 16;
  return {
    lpm,
    rootLength: new Uint8Array(0),
    places: new Int32Array(pages * PAGE_SLOTS),
    pageLength: new Uint8Array(pages * PAGE_SLOTS),
    longer: new Uint16Array(pages),
    free: [],
    end: 0,
    lineOf: new Int32Array(pages),
    pageOf: new Int32Array(lpm.lines.length >>> LINE_SHIFT),
    runLines: new Uint8Array(pages),
    lines: { end: 0, free: [] },
    touched: [],
    isTouched: new Uint8Array(pages),
  };
}

export function growPageRoots(w: PageWriter, vrfs: number): void {
  const slots = vrfs * ROOT_SLOTS;
  if (w.rootLength.length >= slots) return;
  w.lpm.roots = grownShared(w.lpm.roots, slots);
  w.lpm.shorts = grownShared(w.lpm.shorts, slots);
  w.rootLength = grown(w.rootLength, new Uint8Array(slots));
}

/** Writes what the places of a prefix say from now on, but for those that a longer one has. */
export function writePages(w: PageWriter, vrf: number, address: number, length: number, found: Found): void {
  const root = vrf * ROOT_SLOTS + (address >>> 16);
  if (length <= 16) {
    writeShorts(w, root, length, found);
    return;
  }
  writeLong(w, root, address, length, found.length <= 16 ? SHORT : found);
  for (const page of w.touched) {
    w.isTouched[page] = 0;
    if (w.longer[page] !== 0) packPage(w, page);
  }
  w.touched.length = 0;
}

function writeShorts({ lpm, rootLength }: PageWriter, root: number, length: number, found: Found): void {
  const start = root & ~(0xffff >>> length);
  const end = start + (ROOT_SLOTS >>> length);
  for (let at = start; at < end; at++) {
    if (rootLength[at] > length) continue;
    lpm.shorts[at] = found.value;
    rootLength[at] = found.length;
    if (lpm.roots[at] >= 0) lpm.roots[at] = found.value;
  }
}

function writeLong(w: PageWriter, root: number, address: number, length: number, found: Found): void {
  const word = w.lpm.roots[root];
  const page = word < 0 ? w.pageOf[~word] : takePage(w, SHORT);
  w.lpm.roots[root] = ~w.lineOf[page];
  const place = (address >>> 8) & 0xff;
  if (length <= 24) writePlaces(w, page, place, length - 16, length, 16, found);
  else writeBelowPlace(w, page, place, address, length, found);
  if (w.longer[page] !== 0) return;
  w.lpm.roots[root] = w.lpm.shorts[root];
  freePage(w, page);
}

function writeBelowPlace(
  w: PageWriter,
  page: number,
  place: number,
  address: number,
  length: number,
  found: Found,
): void {
  touch(w, page);
  const at = page * PAGE_SLOTS + place;
  let second: number;
  if (w.places[at] < 0) second = w.pageOf[~w.places[at]];
  else {
    second = takePage(w, { value: w.places[at], length: w.pageLength[at] });
    if (w.pageLength[at] <= 16) w.longer[page]++;
    w.places[at] = ~w.lineOf[second];
  }
  writePlaces(w, second, address & 0xff, length - 24, length, 24, found);
  if (w.longer[second] !== 0) return;
  w.places[at] = w.places[second * PAGE_SLOTS];
  w.pageLength[at] = w.pageLength[second * PAGE_SLOTS];
  if (w.pageLength[at] <= 16) w.longer[page]--;
  freePage(w, second);
}

/** The places of a page from `first` on that a prefix of so many bits of it covers. */
function writePlaces(
  w: PageWriter,
  page: number,
  first: number,
  bits: number,
  length: number,
  base: number,
  found: Found,
): void {
  touch(w, page);
  const start = page * PAGE_SLOTS + (first & ~(0xff >>> bits));
  const end = start + (PAGE_SLOTS >>> bits);
  for (let at = start; at < end; at++) {
    const word = w.places[at];
    if (word < 0) {
      writeBelow(w, w.pageOf[~word], length, found);
      continue;
    }
    if (w.pageLength[at] > length) continue;
    w.longer[page] += (found.length > base ? 1 : 0) - (w.pageLength[at] > base ? 1 : 0);
    w.places[at] = found.value;
    w.pageLength[at] = found.length;
  }
}

/** All places of a page below a page, which a shorter prefix covers whole. Nothing in it becomes longer than its parent's. */
function writeBelow(w: PageWriter, page: number, length: number, found: Found): void {
  touch(w, page);
  for (let at = page * PAGE_SLOTS; at < (page + 1) * PAGE_SLOTS; at++) {
    if (w.pageLength[at] > length) continue;
    w.places[at] = found.value;
    w.pageLength[at] = found.length;
  }
}

function touch(w: PageWriter, page: number): void {
  if (w.isTouched[page] !== 0) return;
  w.isTouched[page] = 1;
  w.touched.push(page);
}

function takePage(w: PageWriter, { value, length }: Found): number {
  const page = w.free.pop() ?? w.end++;
  if (page >= w.longer.length) {
    const more = w.longer.length * 2;
    w.places = grown(w.places, new Int32Array(more * PAGE_SLOTS));
    w.pageLength = grown(w.pageLength, new Uint8Array(more * PAGE_SLOTS));
    w.longer = grown(w.longer, new Uint16Array(more));
    w.lineOf = grown(w.lineOf, new Int32Array(more));
    w.runLines = grown(w.runLines, new Uint8Array(more));
    w.isTouched = grown(w.isTouched, new Uint8Array(more));
  }
  w.places.fill(value, page * PAGE_SLOTS, (page + 1) * PAGE_SLOTS);
  w.pageLength.fill(length, page * PAGE_SLOTS, (page + 1) * PAGE_SLOTS);
  w.longer[page] = 0;
  w.runLines[page] = 0;
  w.lineOf[page] = takeLines(w, 1);
  w.pageOf[w.lineOf[page]] = page;
  return page;
}

function freePage(w: PageWriter, page: number): void {
  freeRuns(w, page);
  freeRow(w.lines, w.lineOf[page], 1);
  w.free.push(page);
}

/** Writes a page as lookups read it. */
function packPage(w: PageWriter, page: number): void {
  const first = page * PAGE_SLOTS;
  let runs = 1;
  for (let at = first + 1; at < first + PAGE_SLOTS; at++) if (w.places[at] !== w.places[at - 1]) runs++;
  const need = runs < LINE_WORDS - PAGE_RUNS ? 0 : Math.ceil(runs / LINE_WORDS);
  const line = w.lineOf[page] << LINE_SHIFT;
  if (need !== w.runLines[page]) {
    freeRuns(w, page);
    const first = need === 0 ? w.lineOf[page] : takeLines(w, need);
    w.lpm.lines[line + PAGE_RUNS] = (first << LINE_SHIFT) - 1;
    w.runLines[page] = need;
  }
  const { lines } = w.lpm;
  if (need === 0) lines[line + PAGE_RUNS] = line + PAGE_RUNS;
  let next = lines[line + PAGE_RUNS] + 1;
  lines.fill(0, line, line + PAGE_RUNS);
  for (let place = 0; place < PAGE_SLOTS; place++) {
    if (place > 0 && w.places[first + place] === w.places[first + place - 1]) continue;
    lines[line + (place >>> 5)] |= 1 << (place & 31);
    lines[next++] = w.places[first + place];
  }
  let before = 0;
  for (let word = 0; word < PAGE_BEFORE; word++) {
    lines[line + PAGE_BEFORE + (word >>> 2)] |= before << ((word & 3) << 3);
    before += popcount(lines[line + word]);
  }
}

function takeLines(w: PageWriter, count: number): number {
  const known = w.lines.free[count]?.pop();
  if (known !== undefined) return known;
  const first = w.lines.end;
  w.lines.end += count;
  if (w.lines.end << LINE_SHIFT > w.lpm.lines.length) {
    w.lpm.lines = grownShared(w.lpm.lines, Math.max(w.lines.end << LINE_SHIFT, w.lpm.lines.length * 2));
    w.pageOf = grown(w.pageOf, new Int32Array(w.lpm.lines.length >>> LINE_SHIFT));
  }
  return first;
}

function freeRuns(w: PageWriter, page: number): void {
  const count = w.runLines[page];
  if (count !== 0)
    freeRow(w.lines, (w.lpm.lines[(w.lineOf[page] << LINE_SHIFT) + PAGE_RUNS] + 1) >>> LINE_SHIFT, count);
  w.runLines[page] = 0;
}

function grownShared(words: Int32Array, length: number): Int32Array {
  return grown(words, sharedInt32(length));
}

function grown<T extends Int32Array | Uint16Array | Uint8Array>(old: T, more: T): T {
  more.set(old);
  return more;
}
