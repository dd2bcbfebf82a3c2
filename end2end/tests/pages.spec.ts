// Every page: taken over without a word of complaint, framed, titled, and with the status that it should have.
import { expect, hydrated, test } from '../helpers/test';

const LIST = '/infrastructure/container-images';

test('every page of an admin is taken over without a complaint', async ({ site, enter, open }) => {
  const worker = await site.builder();
  const request = site.console.buildRequest(worker, 'pages');
  const build = await site.alice.buildStart(request, 'FROM scratch\nCOPY Dockerfile /\n');
  await site.alice.buildEnd(build.number);
  const rule = await site.admin.post<{ id: string }>('/container-images', { image: 'example.com/pages/x', groups: ['data-science'] });
  const page = await enter('admin');
  for (const [path, heading] of [
    ['/', 'Workers'],
    ['/workers', 'Workers'],
    ['/workers?all=1', 'Workers'],
    ['/workers/new', 'Start a worker'],
    [`/workers/${worker}`, worker],
    [`/workers/${worker}?log=builder`, worker],
    [`/workers/${worker}?confirm=terminate`, worker],
    ['/builds', 'Builds'],
    ['/builds?status=Failed', 'Builds'],
    ['/builds/new', 'Build an image'],
    [`/builds/${build.number}`, build.reference],
    [`/builds/${build.number}?step=1`, build.reference],
    [`/builds/${build.number}?confirm=rerun`, build.reference],
    [LIST, 'Container Images'],
    [`${LIST}?q=pages`, 'Container Images'],
    [`${LIST}/new`, 'Add a Container Image'],
    [`${LIST}/${rule.id}`, 'example.com/pages/x'],
    [`${LIST}/${rule.id}?confirm=delete`, 'example.com/pages/x'],
  ] as const) {
    await test.step(path, async () => {
      await open(page, path);
      await expect(page.getByRole('heading', { level: 1, name: heading, exact: true, includeHidden: true })).toHaveCount(1);
      await expect(page).toHaveTitle(`${heading} · prt-console`);
      // Nothing is left of what only stands in for data.
      await expect(page.getByText('Loading…')).toHaveCount(0);
    });
  }
  await site.admin.delete(`/container-images/${rule.id}`);
});

test('the pages follow each other in the browser, without loading anew', async ({ site, enter, open }) => {
  const worker = await site.builder();
  const page = await open(await enter('admin'), '/workers');
  await page.evaluate(() => Object.assign(window, { stayed: true }));
  const heading = (name: string) => expect(page.getByRole('heading', { level: 1, name, exact: true })).toBeVisible();
  const side = page.getByRole('navigation', { name: 'Main', exact: true });
  await page.getByRole('link', { name: worker, exact: true }).click();
  await heading(worker);
  await page.getByRole('link', { name: 'Build an image' }).click();
  await heading('Build an image');
  await side.getByRole('link', { name: 'Builds' }).click();
  await heading('Builds');
  await side.getByRole('link', { name: 'Container Images' }).click();
  await heading('Container Images');
  await page.getByRole('link', { name: 'Add a Container Image' }).click();
  await heading('Add a Container Image');
  await side.getByRole('link', { name: 'Workers' }).click();
  await heading('Workers');
  await page.getByRole('link', { name: 'Start a worker' }).first().click();
  await heading('Start a worker');
  await page.goBack();
  await heading('Workers');
  expect(await page.evaluate(() => 'stayed' in window)).toBe(true);
});

test.describe('an unknown address', () => {
  for (const script of [true, false]) {
    test.describe(script ? 'with scripts' : 'without scripts', () => {
      test.use({ javaScriptEnabled: script });

      test('is a page with navigation and the status 404', async ({ enter, problems }) => {
        problems.allow(/^404 GET .*\/no\/such\/page$/);
        const page = await enter('alice');
        const answer = await page.goto('/no/such/page');
        expect(answer?.status()).toBe(404);
        if (script) await hydrated(page);
        await expect(page.getByRole('heading', { level: 1, name: 'Not found' })).toBeVisible();
        await expect(page).toHaveTitle('Not found · prt-console');
        await page.getByRole('navigation', { name: 'Main', exact: true }).getByRole('link', { name: 'Builds' }).click();
        await expect(page.getByRole('heading', { level: 1, name: 'Builds' })).toBeVisible();
      });

      test('leads to the login whoever is not logged in, and back', async ({ page, open, problems }) => {
        await open(page, '/no/such/page?x=1');
        await expect(page).toHaveURL(/\/login\?next=%2Fno%2Fsuch%2Fpage%3Fx%3D1$/);
        problems.allow(/^404 GET .*\/no\/such\/page\?x=1$/);
        await page.getByLabel('User name').fill('alice');
        await page.getByLabel('Password').fill('user-password-of-tests');
        await page.getByRole('button', { name: 'Log in' }).click();
        await expect(page.getByRole('heading', { level: 1, name: 'Not found' })).toBeVisible();
      });
    });
  }

  test('of a thing that does not exist has the same page', async ({ enter, problems }) => {
    problems.allow(/^404 GET /);
    const page = await enter('alice');
    for (const path of ['/workers/Worker-999999', '/builds/999999', '/builds/nonsense']) {
      const answer = await page.goto(path);
      expect(answer?.status(), path).toBe(404);
      await hydrated(page);
      await expect(page.getByRole('heading', { level: 1, name: 'Not found' })).toBeVisible();
    }
  });

  test('below /api is an error for programs', async ({ request }) => {
    const answer = await request.get('/api/v1/nothing');
    expect(answer.status()).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'not_found' });
  });
});

test('what only admins may open is refused to others, and not offered', async ({ enter, open, problems }) => {
  problems.allow(/^403 GET /);
  const page = await enter('alice');
  const answer = await page.goto(LIST);
  expect(answer?.status()).toBe(403);
  await hydrated(page);
  await expect(page.getByRole('heading', { level: 1, name: 'Not allowed' })).toBeVisible();
  await open(page, '/workers');
  await expect(page.getByRole('link', { name: 'Container Images' })).toHaveCount(0);
});

test('the user menu opens, changes the theme at once and for good', async ({ enter, open }) => {
  const page = await open(await enter('alice'), '/workers');
  await page.locator('summary', { hasText: 'alice' }).click();
  const root = page.locator('html');
  for (const [name, scheme] of [
    ['Dark', 'dark'],
    ['Light', 'light'],
  ] as const) {
    await page.getByRole('button', { name, exact: true }).click();
    await expect(root).toHaveAttribute('data-theme', scheme);
    await expect(page.getByRole('button', { name, exact: true })).toHaveAttribute('aria-pressed', 'true');
    await expect(root).toHaveCSS('color-scheme', scheme);
  }
  await open(page, '/builds');
  await expect(root).toHaveAttribute('data-theme', 'light');
});
