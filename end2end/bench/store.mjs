// The log store alone: a million lines in, the same lines out.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { environment } from './environment.mjs';
import { figure } from './report.mjs';
import { median, paired } from './stats.mjs';

export async function store() {
  const { stdout } = await promisify(execFile)(environment.log(), [String(environment.lines())], { timeout: 1_800_000 });
  const result = JSON.parse(stdout);
  if (!result.checksum_equal) throw new Error(`the lines that were read back are not those that were written: ${stdout}`);
  const { value, reference, ratio, spread, pairs } = paired(result.write_seconds);
  const rate = (seconds) => result.lines / seconds;
  figure({
    name: `${result.lines.toLocaleString('en-US')} lines into the store`,
    value: rate(value),
    unit: 'lines/s',
    reference: rate(reference),
    // Of speeds, not of times.
    ratio: 1 / ratio,
    spread: [1 / spread[1], 1 / spread[0]],
    pairs,
    goal: { least: 100_000 },
  });
  figure({ name: `store: 500 lines from ${result.far_line.toLocaleString('en-US')} on`, unit: 'ms', ...paired(result.open_ms), goal: { ratio: 1.5 } });
  figure({ name: 'store: append to follower, p99', value: median(result.follower_p99_us) / 1000, unit: 'ms' });
}
