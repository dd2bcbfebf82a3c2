// A build configuration applied through the console against the least that a change needs in the same builder: the file, a restart and
// an answer. The console also lints it, tries it with a second daemon, keeps the former one until the end, and records all that.
import { docker } from './engine.mjs';
import { figure } from './report.mjs';
import { interleave, paired } from './stats.mjs';

const PAIRS = 11;

// The builder's main process starts the daemon anew while the file \`changing\` names a living process.
const CHANGE = `
set -eu
cd /tmp/prt-buildkitd
echo "$$" >changing
read -r before <pid
printf %s "$1" >buildkitd.toml
kill -TERM "$before"
until read -r now <pid && [ "$now" != "$before" ] && buildctl debug workers >/dev/null 2>&1; do sleep 0.02; done
rm changing
`;

export async function config(builder) {
  let number = 0;
  const content = () => `[worker.oci]\n  max-parallelism = ${2 + (number++ % 7)}\n`;
  const pairs = await interleave(
    PAIRS,
    () => timed(builder, () => ours(builder, content())),
    () => timed(builder, () => docker(['exec', builder.container, 'sh', '-c', CHANGE, 'bench', content()])),
  );
  const { value, reference, ...rest } = paired(pairs);
  figure({ name: 'build configuration applied', value: value / 1000, unit: 's', reference: reference / 1000, ...rest });
  await builder.console.delete(`/workers/${builder.worker}/build-config`);
}

async function ours(builder, config_content) {
  const { state, message } = await builder.console.put(`/workers/${builder.worker}/build-config`, { config_content });
  if (state !== 'active') throw new Error(`the configuration is ${state}: ${message}`);
}

async function timed(builder, act) {
  const begin = performance.now();
  await act();
  const took = performance.now() - begin;
  await builder.settle();
  return took;
}
