// The start of a worker through the console against the engine's own calls.
import { request } from 'node:http';
import { randomBytes } from 'node:crypto';
import { pause } from './console.mjs';
import { engine, sweep } from './engine.mjs';
import { figure } from './report.mjs';
import { interleave, paired, quantile } from './stats.mjs';

const PORT = 8888;
const PAIRS = 21;

export async function worker(console) {
  // Swept by the tests' pattern too, should this be killed.
  const instance = `test-${process.pid}-bare-${randomBytes(4).toString('hex')}`;
  // What the console makes of the same wish; it also keeps the workers' network there.
  const sample = await console.workerStart({ worker_size: 'Medium' });
  const made = await engine('GET', `/containers/prt-${sample.instance_id}-primary/json`);
  try {
    const pairs = await interleave(
      PAIRS,
      () => ours(console),
      () => bare(instance, made),
    );
    const { value, reference, ...rest } = paired(pairs);
    figure({ name: 'worker start', value: value / 1000, unit: 's', reference: reference / 1000, ...rest, goal: { ratio: 1.05 } });
    // Of both sides apart: each start takes so differently long that differences of pairs say nothing about the slow ones.
    for (const [part, name, goal] of [
      [0.5, 'p50', undefined],
      [0.95, 'p95', { most: 100 }],
    ]) {
      const [through, bare] = [0, 1].map((side) => quantile(pairs.map((pair) => pair[side]), part));
      figure({ name: `worker start: what the console adds, ${name}`, value: through - bare, unit: 'ms', goal });
    }
  } finally {
    await sweep(instance);
    await console.workerEnd(sample.name);
  }
}

async function ours(console) {
  const begin = performance.now();
  const { name } = await console.workerStart({ worker_size: 'Medium' });
  const took = performance.now() - begin;
  await console.workerEnd(name);
  await pause(500);
  return took;
}

/** Volume, create with the same settings, start, and asking until Jupyter answers. */
async function bare(instance, made) {
  const name = `${instance}-${randomBytes(4).toString('hex')}`;
  const Labels = { 'io.prt-console.instance': instance };
  const { Mounts, ...host } = made.HostConfig;
  // Nobody gives this one a token to wait for.
  const Env = made.Config.Env.filter((pair) => !pair.startsWith('PRT_NOTEBOOK_TOKEN_FILE='));
  const begin = performance.now();
  await engine('POST', '/volumes/create', { Name: name, Labels });
  const body = { ...made.Config, Env, Labels, HostConfig: { ...host, Mounts: Mounts.map((mount) => ({ ...mount, Source: name })) } };
  const { Id } = await engine('POST', `/containers/create?name=${name}`, body);
  await engine('POST', `/containers/${Id}/start`);
  const { NetworkSettings } = await engine('GET', `/containers/${Id}/json`);
  const [{ IPAddress }] = Object.values(NetworkSettings.Networks);
  const end = Date.now() + 60_000;
  while (!(await answers(IPAddress))) {
    if (Date.now() > end) throw new Error(`Jupyter does not answer on ${IPAddress}:${PORT}`);
    await pause(10);
  }
  const took = performance.now() - begin;
  await engine('DELETE', `/containers/${Id}?force=1&v=1`);
  await engine('DELETE', `/volumes/${name}?force=1`);
  await pause(500);
  return took;
}

const answers = (host) =>
  new Promise((resolve) => {
    const call = request({ host, port: PORT, path: '/api', timeout: 2000, agent: false }, (answer) => {
      answer.resume();
      resolve(true);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
