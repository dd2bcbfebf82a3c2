// By keyboard alone, and what screen readers are told.
import type { Locator, Page } from '@playwright/test';
import { imageField, refusal } from '../helpers/pages';
import { expect, test } from '../helpers/test';

test('the first stop is a way past the navigation', async ({ enter, open }) => {
  const page = await open(await enter('alice'), '/workers');
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to the content' });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press('Enter');
  await expect(page.locator('main')).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('main').getByRole('link', { name: 'Start a worker' }).first()).toBeFocused();
});

test('the login is filled in and sent without a mouse', async ({ page, open }) => {
  await open(page, '/login');
  await expect(page.getByLabel('User name')).toBeFocused();
  await page.keyboard.type('alice');
  await page.keyboard.press('Tab');
  await expect(page.getByLabel('Password')).toBeFocused();
  await page.keyboard.type('user-password-of-tests');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Log in' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/workers$/);
});

test('a question keeps the keyboard, and Escape takes it back', async ({ site, enter, open }) => {
  const worker = await site.builder();
  const page = await open(await enter('alice'), `/workers/${worker}`);
  const link = page.getByRole('link', { name: 'Terminate' });
  await link.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: `Terminate ${worker}?` });
  await expect(dialog).toBeVisible();
  for (let stop = 0; stop < 6; stop += 1) {
    await page.keyboard.press('Tab');
    // The browser's own frame is a stop too; the page behind the question is none.
    expect(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement?.closest('dialog'))).toBe(true);
  }
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(page).toHaveURL(new RegExp(`/workers/${worker}$`));
  await expect(link).toBeFocused();
  await page.keyboard.press('Enter');
  await dialog.getByRole('link', { name: 'Keep it' }).press('Enter');
  await expect(dialog).toHaveCount(0);
  await expect(link).toBeFocused();
});

test('Enter answers a question of yes or no by leaving things as they are', async ({ enter, open }) => {
  const page = await open(await enter('admin'), '/infrastructure/worker-sizes');
  await page.getByRole('link', { name: 'X-Small', exact: true }).click();
  await page.getByRole('link', { name: 'Delete' }).press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Delete this worker size?' });
  await expect(dialog.getByRole('link', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole('heading', { name: 'X-Small', level: 1 })).toBeVisible();
});

test('after a refusal the first wrong field has the focus, and is said to be wrong', async ({ enter, open, problems }) => {
  problems.allow(/^(400|422) POST .*\/_fn\/create_worker$/);
  const page = await open(await enter('alice'), '/workers/new');
  await page.getByLabel('Builds container images').check();
  await page.getByLabel("Builder's share").fill('half');
  const more = page.getByText('More', { exact: true });
  await more.click();
  await page.getByLabel('Environment').fill('NO_EQUALS_SIGN');
  await more.click();
  await page.getByRole('button', { name: 'Start the worker' }).press('Enter');
  await expect(refusal(page)).toHaveAttribute('role', 'alert');
  const share = page.getByLabel("Builder's share");
  await expect(share).toBeFocused();
  await expect(share).toHaveAttribute('aria-invalid', 'true');
  await expect(share).toHaveAccessibleDescription(/whole percentage/);
  // The other one is folded away; the summary leads there.
  await share.fill('50');
  await refusal(page).getByRole('link', { name: 'Line 1' }).press('Enter');
  await expect(page.getByLabel('Environment')).toBeFocused();
});

test('what gets the focus is not under the bar at the top', async ({ enter, open }) => {
  const page = await open(await enter('alice'), '/workers/new');
  await page.setViewportSize({ width: 1280, height: 300 });
  const [image, size] = [imageField(page), page.getByLabel('Size')];
  // The one half out of sight, and the keyboard on the other, below it.
  await image.evaluate((field) => scrollBy({ top: field.getBoundingClientRect().bottom - 5, behavior: 'instant' }));
  await size.evaluate((field) => field.focus({ preventScroll: true }));
  await page.keyboard.press('Shift+Tab');
  await expect(image).toBeFocused();
  const place = async (what: Locator) => (await what.boundingBox()) ?? { y: 0, height: 0 };
  const bar = await place(page.locator('.top'));
  await expect.poll(async () => (await place(image)).y).toBeGreaterThanOrEqual(bar.y + bar.height);
});

test('Tab indents in the Dockerfile, and Escape lets it leave', async ({ site, enter, open }) => {
  await site.builder();
  const page = await open(await enter('alice'), '/builds/new');
  const editor = page.getByLabel('Dockerfile', { exact: true });
  await editor.fill('');
  await editor.focus();
  await page.keyboard.type('RUN a \\\n');
  await page.keyboard.press('Tab');
  await page.keyboard.type('&& b');
  await expect(editor).toHaveValue('RUN a \\\n    && b');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  await expect(editor).not.toBeFocused();
});

test('every control has a name', async ({ site, enter, open }) => {
  const worker = await site.builder();
  const page = await enter('admin');
  for (const path of [
    '/workers',
    '/workers/new',
    `/workers/${worker}`,
    `/workers/${worker}?confirm=terminate`,
    '/builds',
    '/builds/new',
    '/infrastructure/container-images',
    '/infrastructure/container-images/new',
  ]) {
    await open(page, path);
    expect(await unnamed(page), path).toEqual([]);
    await expect(page.getByRole('main'), path).toHaveCount(1);
    await expect(page.getByRole('heading', { level: 1 }), path).toHaveCount(1);
    const twice = await page.evaluate(() => {
      const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
      return ids.filter((id, at) => ids.indexOf(id) !== at);
    });
    expect(twice, `ids that are there twice on ${path}`).toEqual([]);
  }
});

/** What the browser's accessibility tree has without a name, of the roles that need one. */
async function unnamed(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: Node[] };
  await session.detach();
  const roles = ['button', 'link', 'textbox', 'searchbox', 'combobox', 'listbox', 'checkbox', 'radio', 'dialog', 'log', 'table', 'progressbar'];
  return nodes
    .filter((node) => !node.ignored && roles.includes(node.role?.value ?? '') && !node.name?.value?.trim())
    .map((node) => `${node.role?.value} ${JSON.stringify(node.properties?.map((property) => property.name))}`);
}

interface Node {
  ignored: boolean;
  role?: { value: string };
  name?: { value: string };
  properties?: { name: string }[];
}
