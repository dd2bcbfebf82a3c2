// Worker sizes: made, edited by two at once, cloned, deleted; in a browser with scripts and in one without.
import { access, refusal } from '../helpers/pages';
import { BOTH, expect, test } from '../helpers/test';

const LIST = '/infrastructure/worker-sizes';

interface Size {
  id: string;
  name: string;
  cpu_millis: number;
  memory_mib: number;
  node_selector: Record<string, string>;
  groups: string[];
  revision: number;
}

for (const script of BOTH) {
  const { live } = script;

  test.describe(script.name, () => {
    test.use(script.use);

    test('a size: refused, added, edited by two, cloned, deleted', async ({ site, enter, open, problems }) => {
      problems.allow(/^(400|409|422) POST .*\/_fn\/(save|delete)_worker_size$/);
      const name = live ? 'Team-live' : 'Team-plain';
      const find = async (wanted = name) => (await site.admin.get<Size[]>('/worker-sizes/all')).find((size) => size.name === wanted);
      const page = await open(await enter('admin'), `${LIST}/new`);

      await test.step('what is wrong is named at its field, and what was typed stays', async () => {
        await page.getByLabel('Name').fill(name);
        await page.getByLabel('CPU cores').fill('0.5');
        await page.getByLabel('CPU net units').fill('501');
        await page.getByLabel('Memory GB').fill('1');
        await page.getByLabel('Memory net MB').fill('960');
        await page.getByLabel('Node selector').fill('disktype=s s d');
        await page.getByRole('button', { name: 'Add' }).click();
        await expect(refusal(page)).toContainText('2 fields are wrong.');
        await expect(page.locator('#f-cpu-net-millis-error')).toContainText('cannot be more than gross');
        await expect(page.locator('#f-node-selector-error')).toContainText('label value');
        await expect(page.getByLabel('Name')).toHaveValue(name);
        expect(await find()).toBeUndefined();
      });

      await page.getByLabel('CPU net units').fill('450');
      await page.getByLabel('Node selector').fill('disktype=ssd');
      await access(page, 'data-science').check();
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(page.getByText('The worker size was added.')).toBeVisible();
      await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('net 450 m');
      const made = await find();
      expect(made).toMatchObject({ cpu_millis: 500, memory_mib: 1024, node_selector: { disktype: 'ssd' }, groups: ['data-science'] });
      const id = made?.id ?? '';

      await test.step('somebody else was faster', async () => {
        await open(page, `${LIST}/${id}`);
        const { groups, ...rest } = made as Size;
        const other = { ...rest, cpu_net_millis: 400, groups } as Record<string, unknown>;
        for (const key of ['id', 'workers', 'updated_ms']) delete other[key];
        await site.admin.put(`/worker-sizes/${id}`, other);
        await page.getByLabel('CPU net units').fill('300');
        await page.getByRole('button', { name: 'Save' }).click();
        await expect(refusal(page)).toContainText('Somebody else changed this worker size');
        await page.getByLabel('Save mine over it').check();
        await page.getByRole('button', { name: 'Save' }).click();
        await expect(page.getByText('The worker size was saved.')).toBeVisible();
        expect(await find()).toMatchObject({ cpu_net_millis: 300 });
      });

      await test.step('privileged is asked for', async () => {
        await open(page, `${LIST}/${id}`);
        await page.getByLabel('Security context').selectOption('Privileged');
        await page.getByRole('button', { name: 'Save' }).click();
        await expect(refusal(page)).toContainText('group data-science');
        await page.getByLabel('Yes, give privileged rights').check();
        await page.getByRole('button', { name: 'Save' }).click();
        await expect(page.getByText('The worker size was saved.')).toBeVisible();
      });

      await test.step('cloned, and both deleted', async () => {
        await open(page, `${LIST}/${id}`);
        await page.getByRole('link', { name: 'Clone' }).click();
        await expect(page.getByLabel('Name')).toHaveValue(`${name}-copy`);
        await page.getByLabel('Yes, give privileged rights').check();
        await page.getByRole('button', { name: 'Add' }).click();
        await expect(page.getByText('The worker size was added.')).toBeVisible();
        expect(await find(`${name}-copy`)).toMatchObject({ groups: [], cpu_net_millis: 300 });
        for (const one of [name, `${name}-copy`]) {
          await open(page, `${LIST}/${(await find(one))?.id ?? ''}`);
          await page.getByRole('link', { name: 'Delete' }).click();
          await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
          await expect(page.getByText('The worker size was deleted.')).toBeVisible();
          expect(await find(one)).toBeUndefined();
        }
      });
    });

    test('not for users', async ({ enter, open, problems }) => {
      problems.allow(/^403 GET /);
      const page = await open(await enter('alice'), LIST);
      await expect(page.getByRole('heading', { level: 1 })).not.toHaveText('Worker Sizes');
      await expect(page.getByText('Worker Sizes', { exact: true })).toHaveCount(0);
    });
  });
}
