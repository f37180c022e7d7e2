/** Progress and verdicts of the demo: a line a step, and whether all steps kept their promise. */

export class Report {
  failures = 0;
  private readonly started = Date.now();

  title(text: string): void {
    process.stdout.write(`\n${text}\n`);
  }

  /** Runs a step and prints ok or what went wrong; false when it did. */
  async step(what: string, work: () => Promise<string | undefined> | string | undefined): Promise<boolean> {
    process.stdout.write(`  ${what} ... `);
    try {
      const detail = await work();
      process.stdout.write(`ok${detail === undefined ? '' : `, ${detail}`}\n`);
      return true;
    } catch (error) {
      this.failures++;
      process.stdout.write(`FAILED: ${error instanceof Error ? error.message : error}\n`);
      return false;
    }
  }

  /** Notes what went wrong with something that printed its own result; null when nothing did. */
  check(problem: string | null): void {
    if (problem === null) return;
    this.failures++;
    process.stdout.write(`  FAILED: ${problem}\n`);
  }

  end(how: string): number {
    const seconds = ((Date.now() - this.started) / 1000).toFixed(0);
    const verdict = this.failures === 0 ? 'everything as promised' : `${this.failures} step(s) failed`;
    process.stdout.write(`\nDemo ${how}: ${verdict} (${seconds} s).\n`);
    return this.failures === 0 ? 0 : 1;
  }
}
