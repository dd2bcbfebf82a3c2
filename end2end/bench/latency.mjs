// From a step printing a line to a client having it.
import { STAMP } from './builder.mjs';
import { browse, closeBrowser } from './browser.mjs';
import { figure } from './report.mjs';
import { median, quantile, wallClock } from './stats.mjs';

const ROUNDS = 5;
const LINES = 250;
/** 50 lines a second. */
const PAUSE = '0.02';

export async function latency(builder) {
  const samples = { events: [], page: [], bare: [] };
  const page = await browse(builder.console);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      samples.bare.push(await bare(builder));
      samples.events.push(await events(builder));
      samples.page.push(await inPage(builder, page));
    }
  } finally {
    await closeBrowser();
  }
  const of = (name, part) => quantile(samples[name].flat(), part);
  for (const [side, words, goals] of [
    ['events', 'line to its event (SSE)', [undefined, undefined]],
    ['page', 'line to the page (Chromium)', [{ most: 30 }, { most: 100 }]],
  ]) {
    for (const [part, label, goal] of [
      [0.5, 'p50', goals[0]],
      [0.99, 'p99', goals[1]],
    ]) {
      const ratios = samples[side].map((round, at) => quantile(round, part) / quantile(samples.bare[at], part));
      figure({
        name: `${words}, ${label}`,
        value: of(side, part),
        unit: 'ms',
        reference: of('bare', part),
        ratio: median(ratios),
        spread: [Math.min(...ratios), Math.max(...ratios)],
        pairs: ROUNDS,
        goal,
      });
    }
  }
}

const args = (builder, lines) => ({ ...builder.fresh(), LINES: String(lines), PAUSE });

/** Takes the time of a line, if it is one; complains when one is missing. */
function collector() {
  const now = wallClock();
  const samples = [];
  let next = 0;
  return {
    samples,
    line(text) {
      const stamp = STAMP.exec(text);
      if (!stamp) return;
      if (next && Number(stamp[1]) !== next) throw new Error(`line ${next} is missing: ${text} came`);
      next = Number(stamp[1]) + 1;
      samples.push(now() - Number(stamp[2]) / 1e6);
    },
  };
}

async function events(builder) {
  const { samples, line } = collector();
  await builder.build('stamps', args(builder, LINES), (record) => record.type === 'log' && line(record.text));
  return complete(samples);
}

async function bare(builder) {
  const { samples, line } = collector();
  let rest = '';
  await builder.bare('stamps', args(builder, LINES), (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    for (const json of lines.filter((text) => text.startsWith('{'))) {
      for (const { data } of JSON.parse(json).logs ?? []) Buffer.from(data, 'base64').toString().split('\n').forEach(line);
    }
  });
  return complete(samples);
}

function complete(samples) {
  if (samples.length !== LINES) throw new Error(`${samples.length} of ${LINES} lines came`);
  return samples;
}

async function inPage(builder, page) {
  const { number } = await builder.create('stamps', args(builder, 100_000));
  try {
    await page.goto(`${builder.console.url}/builds/${number}`);
    // The first line that is put in after the page was taken over: until then the server's own rows stand there.
    await page.waitForFunction(() => document.querySelector('.log-link-open') && document.querySelector('.log-row[data-line]'));
    const seen = await page.evaluate(observe, { clock: wallClock.toString(), wanted: LINES });
    for (let at = 1; at < seen.length; at++) {
      if (seen[at][0] !== seen[at - 1][0] + 1) throw new Error(`the page left out what is between ${seen[at - 1][0]} and ${seen[at][0]}`);
    }
    return complete(seen.map(([, took]) => took));
  } finally {
    await builder.cancel(number);
  }
}

/** In the page: notes when each new row gets into the document. */
function observe({ clock, wanted }) {
  const now = (0, eval)(`(${clock})`)();
  const begin = now();
  const seen = [];
  return new Promise((resolve, reject) => {
    const observer = new MutationObserver((mutations) => {
      const at = now();
      for (const { addedNodes } of mutations) {
        for (const node of addedNodes) {
          const text = node.nodeType === 1 && node.matches('.log-row[data-line]') && node.querySelector('.log-text').textContent;
          const stamp = text && /^t (\d+) (\d+)\s*$/.exec(text);
          if (stamp && stamp[2] / 1e6 > begin && seen.length < wanted) seen.push([Number(stamp[1]), at - stamp[2] / 1e6]);
        }
      }
      if (seen.length === wanted) {
        observer.disconnect();
        resolve(seen);
      }
    });
    observer.observe(document.querySelector('.log'), { childList: true, subtree: true });
    setTimeout(() => reject(new Error(`only ${seen.length} of ${wanted} lines came into the page within a minute`)), 60_000);
  });
}
