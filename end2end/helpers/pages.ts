// What several tests do on pages.
import { expect, type Locator, type Page } from '@playwright/test';
import { eventually } from './eventually';
import { load } from './load';

/** The summary of a refused form. */
export const refusal = (page: Page): Locator => page.locator('.form-errors');

/** The build's or worker's own status in the page's head. */
export const status = (page: Page): Locator => page.locator('.page-title [data-status]');

/**
 * Waits until the page's head shows one of these statuses. With scripts the page has to get there by itself; without, it is loaded
 * again as a reader would.
 */
export async function reaches(page: Page, live: boolean, wanted: RegExp, seconds = 60): Promise<void> {
  if (live) {
    await expect(status(page)).toHaveAttribute('data-status', wanted, { timeout: seconds * 1000 });
    return;
  }
  const look = async () => {
    await load(page, () => page.reload());
    return wanted.test((await status(page).getAttribute('data-status')) ?? '');
  };
  await eventually(`${page.url()} shows ${wanted}`, look, seconds);
}

/** The field for an image's name. Its label has a star, which is not part of its name. */
export const imageField = (page: Page): Locator =>
  page.getByRole('combobox', { name: 'Image', exact: true }).or(page.getByRole('textbox', { name: 'Image', exact: true }));

/** Ticks or unticks, by a group's or a user's name. */
export const access = (page: Page, name: string): Locator =>
  page.locator('.check-list').getByRole('checkbox', { name: new RegExp(`^${name}( |$)`) });

/** A container's row on a worker's page. */
export const container = (page: Page, name: string): Locator =>
  page.getByRole('table', { name: 'Containers' }).getByRole('row', { name: new RegExp(`^${name} `) });

/** The number in the address of a build's page. */
export async function buildNumber(page: Page): Promise<number> {
  await page.waitForURL(/\/builds\/\d+/);
  return Number(new URL(page.url()).pathname.split('/')[2]);
}

/** The name in the address of a worker's page. */
export async function workerName(page: Page): Promise<string> {
  await page.waitForURL(/\/workers\/(?!new)[^/?]+/);
  return new URL(page.url()).pathname.split('/')[2] ?? '';
}

/** Fills in the build form; a field that is not given stays as it is. */
export async function fillBuild(
  page: Page,
  form: {
    dockerfile?: string;
    files?: { name: string; text: string }[];
    name?: string;
    tag?: string;
    push?: boolean;
    login?: { host: string; username: string; password: string };
  },
): Promise<void> {
  if (form.dockerfile !== undefined) await page.getByLabel('Dockerfile', { exact: true }).fill(form.dockerfile);
  if (form.files) {
    const files = form.files.map(({ name, text }) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) }));
    await page.locator('#f-files').setInputFiles(files);
  }
  if (form.name !== undefined) await page.getByLabel('Image name').fill(form.name);
  if (form.tag !== undefined) await page.locator('#f-tag').fill(form.tag);
  if (form.push !== undefined) await page.getByLabel('Push the image').setChecked(form.push);
  if (form.login) {
    await page.getByLabel('Registry host 1').fill(form.login.host);
    await page.getByLabel('User 1', { exact: true }).fill(form.login.username);
    await page.getByLabel('Password 1').fill(form.login.password);
  }
}
