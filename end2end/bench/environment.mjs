// What scripts/bench.sh says about the machine, and the sizes of the measurements.

function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run scripts/bench.sh, which sets up everything`);
  return value;
}

export const environment = {
  console: () => variable('PRT_CONSOLE_BIN'),
  site: () => variable('PRT_SITE_ROOT'),
  agent: () => variable('PRT_AGENT'),
  cli: () => variable('PRTCLI'),
  log: () => variable('PRT_BENCH_LOG_BIN'),
  registry: () => variable('PRT_REGISTRY'),
  registryUser: () => variable('PRT_REGISTRY_USER'),
  registryPasswordFile: () => variable('PRT_REGISTRY_PASSWORD_FILE'),
  registryCa: () => variable('PRT_REGISTRY_CA'),
  version: () => variable('PRT_VERSION'),
  chromium: () => process.env.PRT_CHROMIUM ?? '/usr/bin/chromium-headless-shell',
  /** Lines of the long log. */
  lines: () => Number(process.env.PRT_BENCH_LINES ?? 1_000_000),
};
