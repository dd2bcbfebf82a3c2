// The real program with a port, a data directory and an installation's name of its own, and its REST API.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { sweep } from './engine.mjs';
import { environment } from './environment.mjs';

export const PASSWORD = 'admin-password-of-the-bench';

export class Console {
  instance = `test-${process.pid}-${randomBytes(4).toString('hex')}`;
  folder = mkdtempSync(join(tmpdir(), 'prt-bench-'));
  #agent = new Agent({ keepAlive: true });
  #token = '';

  static async start() {
    const console = new Console();
    try {
      await console.#run();
      const { value } = await console.post('/login', { username: 'admin', password: PASSWORD });
      console.#token = value;
    } catch (error) {
      await console.stop();
      throw error;
    }
    return console;
  }

  async #run() {
    this.port = await freePort();
    this.url = `http://localhost:${this.port}`;
    const host = environment.registry();
    writeFileSync(
      join(this.folder, 'console.toml'),
      `extra_hosts = ["${host.split(':')[0]}:host-gateway"]\n[registries."${host}"]\nca_file = "${environment.registryCa()}"\n`,
    );
    const log = openSync(join(this.folder, 'console.log'), 'a');
    this.child = spawn(environment.console(), [], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...(process.env.DOCKER_HOST && { DOCKER_HOST: process.env.DOCKER_HOST }),
        PRT_CONFIG: join(this.folder, 'console.toml'),
        PRT_SITE_ROOT: environment.site(),
        PRT_AGENT: environment.agent(),
        PRT_LISTEN: `127.0.0.1:${this.port}`,
        PRT_PUBLIC_URL: this.url,
        PRT_DATA_DIR: join(this.folder, 'data'),
        PRT_INSTANCE: this.instance,
        PRT_ADMIN_PASSWORD: PASSWORD,
      },
    });
    closeSync(log);
    const end = Date.now() + 60_000;
    for (;;) {
      if (this.child.exitCode !== null) throw new Error(`the console has ended:\n${this.#log()}`);
      const answer = await fetch(`${this.url}/health/readiness/`).catch(() => undefined);
      if (answer?.ok) return;
      if (Date.now() > end) throw new Error(`the console is not ready after a minute:\n${this.#log()}`);
      await pause(50);
    }
  }

  #log = () => readFileSync(join(this.folder, 'console.log'), 'utf8').split('\n').slice(-20).join('\n');

  get token() {
    return this.#token;
  }

  get pid() {
    return this.child.pid;
  }

  /** Megabytes of it that are in memory. */
  residentMB() {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
    return (Number(kilobytes) * 1024) / 1e6;
  }

  async stop() {
    if (this.child && this.child.exitCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      // Workers outlive a console that ends; a bench's do not.
      const killer = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
      await gone;
      clearTimeout(killer);
    }
    this.#agent.destroy();
    await sweep(this.instance);
    rmSync(this.folder, { recursive: true, force: true });
  }

  get = (path) => this.#call('GET', path);
  post = (path, body = {}) => this.#call('POST', path, JSON.stringify(body), 'application/json');
  put = (path, body) => this.#call('PUT', path, JSON.stringify(body), 'application/json');
  delete = (path) => this.#call('DELETE', path);
  file = (worker, path, content) =>
    this.#call('PUT', `/workers/${worker}/files?path=${encodeURIComponent(path)}`, content, 'application/octet-stream');

  headers = (type) => ({ ...(this.#token && { authorization: `Bearer ${this.#token}` }), ...(type && { 'content-type': type }) });

  #call(method, path, body, type) {
    return new Promise((resolve, reject) => {
      const headers = { ...this.headers(type), ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) };
      const options = { host: '127.0.0.1', port: this.port, method, path: `/api/v1${path}`, headers, agent: this.#agent };
      const call = request(options, (answer) => {
        const pieces = [];
        answer.on('data', (piece) => pieces.push(piece));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(pieces).toString();
          if (answer.statusCode >= 400) reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
          else resolve(answer.headers['content-type']?.includes('json') ? JSON.parse(text) : text);
        });
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  /** Starts a worker and waits until it answers. */
  async workerStart(config) {
    const { name } = await this.post('/workers', { worker_image: 'practicus-minimal', ...config });
    const worker = await this.get(`/workers/${name}/wait?timeout_s=120`);
    if (!worker.ready) throw new Error(`${name} is not ready: ${worker.status}, ${worker.message}`);
    return worker;
  }

  /** Ends a worker and waits until the engine has nothing of it. */
  async workerEnd(name) {
    await this.post(`/workers/${name}/terminate`);
    const end = Date.now() + 60_000;
    while ((await this.get(`/workers/${name}`)).status !== 'Terminated') {
      if (Date.now() > end) throw new Error(`${name} is not gone after a minute`);
      await pause(50);
    }
  }

  /** Waits for the end of a build that has to succeed, and gets none of its records. */
  async ended(number) {
    // No record has such a number: the stream only ends.
    const answer = await fetch(`${this.url}/api/v1/builds/${number}/events?after=${Number.MAX_SAFE_INTEGER}`, { headers: this.headers() });
    if (!answer.ok) throw new Error(`the events of build #${number}: ${answer.status}`);
    await answer.text();
    const { status, message } = await this.get(`/builds/${number}`);
    if (status !== 'Succeeded') throw new Error(`build #${number}: ${status}, ${message}`);
  }

  /** The records of a build as they come, to its end; `each` gets them, and ends it early by returning true. */
  follow(number, each = () => {}) {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, path: `/api/v1/builds/${number}/events`, headers: this.headers(), agent: false };
      const call = request(options, (answer) => {
        if (answer.statusCode !== 200) return reject(new Error(`the events of build #${number}: ${answer.statusCode}`));
        let rest = '';
        let last;
        answer.setEncoding('utf8');
        answer.on('data', (piece) => {
          const lines = (rest + piece).split('\n');
          rest = lines.pop();
          for (const line of lines) {
            if (!line.startsWith('data:')) continue;
            last = JSON.parse(line.slice(5));
            if (each(last)) {
              call.destroy();
              return resolve(last);
            }
            if (last.type === 'end') resolve(last);
          }
        });
        answer.on('error', reject);
        answer.on('end', () => reject(new Error(`the events of build #${number} ended without an end`)));
      });
      call.on('error', reject);
      call.end();
    });
  }

  /** The end of a build that has to succeed. */
  async buildEnd(number, each) {
    const end = await this.follow(number, each);
    if (end.status !== 'Succeeded') throw new Error(`build #${number}: ${end.status}, ${end.message}`);
    return end;
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
