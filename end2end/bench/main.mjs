// Measures and reports:  node main.mjs OUTPUT.json [PART...]. Run by scripts/bench.sh.
import { build } from './build.mjs';
import { Builder } from './builder.mjs';
import { config } from './config.mjs';
import { context } from './context.mjs';
import { Console } from './console.mjs';
import { idle, wasm } from './idle.mjs';
import { latency } from './latency.mjs';
import { longLog } from './longlog.mjs';
import { memory } from './memory.mjs';
import { close, head, part } from './report.mjs';
import { notebook } from './notebook.mjs';
import { store } from './store.mjs';
import { viewers } from './viewers.mjs';
import { worker } from './worker.mjs';

const alone = { store, idle, memory, wasm };
const inConsole = { worker, notebook };
const inBuilder = { build, context, latency, viewers, config, longlog: longLog };
const all = [...Object.keys(inBuilder), ...Object.keys(inConsole), ...Object.keys(alone)];

const [output, ...asked] = process.argv.slice(2);
const unknown = asked.filter((name) => !all.includes(name));
if (!output || unknown.length) {
  console.error(`error: no such part: ${unknown.join(', ')}; there are ${all.join(', ')}`);
  process.exit(2);
}
const wanted = (parts) => Object.entries(parts).filter(([name]) => !asked.length || asked.includes(name));

head();
for (const [name, run] of wanted(alone)) await part(name, run);
const [forConsole, forBuilder] = [wanted(inConsole), wanted(inBuilder)];
if (forConsole.length + forBuilder.length) {
  await part('console', async () => {
    const prt = await Console.start();
    // Nothing is measured while the console is being taken away.
    const stop = () => prt.stop().finally(() => process.exit(130));
    process.once('SIGINT', stop).once('SIGTERM', stop);
    try {
      for (const [name, run] of forConsole) await part(name, () => run(prt));
      if (forBuilder.length) {
        await part('builder', async () => {
          const builder = new Builder(prt);
          await builder.start();
          for (const [name, run] of forBuilder) await part(name, () => run(builder));
        });
      }
    } finally {
      await prt.stop();
    }
  });
}
process.exitCode = close(output);
