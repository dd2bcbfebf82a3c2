// What the tests need from outside. scripts/test-environment.sh provides it.
import { existsSync, readFileSync } from 'node:fs';

const HOW = 'run `make e2e` (scripts/e2e.sh): it builds the console, starts what the tests need and says where it is';

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: ${HOW}`);
  return value;
}

function file(name: string): string {
  const path = given(name);
  if (!existsSync(path)) throw new Error(`${name} is ${path}, which does not exist: ${HOW}`);
  return path;
}

export interface Registry {
  host: string;
  username: string;
  password: string;
}

/** Read when it is needed, so that a test run that lacks something says so in one line. */
export const environment = {
  console: () => file('PRT_CONSOLE_BIN'),
  prtcli: () => file('PRTCLI'),
  site: () => file('PRT_SITE_ROOT'),
  agent: () => file('PRT_AGENT'),
  httpRegistry: () => given('PRT_HTTP_REGISTRY'),
  authority: () => file('PRT_REGISTRY_CA'),
  registry: (): Registry => ({
    host: given('PRT_REGISTRY'),
    username: given('PRT_REGISTRY_USER'),
    password: readFileSync(file('PRT_REGISTRY_PASSWORD_FILE'), 'utf8').trim(),
  }),
  /** This machine's address on the engine's bridge: where build steps reach it. */
  bridge: () => given('PRT_REGISTRY_BRIDGE_IP'),
  /** The platform's worker image in the test registry: for FROM. */
  baseImage: () => `${given('PRT_REGISTRY')}/practicusai/practicus-minimal:25.5.3`,
};
