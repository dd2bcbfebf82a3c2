// The documentation as it is read: in order, by its parts, by tabs, on a narrow screen, with and without scripts.
import { BOTH, expect, test } from '../helpers/test';

const FIRST = '/docs/tutorial/start-a-builder-worker';

for (const { name, live, use } of BOTH) {
  test.describe(name, () => {
    test.use(use);

    test('the tutorial is read from its first page to its last, and back', async ({ enter, open }) => {
      const page = await open(await enter('alice'), '/workers');
      await page.getByRole('navigation', { name: 'Main', exact: true }).getByRole('link', { name: 'Docs' }).click();
      await expect(page.getByRole('heading', { level: 1, name: 'Docs' })).toBeVisible();
      await page.getByRole('link', { name: 'Start a builder worker' }).click();
      const turn = page.getByRole('navigation', { name: 'Previous and next page' });
      await expect(turn.getByRole('link', { name: /^Previous/ })).toHaveCount(0);
      const titles = [];
      for (;;) {
        const heading = page.getByRole('heading', { level: 1 });
        const title = (await heading.textContent()) ?? '';
        titles.push(title);
        await expect(page).toHaveTitle(`${title} · prt-console`);
        await expect(page.locator('.prose')).not.toBeEmpty();
        const next = turn.getByRole('link', { name: /^Next/ });
        if ((await next.count()) === 0) break;
        const wanted = (await next.locator('span').last().textContent()) ?? '';
        await next.click();
        await expect(heading).toHaveText(wanted);
      }
      expect(titles).toHaveLength(11);
      expect(new Set(titles).size).toBe(11);
      expect(titles.at(-1)).toBe('Clean up');
      await turn.getByRole('link', { name: /^Previous/ }).click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(titles.at(-2) ?? '');
    });

    test('headings have addresses, and links lead to them', async ({ enter, open }) => {
      const page = await open(await enter('alice'), FIRST);
      const contents = page.getByRole('navigation', { name: 'On this page' });
      await contents.getByRole('link', { name: 'If it does not come up' }).click();
      await expect(page).toHaveURL(/#if-it-does-not-come-up$/);
      await expect(page.locator('#if-it-does-not-come-up')).toBeInViewport();
      // A file's relative link is the console's own here.
      await page.locator('.prose').getByRole('link', { name: 'who may run it' }).click();
      await expect(page).toHaveURL(/\/docs\/tutorial\/use-the-image#who-may-run-it$/);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Use the image');
      await expect(page.locator('#who-may-run-it')).toBeInViewport();
    });

    test('each way is a tab, also by keyboard, and speaks of this console', async ({ site, enter, open }) => {
      const page = await open(await enter('alice'), FIRST);
      const ways = page.locator('.ways').first();
      await expect(ways.getByText('Open Workers and choose')).toBeVisible();
      await ways.getByRole('radio', { name: 'prtcli' }).check();
      await expect(ways.getByText('Open Workers and choose')).toBeHidden();
      await expect(ways.getByText(`prtcli login --url ${site.console.url} --username ada`)).toBeVisible();
      await ways.getByRole('radio', { name: 'prtcli' }).press('ArrowRight');
      await expect(ways.getByRole('radio', { name: 'Python' })).toBeChecked();
      await expect(ways.getByText('builder_worker.open_notebook()')).toBeVisible();
      const copy = ways.getByRole('button', { name: 'Copy this example' }).last();
      await (live ? expect(copy).toBeVisible() : expect(copy).toBeHidden());
    });

    test('references and files to copy are pages too', async ({ enter, open }) => {
      const page = await open(await enter('alice'), '/docs');
      for (const [link, text] of [
        ['prtcli', 'prtcli worker create [OPTIONS] --image <IMAGE>'],
        ['practicuscore', 'build_image('],
        ['REST API', 'POST /api/v1/builds'],
        ['Configuration', 'PRT_DATA_DIR'],
        ['github-workflow.yml', 'actions/checkout'],
        ['build.sh', 'set -euo pipefail'],
      ] as const) {
        await page.locator('.docs-list').getByRole('link', { name: link, exact: true }).click();
        await expect(page.locator('.prose').getByText(text).first()).toBeAttached();
        await page.getByRole('navigation', { name: 'Breadcrumbs' }).getByRole('link', { name: 'Docs' }).click();
        await expect(page.getByRole('heading', { level: 1, name: 'Docs' })).toBeVisible();
      }
    });

    test('fits a narrow screen', async ({ enter, open }) => {
      const page = await enter('alice', { viewport: { width: 390, height: 844 }, javaScriptEnabled: live });
      for (const path of ['/docs', FIRST, '/docs/tutorial/ci-cd', '/docs/reference/prtcli', '/docs/reference/configuration']) {
        await open(page, path);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
      }
    });

    test('an unknown page is not found', async ({ enter, problems }) => {
      problems.allow(/^404 GET .*\/docs\/tutorial\/nothing$/);
      const page = await enter('alice');
      const answer = await page.goto('/docs/tutorial/nothing');
      expect(answer?.status()).toBe(404);
      await expect(page.getByText('There is no page tutorial/nothing.')).toBeVisible();
    });
  });
}

test('an example is copied as it stands', async ({ enter, open }) => {
  const page = await enter('alice', { permissions: ['clipboard-read', 'clipboard-write'] });
  await open(page, '/docs/tutorial/build-and-push');
  const block = page.locator('.code', { hasText: 'COPY hello.txt' }).first();
  await block.getByRole('button', { name: 'Copy this example' }).click();
  await expect(block.locator('[data-copy]')).toHaveText('Copied');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(await block.locator('pre').textContent());
  expect(copied).toMatch(/^FROM /);
});
