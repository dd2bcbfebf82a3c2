// Logins for pulls and for the push in one build, in a browser with scripts and in one without.
import { environment } from '../helpers/environment';
import { buildNumber, fillBuild, reaches, refusal } from '../helpers/pages';
import { BOTH, expect, test } from '../helpers/test';

for (const script of BOTH) {
  const { live } = script;

  test.describe(script.name, () => {
    test.use(script.use);

    test('a build with a login for pulls and one for the push, and again', async ({ site, enter, open, problems }) => {
      problems.allow(/^(400|422) POST .*\/_fn\/(start|rerun)_build$/);
      const registry = environment.registry();
      const worker = await site.builder();
      const page = await open(await enter('alice'), `/builds/new?worker=${worker}`);
      const login = async (row: number, host: string, use: string, password = registry.password) => {
        await page.getByLabel(`Registry host ${row}`).fill(host);
        await page.getByLabel(`User ${row}`, { exact: true }).fill(registry.username);
        await page.getByLabel(`Password ${row}`).fill(password);
        await page.getByLabel(`For ${row}`, { exact: true }).selectOption(use);
      };
      const build = page.getByRole('button', { name: 'Build', exact: true });
      await fillBuild(page, {
        dockerfile: `FROM ${environment.baseImage()}\nRUN echo separate\n`,
        name: site.console.repository(`separate-${live}`),
        tag: '1',
        push: true,
      });
      await login(1, registry.host, 'Push only');
      if (live) await page.getByRole('button', { name: 'Another login' }).click();
      await login(2, registry.host, 'Push only');
      await build.click();
      await expect(refusal(page)).toContainText(`There are two logins for the push to ${registry.host}; one is enough.`);
      await expect(page.getByLabel('For 2', { exact: true })).toHaveValue('push');

      await login(1, `${registry.host}/practicusai`, 'Pulls only');
      await login(2, registry.host, 'Push only');
      await build.click();
      const number = await buildNumber(page);
      await reaches(page, live, /Succeeded|Failed/);
      const built = await site.alice.build(number);
      expect(built, built.message).toMatchObject({ status: 'Succeeded', push_image: true });
      await expect(page.getByText(`${registry.username} at ${registry.host}/practicusai, for pulls`)).toBeVisible();
      await expect(page.getByText(`${registry.username} at ${registry.host}, for the push`)).toBeVisible();
      await expect(page.locator('.step, .steps li, .log').filter({ hasText: `[pull] ${environment.baseImage()} as ${registry.username}` }).first()).toBeVisible();

      await page.getByRole('link', { name: 'Run again' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(`${registry.host}/practicusai, for pulls`).fill(registry.password);
      await dialog.getByRole('button', { name: 'Run again' }).click();
      await expect(refusal(page)).toContainText(`the push to ${registry.host}`);
      await dialog.getByLabel(`${registry.host}/practicusai, for pulls`).fill(registry.password);
      await dialog.getByLabel(`${registry.host}, for the push`).fill(registry.password);
      await dialog.getByRole('button', { name: 'Run again' }).click();
      await page.waitForURL((url) => /\/builds\/\d+$/.test(url.pathname) && !url.pathname.endsWith(`/${number}`));
      const again = await buildNumber(page);
      await reaches(page, live, /Succeeded/);
      // The former build's page says the same until this one's has come.
      await expect.poll(async () => (await site.alice.build(again)).status, { timeout: 60_000 }).toBe('Succeeded');
    });

    test('kept credentials, one for pulls and one for the push', async ({ site, enter, open }) => {
      const registry = environment.registry();
      const names = ['pulls', 'pushes'].map((word) => `${word}-${live}`);
      for (const name of names) {
        await site.alice.post('/registry-credentials', { name, ...registry, scope: 'user' });
      }
      const worker = await site.builder();
      const page = await open(await enter('alice'), `/builds/new?worker=${worker}`);
      await fillBuild(page, {
        dockerfile: `FROM ${environment.baseImage()}\nRUN echo kept\n`,
        name: site.console.repository(`kept-${live}`),
        tag: '1',
        push: true,
      });
      for (const name of names) await page.getByRole('checkbox', { name: new RegExp(`^${name} `) }).check();
      await page.getByText('Only for pulls, or only for the push').click();
      await page.getByLabel(`pulls-${live} is for`).selectOption('Pulls only');
      await page.getByLabel(`pushes-${live} is for`).selectOption('Push only');
      await page.getByRole('button', { name: 'Build', exact: true }).click();
      const number = await buildNumber(page);
      await reaches(page, live, /Succeeded|Failed/);
      const built = await site.alice.build(number);
      expect(built, built.message).toMatchObject({ status: 'Succeeded' });
      await expect(page.getByText(`pulls-${live} (${registry.username} at ${registry.host}), for pulls`)).toBeVisible();
    });
  });
}
