// The tab of a worker's build service: linted, refused, applied, failed, reset, its cache emptied; with scripts and without.
import { environment } from '../helpers/environment';
import { BOTH, expect, test } from '../helpers/test';

interface Config {
  mode: string;
  state: string;
  active: string;
  insecure_registries: string[];
}

for (const script of BOTH) {
  const { live } = script;

  test.describe(script.name, () => {
    test.use(script.use);

    test('a configuration: linted, refused, applied, failed, reset', async ({ site, enter, open, problems }) => {
      test.setTimeout(180_000);
      problems.allow(/^4\d\d POST .*\/_fn\/apply_build_config$/);
      const { name: worker } = await site.alice.workerStart({ worker_size: 'Medium-restricted', image_config: { builder: true } });
      const find = () => site.alice.get<Config>(`/workers/${worker}/build-config`);
      const page = await open(await enter('alice'), `/workers/${worker}`);
      await page.getByRole('link', { name: 'Build service' }).click();
      await expect(page.getByRole('heading', { level: 1, name: 'Build service' })).toBeVisible();
      const editor = page.getByRole('textbox', { name: 'buildkitd.toml' });
      const whole = page.locator('form').filter({ has: editor });
      const list = page.locator('form').filter({ has: page.getByRole('textbox', { name: 'Registries' }) });
      const apply = whole.getByRole('button', { name: 'Apply' });
      const error = page.locator('#f-config-content-error');
      const before = await find();
      await expect(editor).toHaveValue(before.active);

      if (live) {
        await test.step('what is wrong is said while it is typed, with its place', async () => {
          await editor.fill('[worker.oci]\n  foo = 1\n');
          const findings = page.locator('.findings').first();
          await expect(findings).toContainText('BuildKit has no key worker.oci.foo.');
          await findings.getByRole('button', { name: 'line 2, column 3' }).click();
          await expect(editor).toBeFocused();
          await editor.fill('[worker.oci]\n  max-parallelism = 3\n');
          await expect(page.getByText('Nothing to say about this.')).toBeVisible();
        });
      }

      await test.step('bad TOML names its line, and stays in the editor', async () => {
        const bad = '[worker.oci]\n  max-parallelism = \n';
        await editor.fill(bad);
        await apply.click();
        await expect(error).toContainText('line 2, column');
        await expect(error).toContainText('This is no valid TOML');
        await expect(editor).toHaveValue(bad);
        expect(await find()).toEqual(before);
      });

      const good = '[worker.oci]\n  max-parallelism = 3\n';
      await editor.fill(good);
      await apply.click();
      await expect(page.getByText('The build service runs with this configuration.')).toBeVisible();
      await expect(page.locator('pre[aria-label="buildkitd.toml"]')).toHaveText(good);
      expect(await find()).toMatchObject({ mode: 'full', state: 'active', active: good });

      await test.step('what only BuildKit refuses: the old one goes on, the text stays', async () => {
        const failing = '[worker.oci]\n  networkMode = "cni"\n';
        await editor.fill(failing);
        await apply.click();
        await expect(error).toContainText('BuildKit refuses the configuration');
        await expect(editor).toHaveValue(failing);
        await expect(page.getByText('The latest change did not work:')).toBeVisible();
        expect(await find()).toMatchObject({ state: 'failed', active: good });
      });

      await test.step('a list of insecure registries', async () => {
        const field = list.getByRole('textbox', { name: 'Registries' });
        await field.fill('https://a');
        await list.getByRole('button', { name: 'Apply' }).click();
        await expect(page.locator('#f-insecure-registries-error')).toContainText('"https://a" is an address');
        await expect(field).toHaveValue('https://a');
        const host = environment.httpRegistry();
        await field.fill(`${host}, 10.0.0.5:5000`);
        await list.getByRole('button', { name: 'Apply' }).click();
        await expect(page.getByText('The build service runs with this configuration.')).toBeVisible();
        await expect(page.locator('pre[aria-label="buildkitd.toml"]')).toContainText(host);
        expect(await find()).toMatchObject({ mode: 'simple', state: 'active', insecure_registries: [host, '10.0.0.5:5000'] });
      });

      await page.getByRole('link', { name: 'Reset' }).click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toContainText('Reset the build service?');
      await dialog.getByRole('link', { name: 'Cancel' }).click();
      await expect(dialog).toHaveCount(0);
      expect((await find()).mode).toBe('simple');
      await page.getByRole('link', { name: 'Reset' }).click();
      await dialog.getByRole('button', { name: 'Reset' }).click();
      await expect(page.getByText('The build service runs with this configuration.')).toBeVisible();
      await expect(page.getByRole('link', { name: 'Reset' })).toHaveCount(0);
      expect(await find()).toMatchObject({ mode: 'default', state: 'active', active: before.active });
      await site.alice.post(`/workers/${worker}/terminate`);
    });

    test("the builder's cache is shown and emptied", async ({ site, enter, open }) => {
      const { name: worker } = await site.alice.workerStart({ worker_size: 'Medium-restricted', image_config: { builder: true } });
      await site.alice.file(worker, 'big.txt', 'x'.repeat(3_000_000));
      const request = { ...site.console.buildRequest(worker, 'cached'), push_image: false };
      const build = await site.alice.buildStart(request, 'FROM scratch\nCOPY big.txt /\n');
      expect((await site.alice.buildEnd(build.number)).status).toBe('Succeeded');
      const size = async () => (await site.alice.get<{ total_bytes: number }>(`/workers/${worker}/cache`)).total_bytes;
      expect(await size()).toBeGreaterThan(3_000_000);
      const page = await open(await enter('alice'), `/workers/${worker}/build-config`);
      await page.getByRole('link', { name: 'Empty the cache' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('link', { name: 'Keep it' }).click();
      await expect(dialog).toHaveCount(0);
      expect(await size()).toBeGreaterThan(3_000_000);
      await page.getByRole('link', { name: 'Empty the cache' }).click();
      await dialog.getByRole('button', { name: 'Empty the cache' }).click();
      await expect(page.getByText("The builder's cache is empty.")).toBeVisible();
      await expect(page.getByText('Records').locator('..')).toContainText('0');
      expect(await size()).toBe(0);
      await site.alice.post(`/workers/${worker}/terminate`);
    });

    test('fits a narrow screen', async ({ site, enter, open }) => {
      const worker = await site.builder();
      const page = await enter('alice', { viewport: { width: 390, height: 844 }, javaScriptEnabled: live });
      await open(page, `/workers/${worker}/build-config`);
      await expect(page.getByRole('heading', { level: 1, name: 'Build service' })).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    });
  });
}
