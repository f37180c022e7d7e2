/** What `npm test` says at its end, of the reports that test-reporter.mjs wrote. */

/** Lines for all failures together: the end of a log that was cut short still names each. */
const FAILURE_LINES = 50;
const PER_FAILURE = 15;
const WITNESS_LINES = 25;
const SLOWEST = 5;

// biome-ignore lint/suspicious/noControlCharactersInRegex: colors
const COLOR = /\x1b\[[0-9;]*m/g;

/** Files that a failure of the machine rather than of the product may touch; more is no chance. */
const FILES_AGAIN = 2;

/**
 * Which live files to run once more, alone, as `{ project, file }`: those with a failed test or hook when at most two have one and nothing else
 * failed. Live tests share two cores with the unit tests, and real hosts have time limits of their own.
 */
export function again(reports) {
  const files = new Map();
  for (const { project, file } of failuresOf(reports)) {
    if (!project.startsWith('live') || file === '') return [];
    files.set(`${project} ${file}`, { project, file });
  }
  return files.size > FILES_AGAIN ? [] : [...files.values()];
}

function failuresOf(reports) {
  const tests = reports.flatMap(({ report }) => report?.tests ?? []);
  return [
    ...tests.filter(({ state }) => state === 'failed'),
    ...tests
      .filter(({ state }) => state === 'pending')
      .map((test) => ({ ...test, errors: [{ message: 'did not end' }] })),
    ...reports.flatMap(({ report }) => report?.errors ?? []),
    ...reports.filter(({ report, status }) => report === null || (status !== 0 && isClean(report))).map(unexplained),
  ];
}

/**
 * `reports`: of each run of vitest `{ run, status, report }`, the report null where it wrote none. `second`: the same of the files of
 * `again`, each alone; all failures are told as unsteady, not as failed, when all of these passed. Returns the lines to print, failures
 * last, and whether all is well.
 */
export function summary(reports, second = []) {
  const tests = reports.flatMap(({ report }) => report?.tests ?? []);
  const failures = [...failuresOf(reports), ...failuresOf(second)];
  const unsteady = second.length > 0 && failuresOf(second).length === 0;
  const word = unsteady ? 'UNSTEADY' : 'FAILED';
  const failed = unsteady
    ? `0 failed, ${failures.length} unsteady (passed when run again, alone)`
    : `${failures.length} failed`;
  const skipped = tests.filter(({ state }) => state === 'skipped');
  const passed = tests.filter(({ state }) => state === 'passed').length;
  return {
    lines: [
      ...slowest(tests),
      ...skips(skipped),
      `tests: ${passed} passed, ${failed}, ${skipped.length} skipped`,
      ...failures.flatMap((failure) => told(word, failure, failures.length)),
    ],
    ok: unsteady || failures.length === 0,
  };
}

function isClean({ tests, errors }) {
  return errors.length === 0 && tests.every(({ state }) => state === 'passed' || state === 'skipped');
}

function unexplained({ run, status, report }) {
  const message = `vitest ${run} ended with ${status}${report === null ? ' and wrote no report' : ''}`;
  return { project: '', file: '', name: 'the run as a whole', errors: [{ message }] };
}

function slowest(tests) {
  const live = tests.filter(({ project }) => project.startsWith('live')).sort((a, b) => b.ms - a.ms);
  return live
    .slice(0, SLOWEST)
    .map(({ ms, project, file, name }) => `slow: ${(ms / 1000).toFixed(1)} s  ${project}  ${file} > ${name}`);
}

/** By what they belong to: a folder that is missing is one line, not one for each test that wants it. */
function skips(skipped) {
  const wholes = new Map();
  for (const { suite, name } of skipped) wholes.set(suite, [...(wholes.get(suite) ?? []), name]);
  return [...wholes].map(
    ([suite, names]) => `skipped: ${names.length === 1 ? names[0] : `${suite}: ${names.length} tests`}`,
  );
}

/**
 * Its name and, as far as the lines go, what it said: of a long message the beginning, and always the place. Behind that,
 * where there is room, the end of what the test's switches know (test/live/use.ts).
 */
function told(word, { project, file, name, errors, witness = '' }, count) {
  const lines = Math.floor(FAILURE_LINES / count) - 1;
  const room = Math.max(1, Math.min(PER_FAILURE, lines));
  const said = errors.flatMap(({ message, diff, place }) => {
    const lines = `${message}\n${diff ?? ''}`
      .replace(COLOR, '')
      .split('\n')
      .filter((line) => line.trim() !== '');
    const head = lines.slice(0, place === undefined || room === 1 ? room : room - 1);
    return [...head, ...(place === undefined ? [] : [place])];
  });
  return [
    `${word} ${[project, file].filter((word) => word !== '').join('  ')}${file === '' ? '' : ' > '}${name}`,
    ...said.slice(0, room).map((line) => `    ${line}`),
    ...lastLines(witness, Math.min(WITNESS_LINES, lines - room)).map((line) => `    | ${line}`),
  ];
}

function lastLines(text, count) {
  return count <= 0 || text === '' ? [] : text.split('\n').slice(-count);
}
