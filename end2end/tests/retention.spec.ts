// Retention: what would go, a run by hand, a build without its log, and pinned builds; with and without scripts.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BOTH, expect, test } from '../helpers/test';

const PAGE = '/infrastructure/retention';
const DAYS = 100;
const AGE = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
db.execute('UPDATE builds SET ended_ms = ended_ms - ? WHERE number = ?', (int(sys.argv[2]) * 86400000, sys.argv[3]))
db.commit()
`;

/** Lets a build have ended so many days before it did. */
function age(folder: string, number: number, days: number): void {
  const done = spawnSync('python3', ['-c', AGE, join(folder, 'data', 'console.db'), String(days), String(number)], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`the build could not be made older: ${done.stderr}`);
}

for (const { name, live, use } of BOTH) {
  test.describe(name, () => {
    test.use(use);

    test('an old log goes, a pinned one stays', async ({ site, enter, open }) => {
      test.setTimeout(150_000);
      const worker = await site.builder();
      const numbers: number[] = [];
      for (const tag of ['plain', 'pinned']) {
        const request = { ...site.console.buildRequest(worker, 'old'), tag };
        const build = await site.alice.buildStart(request, 'FROM scratch\nCOPY Dockerfile /\n');
        expect((await site.alice.buildEnd(build.number, 100)).status).toBe('Succeeded');
        numbers.push(build.number);
      }
      const [plain, pinned] = numbers as [number, number];

      const own = await open(await enter('alice', { javaScriptEnabled: live }), `/builds/${pinned}`);
      await expect(own.getByText('Log is kept until')).toBeVisible();
      await expect(own.getByText('Build record is kept until')).toBeVisible();
      await own.getByRole('button', { name: 'Pin', exact: true }).click();
      await expect(own.getByText('Pinned: the build and its log are kept for ever')).toBeVisible();
      await expect(own.getByText('Log is kept until')).toHaveCount(0);
      await expect(own.getByRole('button', { name: 'Unpin' })).toBeVisible();
      expect(await site.alice.build(pinned)).toMatchObject({ pinned: true });
      age(site.console.folder, plain, DAYS);
      age(site.console.folder, pinned, DAYS);

      const page = await open(await enter('admin'), PAGE);
      const row = page.getByRole('row', { name: /^Build logs/ });
      await expect(row).toContainText('90 days after the end of the build');
      await expect(row.getByRole('cell').last()).toContainText('1, ');
      await page.getByRole('link', { name: 'Run now' }).click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toContainText('Build logs: 1');
      await dialog.getByRole('link', { name: 'Cancel' }).click();
      await expect(dialog).toHaveCount(0);
      expect(await site.alice.build(plain)).not.toHaveProperty('log_deleted_ms');
      await page.getByRole('link', { name: 'Run now' }).click();
      await dialog.getByRole('button', { name: 'Delete now' }).click();
      await expect(page.getByText('What was older than its rule is deleted.')).toBeVisible();
      await expect(page.getByText(/^The last run, .*, deleted: Build logs: 1$/)).toBeVisible();
      await expect(row.getByRole('cell').last()).toContainText('None');

      await open(own, `/builds/${plain}`);
      await expect(own.getByText('The log was deleted on')).toBeVisible();
      await expect(own.getByText('Slowest step')).toHaveCount(0);
      await expect(own.getByText(/^Log was deleted on \d{4}-\d\d-\d\d$/)).toBeVisible();
      await expect(own.getByRole('link', { name: 'Download' })).toHaveCount(0);
      await open(own, `/builds/${pinned}`);
      await own.getByRole('button', { name: 'Unpin' }).click();
      await expect(own.getByText('Log is kept until')).toBeVisible();
      expect(await site.alice.build(pinned)).toMatchObject({ pinned: false });
      await site.admin.post('/retention/run', {});
    });

    test('is for admins, and fits a narrow screen', async ({ enter, open, problems }) => {
      problems.allow(/^403 GET /);
      const alice = await open(await enter('alice'), PAGE);
      await expect(alice.getByRole('table', { name: 'Retention rules' })).toHaveCount(0);
      const page = await enter('admin', { viewport: { width: 390, height: 844 }, javaScriptEnabled: live });
      await open(page, PAGE);
      await expect(page.getByRole('heading', { level: 1, name: 'Retention' })).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    });
  });
}
