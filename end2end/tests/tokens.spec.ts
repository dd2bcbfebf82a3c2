// API tokens: made, shown once, used, revoked, with and without scripts.
import { BOTH, expect, test } from '../helpers/test';
import { refusal } from '../helpers/pages';

interface Token {
  id: string;
  name: string;
  scope: string;
  worker?: string;
  expires_ms?: number;
}

for (const { name, live, use } of BOTH) {
  test.describe(name, () => {
    test.use(use);

    test('a token for builds is made, shown once, and revoked', async ({ site, enter, open, problems }) => {
      problems.allow(/^400 POST .*\/_fn\/create_token$/);
      const page = await open(await enter('alice'), '/access/tokens');
      await page.getByRole('link', { name: 'New token' }).click();
      await expect(page.getByRole('heading', { level: 1, name: 'New API token' })).toBeVisible();
      const title = `pipeline ${live ? 'live' : 'plain'}`;

      // Refused in the words of core; what was chosen stays.
      await page.getByLabel('Ends after').selectOption('30 days');
      await page.getByRole('button', { name: 'Make the token' }).click();
      await expect(refusal(page)).toContainText('Say in 1 to 100 characters what the token is for.');
      await expect(page.locator('#f-name-error')).toBeVisible();
      await expect(page.getByLabel('Ends after')).toHaveValue('30');

      await page.getByLabel('Name').fill(title);
      await expect(page.getByLabel('May be used for')).toHaveValue('build');
      await page.getByRole('button', { name: 'Make the token' }).click();
      const shown = page.locator('#token-value');
      await expect(shown).toBeVisible();
      const value = ((await shown.textContent()) ?? '').trim();
      const copy = page.getByRole('button', { name: 'Copy token' });
      await (live ? expect(copy).toBeVisible() : expect(copy).toBeHidden());

      // It is a token, and one for builds.
      const ask = (path: string) => fetch(`${site.console.url}/api/v1${path}`, { headers: { authorization: `Bearer ${value}` } });
      expect(await (await ask('/me')).json()).toMatchObject({ username: 'alice', scope: 'build' });
      expect((await ask('/builds')).status).toBe(200);
      const denied = await ask('/tokens');
      expect(denied.status).toBe(403);
      expect(await denied.json()).toMatchObject({ message: 'This API token is for builds only.' });

      // Shown this once.
      await page.reload();
      await expect(page.locator('#token-value')).toHaveCount(0);
      await open(page, '/access/tokens');
      await expect(page.getByText(value)).toHaveCount(0);
      const row = page.getByRole('row', { name: new RegExp(title) });
      await expect(row).toContainText('Builds in your builder workers');
      const kept = (await site.alice.get<Token[]>('/tokens')).find((token) => token.name === title);
      expect(kept).toMatchObject({ scope: 'build' });
      expect(kept?.expires_ms).toBeGreaterThan(Date.now());

      await row.getByRole('link', { name: `Revoke ${title}` }).click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toContainText(title);
      await dialog.getByRole('link', { name: 'Cancel' }).click();
      await expect(dialog).toHaveCount(0);
      await row.getByRole('link', { name: `Revoke ${title}` }).click();
      await dialog.getByRole('button', { name: 'Revoke' }).click();
      await expect(page.getByText('The API token has ended.')).toBeVisible();
      await expect(row).toHaveCount(0);
      expect((await ask('/me')).status).toBe(401);
    });

    test('a token is limited to a worker', async ({ site, enter, open, problems }) => {
      problems.allow(/^400 POST .*\/_fn\/create_token$/);
      const worker = await site.builder();
      const page = await open(await enter('alice'), '/access/tokens/new');
      const title = `nightly ${live ? 'live' : 'plain'}`;
      await page.getByLabel('Name').fill(title);
      await page.getByLabel('May be used for').selectOption({ value: 'full' });
      await page.getByLabel('Builder worker').selectOption(worker);
      await page.getByRole('button', { name: 'Make the token' }).click();
      await expect(refusal(page)).toContainText('Only a token for builds is limited to a worker.');
      await expect(page.getByLabel('Name')).toHaveValue(title);
      await page.getByLabel('May be used for').selectOption({ value: 'build' });
      await page.getByRole('button', { name: 'Make the token' }).click();
      await expect(page.locator('#token-value')).toBeVisible();
      await page.getByRole('link', { name: 'To the list' }).click();
      await expect(page.getByRole('row', { name: new RegExp(title) })).toContainText(`in ${worker} only`);
      expect((await site.alice.get<Token[]>('/tokens')).find((token) => token.name === title)).toMatchObject({ worker });
    });

    test('fits a narrow screen', async ({ enter, open }) => {
      const page = await enter('alice', { viewport: { width: 390, height: 844 }, javaScriptEnabled: live });
      for (const path of ['/access/tokens', '/access/tokens/new']) {
        await open(page, path);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
      }
    });
  });
}
