// A large folder that the builder has already, sent once more by the command line.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from './console.mjs';
import { environment } from './environment.mjs';
import { figure } from './report.mjs';
import { median } from './stats.mjs';

const FILES = 20_000;
const FOLDERS = 200;
const BYTES = 1_000_000_000;
const TIMES = 5;

export async function context(builder) {
  const folder = mkdtempSync(join(tmpdir(), 'prt-bench-context-'));
  const way = await Way.open(builder.console.port);
  try {
    const tree = join(folder, 'tree');
    make(tree, builder);
    // Hashes of files that changed just now are not remembered.
    await pause(3000);
    const send = () => sent(builder, way, tree, join(folder, 'cache'));
    const first = await send();
    const again = [];
    for (let time = 0; time < TIMES; time++) again.push(await send());
    const words = `${FILES.toLocaleString('en-US')} unchanged files of 1 GB`;
    figure({ name: `context: ${words} sent again`, value: median(again.map(({ took }) => took)) / 1000, unit: 's', reference: first.took / 1000, goal: { most: 1.5 } });
    const bytes = Math.max(...again.map(({ bytes }) => bytes));
    figure({ name: `context: bytes for ${words}`, value: (bytes / BYTES) * 100, unit: '%', reference: (first.bytes / BYTES) * 100, goal: { most: 1 } });
  } finally {
    way.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function make(tree, builder) {
  const size = BYTES / FILES;
  for (let at = 0; at < FOLDERS; at++) {
    const folder = join(tree, `folder-${at}`);
    mkdirSync(folder, { recursive: true });
    for (let file = 0; file < FILES / FOLDERS; file++) writeFileSync(join(folder, `file-${file}`), randomBytes(size));
  }
  writeFileSync(join(tree, 'Dockerfile'), `FROM ${builder.base}\nCOPY Dockerfile /tmp/Dockerfile\n`);
}

/** What a build sends until it asks for the build itself, and how long that takes from the start of the command. */
async function sent(builder, way, tree, cache) {
  way.count();
  const begin = performance.now();
  const { host, username, password } = builder.login;
  const words = ['build', tree, '-t', `${builder.image}:context`, '-w', builder.worker, '--registry-credential', `${host},${username}`, '-q'];
  const child = spawn(environment.cli(), words, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH,
      XDG_CACHE_HOME: cache,
      XDG_CONFIG_HOME: cache,
      PRT_URL: way.url,
      PRT_TOKEN: builder.console.token,
      PRT_REGISTRY_PASSWORD: password,
    },
  });
  let said = '';
  child.stderr.on('data', (piece) => (said += piece));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`prtcli build ended with ${code}: ${said.slice(-2000)}`);
  await builder.settle();
  return { took: way.asked - begin, bytes: way.bytes };
}

/** Between the command line and the console: counts what is sent. */
class Way {
  static async open(port) {
    const way = new Way();
    way.server = createServer((client) => {
      const server = connect({ host: '127.0.0.1', port });
      client.on('data', (piece) => {
        if (way.asked) return;
        if (piece.includes('POST /api/v1/builds ')) way.asked = performance.now();
        else way.bytes += piece.length;
      });
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) socket.on('error', () => [client, server].forEach((one) => one.destroy()));
    });
    way.server.listen(0, '127.0.0.1');
    await once(way.server, 'listening');
    way.url = `http://localhost:${way.server.address().port}`;
    return way;
  }

  count() {
    this.bytes = 0;
    this.asked = 0;
  }

  close = () => this.server.close();
}
