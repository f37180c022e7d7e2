/** The end of what `npm test` says: which tests failed, where and how, and what was slow, from the reports of its runs. */

import { describe, expect, it } from 'vitest';

interface Told {
  message: string;
  diff?: string;
  place?: string;
}

interface Report {
  tests: {
    project: string;
    file: string;
    name: string;
    suite: string;
    state: string;
    ms: number;
    errors: Told[];
    witness?: string;
  }[];
  errors: { project: string; file: string; name: string; errors: Told[] }[];
}

interface Run {
  run: string;
  status: number | string;
  report: Report | null;
}

const module = String(new URL('../../../scripts/test-summary.mjs', import.meta.url));
const { summary, again } = (await import(module)) as {
  summary(reports: Run[], second?: Run[]): { lines: string[]; ok: boolean };
  again(reports: Run[]): { project: string; file: string }[];
};

function test(name: string, changes: Partial<Report['tests'][number]> = {}) {
  const suite = name.split(' > ')[0]!;
  return { project: 'unit', file: 'test/unit/a.test.ts', name, suite, state: 'passed', ms: 1, errors: [], ...changes };
}

const run = (tests: Report['tests'], errors: Report['errors'] = [], status: Run['status'] = 0): Run => ({
  run: '--project unit',
  status,
  report: { tests, errors },
});

const lines = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}`).join('\n');

describe('the end of npm test', () => {
  it('counts over all runs and is content when nothing failed', () => {
    const { lines, ok } = summary([run([test('a'), test('b', { state: 'skipped' })]), run([test('c')])]);
    expect(lines).toEqual(['skipped: b', 'tests: 2 passed, 0 failed, 1 skipped']);
    expect(ok).toBe(true);
  });

  it('names a failed test with project, file, message, difference and place, after the totals', () => {
    const errors = [{ message: '\x1b[31mexpected 1 to be 2\x1b[39m', diff: '- 2\n+ 1', place: 'at a.test.ts:3:4' }];
    const { lines, ok } = summary([
      run([test('a group > a test', { project: 'live', file: 'test/live/a.test.ts', state: 'failed', errors })], [], 1),
      run([test('b')]),
    ]);
    expect(ok).toBe(false);
    expect(lines.slice(-6)).toEqual([
      'tests: 1 passed, 1 failed, 0 skipped',
      'FAILED live  test/live/a.test.ts > a group > a test',
      '    expected 1 to be 2',
      '    - 2',
      '    + 1',
      '    at a.test.ts:3:4',
    ]);
  });

  it('cuts a long message and keeps the place', () => {
    const errors = [{ message: lines(100), place: 'at a.test.ts:3:4' }];
    const told = summary([run([test('a', { state: 'failed', errors })], [], 1)]).lines;
    expect(told).toHaveLength(1 + 1 + 15);
    expect(told.at(2)).toBe('    line 0');
    expect(told.at(-1)).toBe('    at a.test.ts:3:4');
  });

  it('shows the end of what its switches know where there is room', () => {
    const errors = [{ message: 'no ping' }];
    const failed = test('a', { state: 'failed', errors, witness: lines(100) });
    const told = summary([run([failed], [], 1)]).lines;
    expect(told).toHaveLength(1 + 1 + 1 + 25);
    expect(told.at(3)).toBe('    | line 75');
    expect(told.at(-1)).toBe('    | line 99');
    const many = summary([run(Array(6).fill(failed), [], 1)]).lines;
    expect(many.filter((line) => line.includes('|'))).toEqual([]);
  });

  it.each([2, 5, 20, 25])('names each of %i failed tests in the last 60 lines', (count) => {
    const tests = Array.from({ length: count }, (_, n) =>
      test(`test ${n}`, { state: 'failed', errors: [{ message: lines(40), place: 'at a.test.ts:3:4' }] }),
    );
    const told = summary([run(tests, [], 1)]).lines.slice(-60);
    expect(told.filter((line) => line.startsWith('FAILED'))).toHaveLength(count);
    expect(told.filter((line) => line === '    line 0')).toHaveLength(count);
  });

  it('takes a hook that failed and an error outside of tests for failures', () => {
    const hook = { project: 'live', file: 'test/live/a.test.ts', name: 'a group', errors: [{ message: 'no device' }] };
    const stray = { project: '', file: '', name: 'outside of tests', errors: [{ message: 'a process ended' }] };
    const { lines, ok } = summary([run([test('a', { state: 'skipped' })], [hook, stray], 1)]);
    expect(ok).toBe(false);
    expect(lines.slice(-5)).toEqual([
      'tests: 0 passed, 2 failed, 1 skipped',
      'FAILED live  test/live/a.test.ts > a group',
      '    no device',
      'FAILED outside of tests',
      '    a process ended',
    ]);
  });

  it('names a test that its process did not live to end', () => {
    const { lines, ok } = summary([run([test('a', { state: 'pending' }), test('b')], [], 1)]);
    expect(ok).toBe(false);
    expect(lines).toEqual([
      'tests: 1 passed, 1 failed, 0 skipped',
      'FAILED unit  test/unit/a.test.ts > a',
      '    did not end',
    ]);
  });

  it('tells of a run that wrote no report, or that ended badly though its report is clean', () => {
    const { lines, ok } = summary([
      { run: '--project live', status: 'SIGKILL', report: null },
      run([test('a')], [], 1),
    ]);
    expect(ok).toBe(false);
    expect(lines).toEqual([
      'tests: 1 passed, 2 failed, 0 skipped',
      'FAILED the run as a whole',
      '    vitest --project live ended with SIGKILL and wrote no report',
      'FAILED the run as a whole',
      '    vitest --project unit ended with 1',
    ]);
  });

  it('lists the five slowest live tests', () => {
    const live = [3, 9, 1, 8, 2, 7].map((s) => test(`t${s}`, { project: 'live-two-workers', file: 'f', ms: s * 1000 }));
    const { lines } = summary([run([...live, test('u', { ms: 60_000 })])]);
    expect(lines.slice(0, -1)).toEqual([9, 8, 7, 3, 2].map((s) => `slow: ${s}.0 s  live-two-workers  f > t${s}`));
  });

  it('says once what is skipped as a whole', () => {
    const { lines } = summary([run(['x > a', 'x > b', 'y > c'].map((name) => test(name, { state: 'skipped' })))]);
    expect(lines.slice(0, -1)).toEqual(['skipped: x: 2 tests', 'skipped: y > c']);
  });

  describe('a live file that failed alone', () => {
    const errors = [{ message: 'no answer', place: 'at c.test.ts:3:4' }];
    const failed = (file: string, project = 'live') => test('c', { project, file, state: 'failed', errors });

    it('is run once more, as two are', () => {
      const reports = [run([failed('c.test.ts'), failed('c.test.ts'), failed('d.test.ts')], [], 1), run([test('a')])];
      expect(again(reports)).toEqual([
        { project: 'live', file: 'c.test.ts' },
        { project: 'live', file: 'd.test.ts' },
      ]);
    });

    it('is not where a unit test, something outside of files, a third file or a whole run failed too', () => {
      const one = failed('c.test.ts');
      expect(again([run([one], [], 1), run([failed('a.test.ts', 'unit')], [], 1)])).toEqual([]);
      expect(again([run([one], [{ project: '', file: '', name: 'outside of tests', errors }], 1)])).toEqual([]);
      expect(again([run([one, failed('d.test.ts'), failed('e.test.ts')], [], 1)])).toEqual([]);
      expect(again([run([one], [], 1), { run: 'b', status: 'SIGKILL', report: null }])).toEqual([]);
      expect(again([run([test('a')])])).toEqual([]);
    });

    it('is told as unsteady where it passes, with what it said, and as failed where it fails again', () => {
      const first = [run([failed('c.test.ts'), test('a')], [], 1)];
      const passed = summary(first, [run([test('c', { project: 'live', file: 'c.test.ts' })])]);
      expect(passed.ok).toBe(true);
      expect(passed.lines.slice(-4)).toEqual([
        'tests: 1 passed, 0 failed, 1 unsteady (passed when run again, alone), 0 skipped',
        'UNSTEADY live  c.test.ts > c',
        '    no answer',
        '    at c.test.ts:3:4',
      ]);
      expect(summary(first, [run([failed('c.test.ts')], [], 1)]).ok).toBe(false);
      expect(summary(first, [{ run: 'c', status: 1, report: null }]).ok).toBe(false);
    });
  });
});
