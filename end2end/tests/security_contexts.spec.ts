// Security contexts: what the built-in ones show, and one of one's own; in a browser with scripts and in one without.
import { refusal } from '../helpers/pages';
import { BOTH, expect, test } from '../helpers/test';

const LIST = '/infrastructure/security-contexts';

for (const script of BOTH) {
  const { live } = script;

  test.describe(script.name, () => {
    test.use(script.use);

    test('built-in ones show what the engine gets', async ({ enter, open }) => {
      const page = await open(await enter('admin'), LIST);
      await expect(page.getByRole('row', { name: /^Restricted/ })).toContainText('restricted');
      await page.getByRole('link', { name: 'Restricted', exact: true }).click();
      const primary = page.getByRole('table', { name: 'Primary container' });
      await expect(primary.getByRole('row', { name: 'CapDrop' })).toContainText('["ALL"]');
      await expect(primary.getByRole('row', { name: 'SecurityOpt' })).toContainText('no-new-privileges:true');
      await expect(page.getByRole('table', { name: 'Builder' }).getByRole('row', { name: 'CapAdd' })).toContainText('["SETUID","SETGID"]');
      await expect(page.getByText('Medium-restricted')).toBeVisible();
      await expect(page.getByRole('link', { name: 'Delete' })).toHaveCount(0);
      await open(page, `${LIST}/Privileged`);
      await expect(page.getByText('root on the host').first()).toBeVisible();
      await expect(page.getByText('Medium-privileged')).toBeVisible();
    });

    test('an own one: refused, confirmed, deleted', async ({ site, enter, open, problems }) => {
      problems.allow(/^(400|409|422) POST .*\/_fn\/(save|delete)_security_context$/);
      const name = live ? 'own-live' : 'own-plain';
      const page = await open(await enter('admin'), `${LIST}/new`);
      await page.getByLabel('Name').fill(name);
      await page.getByLabel('Drop capabilities').fill('CAP_FLY');
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(page.locator('#f-drop-capabilities-error')).toContainText('There is no Linux capability CAP_FLY');
      await expect(page.getByLabel('Name')).toHaveValue(name);

      await page.getByLabel('Drop capabilities').fill('');
      await page.getByLabel('Privileged', { exact: true }).check();
      await page.getByLabel('Allow privilege escalation').check();
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(refusal(page)).toContainText('root on the host');
      await page.getByLabel('Yes, give privileged rights').check();
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(page.getByText('The security context was added.')).toBeVisible();

      const size = await site.admin.post<{ id: string }>('/worker-sizes', {
        name: `with-${name}`, cpu_millis: 500, cpu_net_millis: 450, memory_mib: 512, memory_net_mib: 480,
        security_context: name, confirm_privileged: true, groups: ['data-science'],
      });
      await open(page, `${LIST}/${name}`);
      await expect(page.getByText(`with-${name}`)).toBeVisible();
      await page.getByRole('link', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await expect(page.getByRole('dialog').locator('.form-errors')).toContainText(`with-${name}`);
      await site.admin.delete(`/worker-sizes/${size.id}`);
      await open(page, `${LIST}/${name}?confirm=delete`);
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await expect(page.getByText('The security context was deleted.')).toBeVisible();
    });
  });
}
