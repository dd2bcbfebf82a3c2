import { defineConfig } from '@playwright/test';

// Run by scripts/e2e.sh, which names the output folder on the command line: reports and traces do not go into the clone.
export default defineConfig({
  testDir: 'tests',
  globalSetup: './helpers/setup.ts',
  // Each process starts a console of its own; the files are spread over them, the tests of a file share one.
  workers: 2,
  fullyParallel: false,
  forbidOnly: true,
  // A test that passes only the second time is broken, or what it tests is.
  retries: 0,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: 'line',
  use: {
    browserName: 'chromium',
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    actionTimeout: 15_000,
    navigationTimeout: 30_000,
    // Recording every test costs too much time; `--trace on` records the one that is looked into.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.PRT_CHROMIUM ?? '/usr/bin/chromium-headless-shell',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
});
