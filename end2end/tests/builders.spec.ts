// Builders: their images and the check of the host, in a browser with scripts and in one without.
import { BOTH, expect, test } from '../helpers/test';

const PAGE = '/infrastructure/builders';

interface Builders {
  restricted_image: string;
  privileged_image: string;
  preflight?: { ok: boolean; at_ms: number; checks: { title: string }[] };
}

for (const script of BOTH) {
  const { live } = script;

  test.describe(script.name, () => {
    test.use(script.use);

    test('the host is checked', async ({ site, enter, open }) => {
      const find = () => site.admin.get<Builders>('/infrastructure/builders');
      const before = await find();
      const page = await open(await enter('admin'), PAGE);
      await expect(page.getByText(before.restricted_image, { exact: true })).toBeVisible();
      await expect(page.getByText(before.privileged_image, { exact: true })).toBeVisible();
      const since = Date.now();
      await page.getByRole('button', { name: before.preflight ? 'Check again' : 'Check the host' }).click();
      await expect(page.getByText('The host was checked.')).toBeVisible({ timeout: 45_000 });
      await expect(page.getByText('This host has all that the restricted builder needs.')).toBeVisible();
      await expect(page.getByRole('button', { name: 'Check again' })).toBeVisible();
      const { preflight } = await find();
      expect(preflight?.ok).toBe(true);
      expect(preflight?.at_ms).toBeGreaterThanOrEqual(since);
      const checks = preflight?.checks ?? [];
      expect(checks.length).toBeGreaterThan(5);
      const table = page.getByRole('table', { name: 'Checks' });
      for (const { title } of checks) await expect(table.getByRole('row', { name: title })).toContainText('OK');
    });

    test('is for admins, and fits a narrow screen', async ({ enter, open, problems }) => {
      problems.allow(/^403 GET /);
      const alice = await open(await enter('alice'), PAGE);
      await expect(alice.getByRole('button', { name: /Check/ })).toHaveCount(0);
      const page = await enter('admin', { viewport: { width: 390, height: 844 }, javaScriptEnabled: live });
      await open(page, PAGE);
      await expect(page.getByRole('heading', { level: 1, name: 'Builders' })).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    });
  });
}
