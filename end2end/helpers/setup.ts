// Once before all tests: a missing part is named before anything starts.
import { existsSync } from 'node:fs';
import type { FullConfig } from '@playwright/test';
import { docker } from './docker';
import { environment } from './environment';

export default function setup(config: FullConfig): void {
  environment.console();
  environment.site();
  environment.authority();
  environment.registry();
  environment.httpRegistry();
  environment.bridge();
  const chromium = config.projects[0]?.use.launchOptions?.executablePath;
  if (chromium && !existsSync(chromium)) {
    throw new Error(`${chromium} is missing: run scripts/setup/system-packages.sh, or set PRT_CHROMIUM to a Chromium`);
  }
  docker('version', '--format', '{{.Server.Version}}');
}
