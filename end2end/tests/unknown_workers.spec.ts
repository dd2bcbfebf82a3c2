// Workers that the database does not know: shown to admins, adopted, removed; in a browser with scripts and in one without.
import { randomUUID } from 'node:crypto';
import { docker } from '../helpers/docker';
import { environment } from '../helpers/environment';
import { refusal } from '../helpers/pages';
import { BOTH, expect, test } from '../helpers/test';

const PAGE = '/workers/unknown';

/** A container as another database's worker has it; it does not run. */
function foreign(instance: string, name: string, owner: string): string {
  const id = randomUUID();
  const labels = { instance, 'worker-id': id, 'worker-name': name, owner, role: 'primary' };
  const options = Object.entries(labels).flatMap(([key, value]) => ['--label', `io.prt-console.${key}=${value}`]);
  docker('create', '--name', `prt-${id}-primary`, ...options, environment.baseImage(), 'true');
  return id;
}

for (const { name, live, use } of BOTH) {
  test.describe(name, () => {
    test.use(use);

    test('one is adopted, another removed', async ({ site, enter, open, problems }) => {
      problems.allow(/^400 POST .*\/_fn\/adopt_worker$/);
      const base = live ? 700 : 800;
      const adopted = foreign(site.console.instance, `Worker-${base + 1}`, 'somebody-else');
      const removed = foreign(site.console.instance, `Worker-${base + 2}`, 'alice');
      const unknown = async () => (await site.admin.get<{ id: string }[]>('/unknown-workers')).map((worker) => worker.id);
      expect((await unknown()).sort()).toEqual([adopted, removed].sort());

      const page = await open(await enter('admin'), '/workers');
      await page.getByRole('link', { name: 'Adopt or remove them' }).click();
      await expect(page.getByRole('heading', { level: 1, name: 'Unknown workers' })).toBeVisible();
      const card = page.locator('.card', { has: page.getByRole('heading', { name: `Worker-${base + 1}` }) });
      await expect(card).toContainText('somebody-else (no such user)');
      await expect(card.getByRole('table', { name: 'Containers' })).toContainText('Created');

      // Its owner is gone, so one has to be chosen.
      await page.getByRole('link', { name: `Adopt Worker-${base + 1}` }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Adopt worker' }).click();
      await expect(refusal(page)).toContainText('There is no user somebody-else.');
      await dialog.getByLabel('Owner').selectOption('alice');
      await dialog.getByRole('button', { name: 'Adopt worker' }).click();
      await expect(page.getByText('The worker has a record again.')).toBeVisible();
      expect(new URL(page.url()).pathname).toBe(`/workers/Worker-${base + 1}`);
      expect(await site.alice.get(`/workers/Worker-${base + 1}`)).toMatchObject({ instance_id: adopted, owner: 'alice' });

      await open(page, PAGE);
      await page.getByRole('link', { name: `Remove Worker-${base + 2}` }).click();
      await expect(dialog).toContainText('This cannot be undone.');
      await dialog.getByRole('link', { name: 'Cancel' }).click();
      await expect(dialog).toHaveCount(0);
      expect(await unknown()).toEqual([removed]);
      await page.getByRole('link', { name: `Remove Worker-${base + 2}` }).click();
      await dialog.getByRole('button', { name: 'Remove worker' }).click();
      await expect(page.getByText('The containers and volumes of the worker were removed.')).toBeVisible();
      await expect(page.getByText('The database knows all workers')).toBeVisible();
      expect(await unknown()).toEqual([]);
      await open(page, '/workers');
      await expect(page.getByRole('link', { name: 'Adopt or remove them' })).toHaveCount(0);
      await site.alice.post(`/workers/Worker-${base + 1}/terminate`);
    });

    test('is for admins, and fits a narrow screen', async ({ site, enter, open, problems }) => {
      problems.allow(/^403 GET /);
      const id = foreign(site.console.instance, 'Worker-900', 'alice');
      await site.admin.get('/unknown-workers');
      const alice = await open(await enter('alice'), '/workers');
      await expect(alice.getByRole('link', { name: 'Adopt or remove them' })).toHaveCount(0);
      await open(alice, PAGE);
      await expect(alice.getByRole('link', { name: /^Adopt/ })).toHaveCount(0);
      const page = await enter('admin', { viewport: { width: 390, height: 844 }, javaScriptEnabled: live });
      await open(page, PAGE);
      await expect(page.getByRole('link', { name: 'Adopt Worker-900' })).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      docker('rm', '-f', `prt-${id}-primary`);
      await site.admin.get('/unknown-workers');
    });
  });
}
