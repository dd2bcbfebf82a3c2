// Private certificates: the bundle refused, added, given to builders, removed; in a browser with scripts and in one without.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { environment } from '../helpers/environment';
import { refusal } from '../helpers/pages';
import { BOTH, expect, test } from '../helpers/test';

const PAGE = '/infrastructure/certificates';
const PATH = '/usr/local/share/ca-certificates/prt-ca-bundle.crt';

interface Certificates {
  inject: boolean;
  certificates: { subject: string }[];
  revision: number;
}

for (const script of BOTH) {
  const { live } = script;

  test.describe(script.name, () => {
    test.use(script.use);

    test('a bundle: refused, added, switched on and off, removed', async ({ site, enter, open, problems }) => {
      problems.allow(/^4\d\d POST .*\/_fn\/(upload|switch|remove)_certificates$/);
      const authority = readFileSync(environment.authority(), 'utf8');
      const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const find = () => site.admin.get<Certificates>('/infrastructure/certificates');
      const page = await open(await enter('admin'), PAGE);
      const pasted = page.getByLabel('Or paste it');
      const save = page.getByRole('button', { name: 'Save' });
      const file = (name: string, text: string) =>
        page.getByLabel('File').setInputFiles({ name, mimeType: 'application/x-pem-file', buffer: Buffer.from(text) });
      await expect(page.getByText('No certificate is here yet.')).toBeVisible();

      await test.step('the switch without a bundle', async () => {
        await page.getByRole('button', { name: 'Switch on' }).click();
        await expect(refusal(page)).toContainText('Add the bundle first.');
      });

      await open(page, PAGE);
      await test.step('what is no certificate is refused, and a key is not shown again', async () => {
        await pasted.fill('nonsense');
        await save.click();
        await expect(page.locator('#f-pem-error')).toContainText('This is no PEM');
        await expect(pasted).toHaveValue('nonsense');
        await pasted.fill(key);
        await save.click();
        await expect(page.locator('#f-pem-error')).toContainText('holds a private key');
        await expect(pasted).toHaveValue('');
        await file('key.pem', authority + key);
        await save.click();
        await expect(page.locator('#f-pem-error')).toContainText('holds a private key');
        expect(await page.content()).not.toContain(key.split('\n')[1]);
        expect(await find()).toMatchObject({ inject: false, certificates: [] });
      });

      await file('ca.crt', authority);
      await save.click();
      await expect(page.getByText('The certificates were saved.')).toBeVisible();
      const { certificates, revision } = await find();
      expect(certificates).toHaveLength(1);
      const row = page.getByRole('table', { name: 'Certificates' }).getByRole('row').nth(1);
      await expect(row).toContainText(certificates[0]?.subject ?? '-');
      await expect(row).toContainText('Authority');
      await expect(row).toContainText('Valid');

      await test.step('somebody else was faster', async () => {
        await site.admin.put('/infrastructure/certificates', { inject: true, revision });
        await page.getByRole('button', { name: 'Switch on' }).click();
        await expect(refusal(page)).toContainText('Somebody else changed the certificates');
        await open(page, PAGE);
        await page.getByRole('button', { name: 'Switch off' }).click();
        await expect(page.getByText('get no private certificates')).toBeVisible();
        expect((await find()).inject).toBe(false);
      });

      await page.getByRole('button', { name: 'Switch on' }).click();
      await expect(page.getByText('Builders that start from now on get the certificates.')).toBeVisible();
      await expect(page.getByRole('button', { name: 'Switch off' })).toBeVisible();
      expect((await find()).inject).toBe(true);

      await test.step("the worker's page says what its builder got, and why it does not trust it", async () => {
        const worker = await site.alice.workerStart({ worker_size: 'Medium-restricted', image_config: { builder: true } });
        const own = await open(await enter('alice', { javaScriptEnabled: live }), `/workers/${worker.name}/build-config`);
        await expect(own.getByText("They are not in the builder's trust store")).toBeVisible();
        await expect(own.getByText(certificates[0]?.subject ?? '-')).toBeVisible();
        await expect(own.getByText(PATH).first()).toBeVisible();
        await site.alice.post(`/workers/${worker.name}/terminate`);
      });

      await page.getByRole('link', { name: 'Remove' }).click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toContainText('Injection is switched off.');
      await dialog.getByRole('link', { name: 'Keep them' }).click();
      await expect(dialog).toHaveCount(0);
      expect((await find()).certificates).toHaveLength(1);
      await page.getByRole('link', { name: 'Remove' }).click();
      await dialog.getByRole('button', { name: 'Remove' }).click();
      await expect(page.getByText('The certificates were removed.')).toBeVisible();
      await expect(page.getByText('No certificate is here yet.')).toBeVisible();
      expect(await find()).toMatchObject({ inject: false, certificates: [] });
    });

    test('is for admins, and fits a narrow screen', async ({ enter, open, problems }) => {
      problems.allow(/^403 GET /);
      const alice = await open(await enter('alice'), PAGE);
      await expect(alice.getByRole('button', { name: 'Save' })).toHaveCount(0);
      const page = await enter('admin', { viewport: { width: 390, height: 844 }, javaScriptEnabled: live });
      await open(page, PAGE);
      await expect(page.getByRole('heading', { level: 1, name: 'Certificates' })).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    });
  });
}
