// What a console needs that nobody works with, and what a browser has to load first.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { browse, closeBrowser } from './browser.mjs';
import { Console, pause } from './console.mjs';
import { environment } from './environment.mjs';
import { figure } from './report.mjs';

const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

export async function idle() {
  const console = await Console.start();
  try {
    const page = await browse(console);
    await page.goto(`${console.url}/workers`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await closeBrowser();
    // Until the connections are closed and the pool's threads sleep.
    await pause(3000);
    figure({ name: 'console: resident memory, idle', value: console.residentMB(), unit: 'MB', goal: { most: 64 } });
  } finally {
    await closeBrowser();
    await console.stop();
  }
}

export function wasm() {
  const folder = join(environment.site(), 'pkg');
  const [file, ...more] = readdirSync(folder).filter((name) => name.endsWith('.wasm'));
  if (!file || more.length) throw new Error(`${folder} does not have one file *.wasm: run scripts/build.sh`);
  const packed = join(folder, `${file}.br`);
  // A debug build is not packed.
  const size = existsSync(packed) ? statSync(packed).size : brotliCompressSync(readFileSync(join(folder, file)), FAST).length;
  figure({ name: 'wasm, packed with brotli', value: size / 1000, unit: 'kB', goal: { most: 250 } });
}
