// Debian's Chromium, logged in.
import { chromium } from '@playwright/test';
import { PASSWORD } from './console.mjs';
import { environment } from './environment.mjs';

let browser;

/** A page of a new browser, logged in to this console. */
export async function browse(console) {
  browser = await chromium.launch({
    executablePath: environment.chromium(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, bypassCSP: true });
  page.setDefaultTimeout(60_000);
  await page.goto(`${console.url}/login`);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/login'));
  return page;
}

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}
