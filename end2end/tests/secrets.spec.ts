// Secrets: kept, given to a worker by the form, replaced, deleted; in a browser with scripts and in one without.
import { access, refusal, workerName } from '../helpers/pages';
import { BOTH, expect, test } from '../helpers/test';

const LIST = '/infrastructure/secrets';

interface Secret {
  id: string;
  name: string;
  kind: string;
  groups: string[];
  workers: string[];
  revision: number;
}

for (const script of BOTH) {
  const suffix = script.live ? 'LIVE' : 'PLAIN';

  test.describe(script.name, () => {
    test.use(script.use);

    test('a personal and a shared secret reach a worker, and nobody sees a value', async ({ site, enter, open, problems }) => {
      test.setTimeout(300_000);
      problems.allow(/^(400|422) POST .*\/_fn\/(save_secret|create_worker)$/);
      const [own, team] = [`HF_TOKEN_${suffix}`, `S3_KEY_${suffix}`];
      const [first, second] = [`own-${suffix}-7h3k`, `team-${suffix}-9x2m`];
      const find = async (client: typeof site.alice, name: string) => (await client.get<Secret[]>('/secrets')).find((one) => one.name === name);
      const admin = await open(await enter('admin'), `${LIST}/new`);
      const page = await open(await enter('alice'), LIST);

      await test.step('what is wrong is named at its field, and the value does not come back', async () => {
        await page.getByRole('link', { name: 'Add a secret' }).click();
        await page.getByLabel('Name').fill('PRT_X');
        await page.getByLabel('Value').fill(first);
        await expect(page.getByLabel('Kind')).toHaveCount(0);
        await page.getByRole('button', { name: 'Add' }).click();
        await expect(refusal(page)).toContainText('names that start with PRT_ are set by the platform');
        await expect(page.locator('#f-name-error')).toBeVisible();
        if (!script.live) await expect(page.getByLabel('Value')).toHaveValue('');
      });

      await page.getByLabel('Name').fill(own);
      await page.getByLabel('Value').fill(first);
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(page.getByText('The secret is kept.')).toBeVisible();
      await expect(page.getByRole('row', { name: new RegExp(own) })).toContainText('You alone');

      await test.step('an admin shares one, and does not see hers', async () => {
        await admin.getByLabel('Name').fill(team);
        await admin.getByLabel('Value').fill(second);
        await admin.getByLabel('Kind').selectOption('shared');
        await access(admin, 'data-science').check();
        await admin.getByRole('button', { name: 'Add' }).click();
        await expect(admin.getByText('The secret is kept.')).toBeVisible();
        await expect(admin.getByRole('row', { name: new RegExp(team) })).toContainText('Group data-science');
        await expect(admin.getByText(own)).toHaveCount(0);
      });

      await test.step('the form of a worker offers both', async () => {
        await open(page, '/workers/new?image=practicus-minimal&size=X-Small');
        await page.getByLabel(own).check();
        await page.getByLabel(team).check();
        await page.locator('details.more > summary').click();
        await page.getByLabel('Parameters').fill('[1]');
        await page.getByRole('button', { name: 'Start the worker' }).click();
        await expect(refusal(page)).toContainText('This is no JSON object');
        await expect(page.getByLabel(own)).toBeChecked();
        await page.getByLabel('Parameters').fill('{"nodes": 3}');
        await page.getByRole('button', { name: 'Start the worker' }).click();
      });
      const worker = await workerName(page);
      const ready = await site.alice.get<{ ready: boolean; message: string }>(`/workers/${worker}/wait?timeout_s=100`);
      expect(ready, ready.message).toMatchObject({ ready: true, personal_secrets: [own], shared_secrets: [team], additional_params: { nodes: 3 } });
      await open(page, `/workers/${worker}`);
      for (const words of [own, team, '{"nodes":3}']) await expect(page.getByText(words)).toBeVisible();
      const environ = await site.alice.exec(worker, 'sh', '-c', "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/environ 2>/dev/null; done");
      expect(environ).toContain(`${own}=${first}`);
      expect(environ).toContain(`${team}=${second}`);
      for (const one of [page, admin]) {
        for (const value of [first, second]) expect(await one.content()).not.toContain(value);
      }

      await test.step('replaced, and deleted with a word about the worker that has it', async () => {
        const id = (await find(site.admin, team))?.id ?? '';
        await open(admin, `${LIST}/${id}`);
        await admin.getByLabel('New value').fill('another');
        await admin.getByRole('button', { name: 'Save' }).click();
        await expect(admin.getByText('The secret was saved.')).toBeVisible();
        expect(await find(site.admin, team)).toMatchObject({ revision: 2, groups: ['data-science'], workers: [worker] });
        await open(admin, `${LIST}/${id}`);
        await admin.getByRole('link', { name: 'Delete' }).click();
        await expect(admin.getByRole('dialog')).toContainText(`keep it until they end: ${worker}.`);
        await admin.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
        await expect(admin.getByText('The secret was deleted.')).toBeVisible();
        expect(await find(site.admin, team)).toBeUndefined();
      });
      await site.alice.delete(`/secrets/${(await find(site.alice, own))?.id ?? ''}`);
      await site.alice.post(`/workers/${worker}/terminate`, {});
    });
  });
}
