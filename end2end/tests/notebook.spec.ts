// A worker's notebook in a browser: the way in, a cell, a killed console, and what a notebook's pages may not do.
import type { BrowserContext, Page } from '@playwright/test';
import type { Worker } from '../helpers/client';
import { ADMIN_PASSWORD } from '../helpers/console';
import { enterNotebook, newNotebook, output, run } from '../helpers/notebook';
import { BOTH, expect, type Site, test } from '../helpers/test';

/** Alice's worker, shared by the tests of this file, and one beside it. */
const started = new Map<string, Promise<Worker>>();
function worker(site: Site, which: 'first' | 'second' = 'first'): Promise<Worker> {
  const key = `${site.console.instance} ${which}`;
  const known = started.get(key) ?? site.alice.workerStart({ worker_size: 'Small' });
  started.set(key, known);
  return known;
}

const origin = (site: Site, name: string) => `http://${name.toLowerCase()}.workers.localhost:${site.console.port}`;

for (const script of BOTH) {
  test.describe(script.name, () => {
    test.use(script.use);

    test('the button leads to the notebook’s own host, without the link’s value', async ({ site, enter, open, problems }) => {
      const { name } = await worker(site);
      const page = await open(await enter('alice', script.use), `/workers/${name}`);
      // JupyterLab is not ours: it asks for things that are not there, and its own policy complains.
      problems.allow(/workers\.localhost/);
      const tab = await enterNotebook(page);
      expect(new URL(tab.url()).origin).toBe(origin(site, name));
      expect(tab.url()).not.toContain('token');
      await expect(tab).toHaveTitle(/JupyterLab/);
    });

    test('whoever comes without a link, or with one that was used, is told how to get in', async ({ site, enter, problems }) => {
      const { name } = await worker(site);
      problems.allow(/^403 GET .*workers\.localhost/);
      const page = await enter('alice', script.use);
      await page.goto(`${origin(site, name)}/lab`);
      await expect(page.getByRole('heading', { name: 'You are not logged in to this notebook' })).toBeVisible();
      const { url } = await site.alice.post<{ url: string }>(`/workers/${name}/notebook`, { dark_mode: false });
      problems.allow(/workers\.localhost/);
      await page.goto(url);
      await page.context().clearCookies();
      await page.goto(url);
      await expect(page.getByRole('heading', { name: 'This link does not work any more' })).toBeVisible();
      await expect(page.getByRole('link', { name: 'Open the worker in the console' })).toHaveAttribute('href', `${site.console.url}/workers/${name}`);
    });

    test('a notebook of a worker that is being started shows how far it is, and goes on', async ({ site, enter, problems }) => {
      test.setTimeout(150_000);
      problems.allow(/workers\.localhost/);
      const config = { worker_image: 'practicus-minimal', worker_size: 'Small', startup_script: 'sleep 4' };
      const { name } = await site.alice.post<Worker>('/workers', config);
      const { url } = await site.alice.post<{ url: string }>(`/workers/${name}/notebook`, {});
      const page = await enter('alice', script.use);
      await page.goto(url);
      await expect(page.getByRole('heading', { name: `${name} is being started` })).toBeVisible();
      await expect(page.getByRole('list')).toContainText('is present');
      await expect(page).toHaveTitle(/JupyterLab/, { timeout: 60_000 });
      await site.alice.post(`/workers/${name}/terminate`);
      await page.goto(`${origin(site, name)}/lab`);
      await expect(page.getByRole('heading', { name: new RegExp(`${name} is Terminat`) })).toBeVisible();
    });
  });
}

test('a cell runs, and its kernel lives on when the console is killed', async ({ site, enter, open, problems }) => {
  test.setTimeout(180_000);
  const { name } = await worker(site);
  problems.allow(/workers\.localhost|events/);
  const tab = await enterNotebook(await open(await enter('alice'), `/workers/${name}`));
  await newNotebook(tab);
  await run(tab, 'kept = 6 * 7; print("answer", kept)');
  await expect(output(tab, 'answer 42')).toBeVisible({ timeout: 45_000 });

  await site.console.kill();
  await site.console.run();
  // JupyterLab may say in the meantime that its server is away.
  await tab.addLocatorHandler(tab.locator('.jp-Dialog').getByRole('button', { name: 'Close' }), (button) => button.click());
  await run(tab, 'print("still", kept)');
  await expect(output(tab, 'still 42')).toBeVisible({ timeout: 90_000 });
});

test.describe('a script in a notebook', () => {
  /** The admin, logged in to the console, looks at a notebook of alice: the visitor with most to lose. */
  async function visit(page: Page, name: string): Promise<Page> {
    await page.goto(`/workers/${name}`);
    await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
    return enterNotebook(page);
  }

  /** What the attempts below would change. */
  async function state(site: Site, context: BrowserContext) {
    const users = await site.admin.get<{ username: string }[]>('/users');
    const workers = await site.admin.workers();
    const page = await context.newPage();
    await page.goto('/workers');
    const session = (await context.cookies(site.console.url)).filter((cookie) => cookie.name === 'prt_session');
    const menu = await page.locator('.user-name').first().innerText();
    await page.close();
    return { users: users.map((user) => user.username), workers: workers.map(({ name, status }) => `${name} ${status}`), session, menu };
  }

  test('cannot act on the console as its visitor', async ({ site, enter, problems }) => {
    test.setTimeout(150_000);
    problems.allow(/./);
    const { name } = await worker(site);
    const page = await enter('admin');
    const tab = await visit(page, name);
    const context = page.context();
    const before = await state(site, context);
    expect(before.session).toHaveLength(1);
    expect(await tab.evaluate(() => window.opener)).toBeNull();

    const { url } = site.console;
    const tried = await tab.evaluate(
      async ([console, worker]) => {
        const said: Record<string, string> = {};
        const attempt = async (what: string, act: () => Promise<unknown>) => {
          said[what] = await act().then(
            (result) => `done: ${String(result)}`,
            (error: unknown) => `refused: ${String(error)}`,
          );
        };
        const form = (fields: Record<string, string>) => new URLSearchParams(fields);
        await attempt('reads', () => fetch(`${console}/api/v1/workers`, { credentials: 'include' }).then((answer) => answer.text()));
        await attempt('reads without cors', () =>
          fetch(`${console}/api/v1/workers`, { credentials: 'include', mode: 'no-cors' }).then((answer) => answer.text()),
        );
        for (const [path, body] of [
          ['/_fn/terminate_worker', form({ 'input[name]': worker })],
          ['/_fn/log_out', form({})],
          ['/_fn/set_theme', form({ theme: 'light' })],
          ['/api/v1/users', JSON.stringify({ username: 'mallory', password: 'a-long-password', role: 'Admin', groups: [] })],
          [`/api/v1/workers/${worker}/terminate`, '{}'],
        ] as const) {
          await attempt(`posts ${path}`, () => fetch(`${console}${path}`, { method: 'POST', credentials: 'include', mode: 'no-cors', body }).then((answer) => answer.text()));
        }
        const frame = document.createElement('iframe');
        const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
        frame.name = 'console-frame';
        frame.src = `${console}/workers`;
        document.body.append(frame);
        await Promise.race([loaded, new Promise((resolve) => setTimeout(resolve, 5000))]);
        await attempt('looks into a frame', async () => frame.contentDocument?.body.innerText ?? Promise.reject(new Error('nothing to see')));
        for (const domain of ['localhost', '.localhost', 'workers.localhost']) {
          document.cookie = `prt_session=tossed; Domain=${domain}; Path=/`;
          document.cookie = `theme=tossed; Domain=${domain}; Path=/`;
        }
        return said;
      },
      [url, name] as const,
    );
    for (const [what, result] of Object.entries(tried)) {
      if (what.startsWith('reads') || what.startsWith('looks')) expect(result, what).toMatch(/^refused|^done: $/);
    }
    const frame = tab.frames().find((frame) => frame.name() === 'console-frame');
    expect(frame?.url() ?? '').not.toContain('/workers');

    // A form needs no script to read its answer.
    const posted = tab.waitForEvent('popup');
    await tab.evaluate(
      ([console, worker]) => {
        const form = document.createElement('form');
        Object.assign(form, { method: 'post', action: `${console}/_fn/terminate_worker`, target: '_blank' });
        form.innerHTML = `<input name="input[name]" value="${worker}">`;
        document.body.append(form);
        form.submit();
      },
      [url, name] as const,
    );
    const answer = await posted;
    await answer.waitForLoadState();
    await expect(answer.locator('body')).toContainText('came from another site');
    await answer.close();

    // A window of the console cannot be held.
    const shown = context.waitForEvent('page');
    await tab.evaluate((console) => Object.assign(window, { held: window.open(`${console}/workers`) }), url);
    await (await shown).waitForLoadState();
    const held = () =>
      tab.evaluate(() => {
        const { held } = window as unknown as { held: Window | null };
        try {
          return held && !held.closed ? held.document.title : 'gone';
        } catch {
          return 'refused';
        }
      });
    expect(await held()).toMatch(/gone|refused/);
    await (await shown).close();

    expect(await state(site, context)).toEqual(before);
    const refusals = await site.admin.get<{ action: string; actor?: string }[]>('/audit').catch(() => []);
    expect(JSON.stringify(refusals)).toContain('request.cross_site');
  });

  test('cannot act in another worker’s notebook as its visitor', async ({ site, enter, problems, playwright }) => {
    test.setTimeout(150_000);
    problems.allow(/./);
    const [first, second] = [await worker(site, 'first'), await worker(site, 'second')];
    const page = await enter('admin');
    const tab = await visit(page, first.name);
    const other = await visit(page, second.name);
    const there = origin(site, second.name);
    // By itself, the visitor may.
    expect(await other.evaluate(() => fetch('/api/status').then((answer) => answer.status))).toBe(200);
    const kernels = () => other.evaluate(() => fetch('/api/kernels').then((answer) => answer.json() as Promise<unknown[]>));
    const terminals = () => other.evaluate(() => fetch('/api/terminals').then((answer) => answer.json() as Promise<unknown[]>));
    const before = [await kernels(), await terminals()];
    expect(before[1]).toEqual([]);

    const tried = await tab.evaluate(async (there) => {
      const said: string[] = [];
      const say = (what: string, result: unknown) => said.push(`${what}: ${String(result)}`);
      for (const mode of ['cors', 'no-cors'] as const) {
        for (const [method, path] of [
          ['GET', '/api/kernels'],
          ['POST', '/api/kernels'],
          ['POST', '/api/terminals'],
        ] as const) {
          await fetch(`${there}${path}`, { method, mode, credentials: 'include', ...(method === 'POST' && { body: '{}' }) }).then(
            async (answer) => say(`${mode} ${method} ${path}`, (await answer.text()) || 'nothing'),
            () => say(`${mode} ${method} ${path}`, 'refused'),
          );
        }
      }
      const socket = new WebSocket(`${there.replace('http', 'ws')}/terminals/websocket/1`);
      say('websocket', await new Promise((resolve) => {
        socket.onopen = () => resolve('open');
        socket.onerror = () => resolve('refused');
      }));
      return said;
    }, there);
    for (const result of tried) expect(result).toMatch(/: (refused|nothing)$/);
    expect([await kernels(), await terminals()]).toEqual(before);

    // Logging out anywhere ends all visits. With a session of its own: the tests share the one of `enter`.
    const request = await playwright.request.newContext();
    const headers = { origin: site.console.url };
    const login = { username: 'admin', password: ADMIN_PASSWORD };
    for (const call of ['login', 'log_out']) {
      const answer = await request.post(`${site.console.url}/_fn/${call}`, { headers, form: call === 'login' ? login : {} });
      expect(answer.ok(), call).toBe(true);
    }
    await request.dispose();
    expect(await other.evaluate(() => fetch('/api/status').then((answer) => answer.status))).toBe(403);
  });
});
