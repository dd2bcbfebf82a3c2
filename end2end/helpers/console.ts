// The real program with a port, a data directory and an installation's name of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BuildRequest, Client } from './client';
import { sweep } from './docker';
import { environment } from './environment';
import { eventually } from './eventually';

export const ADMIN_PASSWORD = 'admin-password-of-tests';
export const USER_PASSWORD = 'user-password-of-tests';

export class Console {
  readonly instance = `test-${process.pid}-${randomBytes(6).toString('hex')}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'prt-e2e-'));
  admin!: Client;
  private child?: ChildProcess;

  private constructor(readonly port: number) {
    writeFileSync(join(this.folder, 'console.toml'), configuration());
  }

  static async start(): Promise<Console> {
    const started = new Console(await freePort());
    try {
      await started.run();
      started.admin = await Client.login(started.url, 'admin', ADMIN_PASSWORD);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** The end of what the program has written. */
  log(lines = 30): string {
    return readFileSync(join(this.folder, 'console.log'), 'utf8').split('\n').slice(-lines).join('\n');
  }

  /** Starts the program on the same data, e.g. after `kill`. */
  async run(): Promise<void> {
    const log = openSync(join(this.folder, 'console.log'), 'a');
    const child = spawn(environment.console(), [], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...(process.env.DOCKER_HOST && { DOCKER_HOST: process.env.DOCKER_HOST }),
        PRT_CONFIG: join(this.folder, 'console.toml'),
        PRT_SITE_ROOT: environment.site(),
        PRT_AGENT: environment.agent(),
        PRT_LISTEN: `127.0.0.1:${this.port},${environment.bridge()}:${this.port}`,
        PRT_PUBLIC_URL: this.url,
        // Where prtcli and the SDK inside workers find it.
        PRT_WORKER_URL: `http://${environment.bridge()}:${this.port}`,
        PRT_DATA_DIR: join(this.folder, 'data'),
        PRT_INSTANCE: this.instance,
        PRT_ADMIN_PASSWORD: ADMIN_PASSWORD,
      },
    });
    closeSync(log);
    this.child = child;
    await eventually(`the console answers at ${this.url}`, async () => {
      if (child.exitCode !== null) throw new Error(`the console has ended with ${child.exitCode}:\n${this.log()}`);
      const answer = await fetch(`${this.url}/health/readiness/`).catch(() => undefined);
      return answer?.ok;
    });
  }

  /** Ends the program like a power cut. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Ends the program and removes what it left. */
  async stop(): Promise<void> {
    await this.kill();
    sweep(this.instance);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A new user in groups that exist. */
  async user(username: string, groups: string[] = []): Promise<Client> {
    await this.admin.post('/users', { username, password: USER_PASSWORD, groups });
    return Client.login(this.url, username, USER_PASSWORD);
  }

  /** A repository of this installation in the test registry. */
  repository(name: string): string {
    return `${environment.registry().host}/${this.instance}/${name}`;
  }

  /** The request for a build of what is in the worker's build folder, with the registry's login. */
  buildRequest(worker: string, name: string, more: Partial<BuildRequest> = {}): BuildRequest {
    return { worker, name: this.repository(name), tag: '1', push_image: false, registry_credentials: [environment.registry()], ...more };
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('there is no free port'))));
    });
  });
}

function configuration(): string {
  const { host } = environment.registry();
  const http = environment.httpRegistry();
  const name = (address: string) => address.split(':')[0];
  return [
    `extra_hosts = ["${name(host)}:host-gateway", "${name(http)}:host-gateway"]`,
    `[registries."${host}"]`,
    `ca_file = "${environment.authority()}"`,
    `[registries."${http}"]`,
    'http = true',
    '',
  ].join('\n');
}
