// The figures: one line each, and bench.json.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const figures = [];
const failures = [];

const short = (number) =>
  number === null || number === undefined
    ? '-'
    : Math.abs(number) >= 1000
      ? Math.round(number).toLocaleString('en-US')
      : number.toPrecision(3).replace(/\.?0+$/, (zeros) => (zeros.startsWith('.') ? '' : zeros));

const columns = [
  ['name', 46, (figure) => figure.name],
  ['ours', 14, (figure) => `${short(figure.value)} ${figure.unit}`],
  ['reference', 14, (figure) => (figure.reference === null ? '-' : `${short(figure.reference)} ${figure.unit}`)],
  ['ratio', 24, (figure) => ratioText(figure)],
  ['goal', 20, (figure) => figure.goal ?? '-'],
  ['meets', 5, (figure) => (figure.meets === null ? '-' : figure.meets ? 'yes' : 'no')],
];

function ratioText({ ratio, spread, pairs }) {
  if (ratio === null) return '-';
  const [least, greatest] = spread ?? [];
  return ratio.toFixed(3) + (spread ? ` (${least.toFixed(2)} to ${greatest.toFixed(2)}, n=${pairs})` : '');
}

const line = (texts) => console.log(texts.map((text, at) => text.padEnd(columns[at][1])).join('  ').trimEnd());

export function head() {
  line(columns.map(([title]) => title));
}

/**
 * Adds a figure. `goal` is `{ ratio: most }`, `{ most }`, `{ least }` or missing.
 * @param {{name: string, value: number, unit: string, reference?: number | null, ratio?: number | null, spread?: number[], pairs?: number, goal?: object}} measured
 */
export function figure({ name, value, unit, reference = null, ratio = null, spread, pairs, goal }) {
  if (![value, reference ?? 0, ratio ?? 0].every(Number.isFinite)) throw new Error(`${name}: not a number`);
  let text = null;
  let meets = null;
  if (goal?.ratio !== undefined) {
    text = `ratio <= ${goal.ratio}`;
    meets = ratio <= goal.ratio;
  } else if (goal?.most !== undefined) {
    text = `<= ${goal.most} ${unit}`;
    meets = value <= goal.most;
  } else if (goal?.least !== undefined) {
    text = `>= ${goal.least} ${unit}`;
    meets = value >= goal.least;
  }
  const made = { name, value, unit, reference, ratio, goal: text, meets, ...(spread && { spread, pairs }) };
  figures.push(made);
  line(columns.map(([, , show]) => show(made)));
}

/** Runs one part; a part that cannot be measured does not keep the others from it. */
export async function part(name, run) {
  try {
    await run();
  } catch (error) {
    failures.push(name);
    console.log(`${name}: NOT MEASURED: ${error.stack ?? error}`);
  }
}

/** Writes the file and the closing line; the exit code. */
export function close(file) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`);
  const withGoal = figures.filter(({ meets }) => meets !== null);
  const met = withGoal.filter(({ meets }) => meets);
  const missed = withGoal.filter(({ meets }) => !meets).map(({ name }) => name);
  console.log(`bench: ${met.length} of ${withGoal.length} goals are met${missed.length ? `; not met: ${missed.join(', ')}` : ''}`);
  if (failures.length) console.log(`bench: could not be measured: ${failures.join(', ')}`);
  return failures.length || !figures.length ? 1 : 0;
}
