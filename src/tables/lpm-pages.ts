/**
 * Writing the pages that IPv4 is looked up in (lpm.ts). Control only: it allocates.
 *
 * Here every place of a page is written out, with the length of the prefix that its value comes from beside it, so that a
 * change writes just the places which hold nothing longer; the pages that it touched are then packed for the lookup. A
 * page is there while one of its places comes from a prefix that its parent could not say.
 */
import { PAGE_BEFORE, PAGE_RUNS, PAGE_SHIFT, type Pages, popcount, ROOT_SLOTS } from './lpm.ts';
import { type Found, freeRow, type Rows } from './lpm-tree.ts';
import { sharedInt32 } from './shared.ts';

export interface PageWriter {
  readonly lpm: Pages;
  rootLength: Uint8Array;
  /** 256 places a page: a value, or ~page. */
  places: Int32Array;
  pageLength: Uint8Array;
  /** Places of a page that are longer than its parent's, pages included. */
  longer: Uint16Array;
  readonly free: number[];
  end: number;
  /** Runs of a page, and rows of them. */
  runsOf: Uint16Array;
  readonly runs: Rows;
  /** Pages to be packed. */
  readonly touched: number[];
  isTouched: Uint8Array;
}

const PAGE_SLOTS = 256;

export function createPageWriter(lpm: Pages): PageWriter {
  const pages = lpm.pages.length >>> PAGE_SHIFT;
  return {
    lpm,
    rootLength: new Uint8Array(0),
    places: new Int32Array(pages * PAGE_SLOTS),
    pageLength: new Uint8Array(pages * PAGE_SLOTS),
    longer: new Uint16Array(pages),
    free: [],
    end: 0,
    runsOf: new Uint16Array(pages),
    runs: { end: 1, free: [] },
    touched: [],
    isTouched: new Uint8Array(pages),
  };
}

export function growPageRoots(w: PageWriter, vrfs: number): void {
  const slots = vrfs * ROOT_SLOTS;
  if (w.rootLength.length >= slots) return;
  const roots = sharedInt32(slots);
  roots.set(w.lpm.roots);
  const lengths = new Uint8Array(slots);
  lengths.set(w.rootLength);
  w.lpm.roots = roots;
  w.rootLength = lengths;
}

/** Writes what the places of a prefix say from now on, but for those that a longer one has. */
export function writePages(w: PageWriter, vrf: number, address: number, length: number, found: Found): void {
  writeRoots(w, vrf, address, length, found);
  for (const page of w.touched) {
    w.isTouched[page] = 0;
    if (w.longer[page] !== 0) packPage(w, page);
  }
  w.touched.length = 0;
}

function writeRoots(w: PageWriter, vrf: number, address: number, length: number, found: Found): void {
  const root = vrf * ROOT_SLOTS + (address >>> 16);
  if (length <= 16) {
    const start = root & ~(0xffff >>> length);
    const end = start + (ROOT_SLOTS >>> length);
    for (let at = start; at < end; at++) {
      const word = w.lpm.roots[at];
      if (word < 0) writeBelow(w, ~word, length, found);
      else if (w.rootLength[at] <= length) {
        w.lpm.roots[at] = found.value;
        w.rootLength[at] = found.length;
      }
    }
    return;
  }
  let page = ~w.lpm.roots[root];
  if (page < 0) {
    page = takePage(w, w.lpm.roots[root], w.rootLength[root]);
    w.lpm.roots[root] = ~page;
  }
  const at = page * PAGE_SLOTS + ((address >>> 8) & 0xff);
  if (length <= 24) {
    writePlaces(w, page, (address >>> 8) & 0xff, length - 16, length, 16, found);
  } else {
    let second = ~w.places[at];
    if (second < 0) {
      second = takePage(w, w.places[at], w.pageLength[at]);
      if (w.pageLength[at] <= 16) w.longer[page]++;
      w.places[at] = ~second;
    }
    touch(w, page);
    writePlaces(w, second, address & 0xff, length - 24, length, 24, found);
    if (w.longer[second] === 0) {
      w.places[at] = w.places[second * PAGE_SLOTS];
      w.pageLength[at] = w.pageLength[second * PAGE_SLOTS];
      if (w.pageLength[at] <= 16) w.longer[page]--;
      freePage(w, second);
    }
  }
  if (w.longer[page] === 0) {
    w.lpm.roots[root] = w.places[page * PAGE_SLOTS];
    w.rootLength[root] = w.pageLength[page * PAGE_SLOTS];
    freePage(w, page);
  }
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
      writeBelow(w, ~word, length, found);
      continue;
    }
    if (w.pageLength[at] > length) continue;
    w.longer[page] += (found.length > base ? 1 : 0) - (w.pageLength[at] > base ? 1 : 0);
    w.places[at] = found.value;
    w.pageLength[at] = found.length;
  }
}

/** All places of a page, which a shorter prefix covers whole. Nothing in it becomes longer than its parent's. */
function writeBelow(w: PageWriter, page: number, length: number, found: Found): void {
  touch(w, page);
  for (let at = page * PAGE_SLOTS; at < (page + 1) * PAGE_SLOTS; at++) {
    const word = w.places[at];
    if (word < 0) writeBelow(w, ~word, length, found);
    else if (w.pageLength[at] <= length) {
      w.places[at] = found.value;
      w.pageLength[at] = found.length;
    }
  }
}

function touch(w: PageWriter, page: number): void {
  if (w.isTouched[page] !== 0) return;
  w.isTouched[page] = 1;
  w.touched.push(page);
}

function takePage(w: PageWriter, value: number, length: number): number {
  const page = w.free.pop() ?? w.end++;
  if (page >= w.longer.length) {
    const more = w.longer.length * 2;
    w.lpm.pages = grown(w.lpm.pages, more << PAGE_SHIFT);
    const places = new Int32Array(more * PAGE_SLOTS);
    places.set(w.places);
    w.places = places;
    const lengths = new Uint8Array(more * PAGE_SLOTS);
    lengths.set(w.pageLength);
    w.pageLength = lengths;
    const longer = new Uint16Array(more);
    longer.set(w.longer);
    w.longer = longer;
    const isTouched = new Uint8Array(more);
    isTouched.set(w.isTouched);
    w.isTouched = isTouched;
    const runsOf = new Uint16Array(more);
    runsOf.set(w.runsOf);
    w.runsOf = runsOf;
  }
  w.places.fill(value, page * PAGE_SLOTS, (page + 1) * PAGE_SLOTS);
  w.pageLength.fill(length, page * PAGE_SLOTS, (page + 1) * PAGE_SLOTS);
  w.longer[page] = 0;
  return page;
}

function freePage(w: PageWriter, page: number): void {
  freeRuns(w, page);
  w.free.push(page);
}

/** Writes a page as lookups read it. */
function packPage(w: PageWriter, page: number): void {
  freeRuns(w, page);
  const at = page << PAGE_SHIFT;
  const first = page * PAGE_SLOTS;
  const bits = w.lpm.pages.subarray(at, at + PAGE_BEFORE);
  bits.fill(0);
  let runs = 0;
  for (let place = 0; place < PAGE_SLOTS; place++) {
    if (place > 0 && w.places[first + place] === w.places[first + place - 1]) continue;
    bits[place >>> 5] |= 1 << (place & 31);
    runs++;
  }
  const row = w.runs.free[runs]?.pop() ?? newRuns(w, runs);
  let next = row;
  for (let place = 0; place < PAGE_SLOTS; place++) {
    if (((bits[place >>> 5]! >>> (place & 31)) & 1) !== 0) w.lpm.values[next++] = w.places[first + place];
  }
  w.lpm.pages[at + PAGE_BEFORE] = 0;
  w.lpm.pages[at + PAGE_BEFORE + 1] = 0;
  let before = 0;
  for (let word = 0; word < PAGE_BEFORE; word++) {
    w.lpm.pages[at + PAGE_BEFORE + (word >>> 2)] |= before << ((word & 3) << 3);
    before += popcount(bits[word]!);
  }
  w.lpm.pages[at + PAGE_RUNS] = row - 1;
  w.runsOf[page] = runs;
}

function newRuns(w: PageWriter, runs: number): number {
  const row = w.runs.end;
  w.runs.end += runs;
  if (w.runs.end > w.lpm.values.length)
    w.lpm.values = grown(w.lpm.values, Math.max(w.runs.end, w.lpm.values.length * 2));
  return row;
}

function freeRuns(w: PageWriter, page: number): void {
  if (w.runsOf[page] !== 0) freeRow(w.runs, w.lpm.pages[(page << PAGE_SHIFT) + PAGE_RUNS] + 1, w.runsOf[page]);
  w.runsOf[page] = 0;
}

function grown(words: Int32Array, length: number): Int32Array {
  const more = sharedInt32(length);
  more.set(words);
  return more;
}
