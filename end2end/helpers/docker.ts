// The engine's own client, for cleaning up and for looking at what the console did from outside.
import { spawnSync } from 'node:child_process';

export function docker(...args: string[]): string {
  const done = spawnSync('docker', args, { encoding: 'utf8' });
  if (done.error) throw new Error(`the docker client cannot be run (${done.error.message}): apt-get install docker.io`);
  if (done.status !== 0) {
    throw new Error(`docker ${args.join(' ')} failed; is an engine running? scripts/setup/docker-engine.sh starts one.\n${done.stderr}`);
  }
  return done.stdout.trim();
}

/** Removes the containers, volumes and networks of one installation. */
export function sweep(instance: string): void {
  const label = `label=io.prt-console.instance=${instance}`;
  const ids = (...list: string[]) => docker(...list, '--filter', label).split('\n').filter(Boolean);
  const containers = ids('ps', '-aq');
  if (containers.length > 0) docker('rm', '-fv', ...containers);
  const volumes = ids('volume', 'ls', '-q');
  if (volumes.length > 0) docker('volume', 'rm', '-f', ...volumes);
  for (const network of ids('network', 'ls', '-q')) docker('network', 'rm', network);
}
