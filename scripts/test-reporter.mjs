/**
 * A reporter of vitest that writes what test-summary.mjs reads, to the file that ETHERLOOM_TEST_REPORT names: of every test its project and file, and the errors
 * outside of tests too (a hook, an import, a process that ended).
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from './setup.mjs';

export default class {
  onTestRunEnd(modules, unhandled) {
    const tests = [];
    const errors = unhandled.map((error) => ({
      project: '',
      file: '',
      name: 'outside of tests',
      errors: [told(error)],
    }));
    for (const module of modules) {
      const project = module.project.name;
      const file = relative(root, module.moduleId);
      for (const suite of [module, ...module.children.allSuites()]) {
        const own = suite.errors();
        if (own.length > 0)
          errors.push({
            project,
            file,
            name: suite.fullName ?? 'the file as a whole',
            errors: own.map(told),
            ...suite.meta(),
          });
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        tests.push({
          project,
          file,
          name: test.fullName,
          suite: test.fullName.split(' > ')[0],
          state,
          ms: test.diagnostic()?.duration ?? 0,
          errors: (errors ?? []).map(told),
          ...test.meta(),
        });
      }
    }
    writeFileSync(process.env.ETHERLOOM_TEST_REPORT, JSON.stringify({ tests, errors }));
  }
}

/** The message, the difference, and the place in this checkout. */
function told({ name, message, diff, stack = '', cause, VITEST_TEST_PATH: file }) {
  const place = stack
    .split('\n')
    .find((line) => / at .*:\d/.test(line) && line.includes(root) && !/node_modules/.test(line));
  const because = cause?.message ? `\nbecause: ${cause.message}` : '';
  const during = file ? `\nduring ${relative(root, file)}` : '';
  return { message: `${message || name || stack}${because}${during}`, diff, place: place?.trim().replace(root, '') };
}
