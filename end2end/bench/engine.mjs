// The bare tools: the Docker Engine's API and its command line.
import { spawn } from 'node:child_process';
import { request } from 'node:http';

const socketPath = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

/** A call of the Engine's API. */
export function engine(method, path, body) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {};
    const call = request({ socketPath, method, path, headers }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => {
        const got = Buffer.concat(pieces).toString();
        if (answer.statusCode >= 400) reject(new Error(`${method} ${path}: ${answer.statusCode} ${got}`));
        else resolve(got ? JSON.parse(got) : undefined);
      });
    });
    call.on('error', reject);
    call.end(text);
  });
}

/** Runs `docker ARGS`; `onStderr` gets the pieces as they come. Rejects unless it exits with 0. */
export function docker(args, { onStderr, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn('docker', args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    let out = '';
    let last = '';
    child.stdout.on('data', (piece) => (out += piece));
    child.stderr.on('data', (piece) => {
      onStderr?.(piece);
      last = (last + piece.toString('latin1')).slice(-2000);
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`docker ${args.slice(0, 4).join(' ')} … ended with ${code}: ${last}`)),
    );
    if (input !== undefined) child.stdin.end(input);
  });
}

const INSTANCE = 'io.prt-console.instance';

/** Removes all containers, volumes and networks of an installation. */
export async function sweep(instance) {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${INSTANCE}=${instance}`] }));
  for (const { Id } of await engine('GET', `/containers/json?all=1&filters=${filters}`)) {
    await engine('DELETE', `/containers/${Id}?force=1&v=1`).catch(() => {});
  }
  const { Volumes } = await engine('GET', `/volumes?filters=${filters}`);
  for (const { Name } of Volumes ?? []) await engine('DELETE', `/volumes/${Name}?force=1`).catch(() => {});
  for (const { Id } of await engine('GET', `/networks?filters=${filters}`)) await engine('DELETE', `/networks/${Id}`).catch(() => {});
}
