// A build that prints very much: nothing is lost, and a line far in is shown as fast as one of a short log.
import { createHash } from 'node:crypto';
import { browse, closeBrowser } from './browser.mjs';
import { manyLine } from './builder.mjs';
import { environment } from './environment.mjs';
import { figure } from './report.mjs';
import { interleave, paired, quantile } from './stats.mjs';

const SHORT = 1000;
const PAIRS = 3;

export async function longLog(builder) {
  const lines = environment.lines();
  const args = (count) => ({ ...builder.fresh(), LINES: String(count) });
  const name = `build that prints ${lines.toLocaleString('en-US')} lines`;
  let long;
  const measured = async (words, count, build, goal) => {
    const pairs = await interleave(
      count,
      async () => {
        const took = await build('many', args(lines));
        long = builder.number;
        await checkLog(builder, long, lines);
        await builder.quiet();
        return took;
      },
      () => builder.bareToFile('many', args(lines)),
    );
    const { value, reference, ...rest } = paired(pairs);
    figure({ name: words, value: value / 1000, unit: 's', reference: reference / 1000, ...rest, goal });
  };
  await measured(name, PAIRS, (context, args) => builder.buildUnseen(context, args), { ratio: 1.05 });
  await measured('the same with a viewer of each line', 1, (context, args) => builder.build(context, args));
  await builder.build('many', args(SHORT));
  await checkLog(builder, builder.number, SHORT);
  await far(builder.console, long, Math.round(lines * 0.777777), builder.number, Math.round(SHORT * 0.777));
}

/** The whole log as it is downloaded. */
async function checkLog(builder, number, lines) {
  const got = createHash('sha256');
  const wanted = createHash('sha256');
  const answer = await fetch(`${builder.console.url}/api/v1/builds/${number}/log`, { headers: builder.console.headers() });
  if (!answer.ok) throw new Error(`the log of build #${number}: ${answer.status}`);
  let rest = '';
  let seen = 0;
  // The download has the other steps' lines too.
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    const all = (rest + piece).split('\n');
    rest = all.pop();
    for (const line of all) {
      const at = line.search(/\d{8} compiling module/);
      if (at < 0) continue;
      seen += 1;
      got.update(`${line.slice(at)}\n`);
    }
  }
  for (let line = 1; line <= lines; line++) wanted.update(manyLine(line));
  if (seen !== lines || got.digest('hex') !== wanted.digest('hex')) throw new Error(`build #${number}: ${seen} of ${lines} lines, or not the same ones`);
}

async function far(console, long, farLine, short, nearLine) {
  const page = await browse(console);
  const nodes = [];
  const open = (number, line) => async () => {
    // From an empty page: only then is the address loaded and not just scrolled to.
    await page.goto('about:blank');
    const begin = performance.now();
    await page.goto(`${console.url}/builds/${number}#L${line}`, { waitUntil: 'commit' });
    await page.waitForFunction((line) => {
      const row = document.querySelector(`#L${line}.log-at`);
      const frame = row?.closest('.log')?.getBoundingClientRect();
      const { top, bottom } = row?.getBoundingClientRect() ?? {};
      return frame && top >= frame.top && bottom <= frame.bottom;
    }, line);
    const took = performance.now() - begin;
    nodes.push(await page.evaluate(() => document.querySelectorAll('.log *').length));
    return took;
  };
  try {
    await open(short, nearLine)();
    await open(long, farLine)();
    const pairs = await interleave(9, open(long, farLine), open(short, nearLine));
    figure({ name: `page: line ${farLine.toLocaleString('en-US')} in sight`, unit: 'ms', ...paired(pairs), goal: { ratio: 1.5 } });
    figure({ name: 'page: elements of a log', value: quantile(nodes, 1), unit: 'nodes', goal: { most: 500 } });
  } finally {
    await closeBrowser();
  }
}
