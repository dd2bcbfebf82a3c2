// What a console holds after it has had much to do.
import { browse, closeBrowser } from './browser.mjs';
import { Builder } from './builder.mjs';
import { Console, pause } from './console.mjs';
import { figure } from './report.mjs';

const BUILDS = 10;
const LINES = 200_000;
const PAGES = ['workers', 'builds', 'infrastructure/container-images', 'infrastructure/worker-sizes', 'access/users', 'audit'];

/** A console of its own: what the other parts did would count. */
export async function memory() {
  const console = await Console.start();
  try {
    const builder = new Builder(console);
    await builder.start();
    await look(builder);
    await pause(3000);
    const before = console.residentMB();
    let most = 0;
    for (let build = 0; build < BUILDS; build++) {
      await builder.build('many', { ...builder.fresh(), LINES: String(LINES) });
      await look(builder);
      most = Math.max(most, console.residentMB());
    }
    await builder.quiet();
    await pause(10_000);
    const after = console.residentMB();
    const name = `console: resident memory after ${BUILDS} builds of ${LINES.toLocaleString('en-US')} lines`;
    figure({ name, value: after, unit: 'MB', reference: before, ratio: after / before, goal: { ratio: 1.1 } });
    figure({ name: 'console: most of it at the end of such a build', value: most, unit: 'MB' });
  } finally {
    await closeBrowser();
    await console.stop();
  }
}

/** The last build's log as a file and its page, and the pages around it. */
async function look({ console, number }) {
  const log = await fetch(`${console.url}/api/v1/builds/${number}/log`, { headers: console.headers() });
  for await (const _ of log.body);
  const page = await browse(console);
  for (const path of [`builds/${number}`, ...PAGES]) {
    await page.goto(`${console.url}/${path}`);
    await page.getByRole('heading', { level: 1 }).first().waitFor();
  }
  await closeBrowser();
}
