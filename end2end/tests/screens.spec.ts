// Every page in light and dark, wide and narrow: what a program can judge of them, and with PRT_PICTURES=1 pictures for the eye.
import { readFileSync } from 'node:fs';
import type { Page, TestInfo } from '@playwright/test';
import { environment } from '../helpers/environment';
import { Gate } from '../helpers/gate';
import { load } from '../helpers/load';
import { expect, hydrated, test } from '../helpers/test';

const LIST = '/infrastructure/container-images';
const REGISTRIES = '/infrastructure/registries';
const CERTIFICATES = '/infrastructure/certificates';
const SECRETS = '/infrastructure/secrets';

test('every page fits, and its text can be read', async ({ site, browser, enter, open, problems }, info) => {
  test.setTimeout(360_000);
  problems.allow(/^(403|404) GET /);
  const worker = await site.warmBuilder();
  const repository = site.console.repository('practicus-minimal-my');
  await site.alice.file(worker, 'hello.txt', 'Hello from the custom container image!');
  const base = environment.baseImage();
  const request = { ...site.console.buildRequest(worker, 'practicus-minimal-my'), tag: '25.5.3', push_image: true };
  const good = await site.alice.buildStart(request, `FROM ${base}\nCOPY hello.txt /home/ubuntu/hello.txt\nRUN python3 --version\n`);
  await site.alice.buildEnd(good.number);
  const bad = await site.alice.buildStart({ ...request, tag: 'broken' }, `FROM ${base}\nRUN echo before\nRUN cat /no/such/file\n`);
  await site.alice.buildEnd(bad.number);
  const rules = [
    { image: `^${repository.replaceAll('.', '\\.').replaceAll('/', '\\/')}`, name: 'Data science images', groups: ['data-science'], order: 10 },
    { image: 'my-registry.my-company.com/team/a-rather-long-name-of-an-image', version: '25.5.3', users: ['alice'] },
    { image: '*', name: 'Everything', description: 'For nobody yet.' },
  ];
  const kept = await site.admin.post<{ id: string }>('/registry-credentials', {
    name: 'corp-robot',
    host: environment.registry().host,
    username: environment.registry().username,
    password: 'not the right one',
    scope: 'group',
    owner: 'data-science',
  });
  const secret = await site.admin.post<{ id: string }>('/secrets', { name: 'S3_KEY', kind: 'shared', value: 'x', groups: ['data-science'] });
  const made: string[] = [];
  for (const rule of rules) made.push((await site.admin.post<{ id: string }>('/container-images', rule)).id);
  const gate = await Gate.open();
  const running = await site.alice.buildStart({ ...request, tag: '25.5.4' }, gate.dockerfile('COPY hello.txt /home/ubuntu/hello.txt\n'));
  const lines = async () => (await site.alice.build(running.number)).lines;
  await expect.poll(lines, { timeout: 60_000 }).toBeGreaterThan(60);

  const take = (shown: Page, name: string) => judge(shown, name, info);

  const anonymous = await browser.newContext();
  const login = await anonymous.newPage();
  await login.goto('/login');
  await hydrated(login);
  await take(login, 'login');
  await login.getByLabel('User name').fill('alice');
  await login.getByRole('button', { name: 'Log in' }).click();
  await expect(login.locator('.form-errors')).toBeVisible();
  await hydrated(login);
  await take(login, 'login-refused');
  await anonymous.close();

  await site.console.user(`bob-${info.workerIndex}`).catch(() => undefined);
  const empty = await enter(`bob-${info.workerIndex}`);
  for (const [name, path] of [
    ['workers-empty', '/workers'],
    ['builds-empty', '/builds'],
    ['build-new-empty', '/builds/new'],
    ['forbidden', LIST],
    ['registries-empty', REGISTRIES],
    ['secrets-empty', SECRETS],
  ] as const) {
    await open(empty, path);
    await take(empty, name);
  }

  const page = await enter('alice');
  for (const [name, path] of [
    ['workers', '/workers'],
    ['worker-new', '/workers/new?image=practicus-minimal&builder=1'],
    ['worker', `/workers/${worker}`],
    ['worker-terminate', `/workers/${worker}?confirm=terminate`],
    ['build-service', `/workers/${worker}/build-config`],
    ['build-service-prune', `/workers/${worker}/build-config?confirm=prune`],
    ['builds', '/builds'],
    ['build-new', '/builds/new'],
    ['build-running', `/builds/${running.number}`],
    ['build-succeeded', `/builds/${good.number}`],
    ['build-failed', `/builds/${bad.number}`],
    ['build-step', `/builds/${good.number}?step=2`],
    ['build-rerun', `/builds/${good.number}?confirm=rerun`],
    ['not-found', '/no/such/page'],
  ] as const) {
    await open(page, path);
    await take(page, name);
  }
  await open(page, '/workers/new?image=my-registry.my-company.com/demo/x:1');
  await page.getByRole('button', { name: 'Start the worker' }).click();
  problems.allow(/^403 POST .*create_worker$/);
  await expect(page.locator('.form-errors')).toBeVisible();
  await take(page, 'worker-new-refused');
  await open(page, '/workers');
  await page.locator('.user-menu > summary').click();
  await take(page, 'menu');
  await page.locator('.user-menu > summary').click();
  await page.locator('.nav-menu > summary').click();
  await take(page, 'navigation');

  const admin = await enter('admin');
  const size = (await site.admin.get<{ id: string }[]>('/worker-sizes/all'))[0]?.id ?? '';
  for (const [name, path] of [
    ['container-images', LIST],
    ['container-images-none-found', `${LIST}?q=nothing`],
    ['container-image-new', `${LIST}/new`],
    ['container-image', `${LIST}/${made[0]}?try=${encodeURIComponent(`${repository}:1`)}`],
    ['container-image-delete', `${LIST}/${made[0]}?confirm=delete`],
    ['registries', REGISTRIES],
    ['registry-new', `${REGISTRIES}/new`],
    ['registry', `${REGISTRIES}/${kept.id}`],
    ['registry-delete', `${REGISTRIES}/${kept.id}?confirm=delete`],
    ['secrets', SECRETS],
    ['secret-new', `${SECRETS}/new`],
    ['secret', `${SECRETS}/${secret.id}`],
    ['secret-delete', `${SECRETS}/${secret.id}?confirm=delete`],
    ['worker-sizes', '/infrastructure/worker-sizes'],
    ['worker-size-new', '/infrastructure/worker-sizes/new'],
    ['worker-size', `/infrastructure/worker-sizes/${size}`],
    ['worker-size-delete', `/infrastructure/worker-sizes/${size}?confirm=delete`],
    ['security-contexts', '/infrastructure/security-contexts'],
    ['security-context-new', '/infrastructure/security-contexts/new'],
    ['security-context', '/infrastructure/security-contexts/Restricted'],
    ['security-context-privileged', '/infrastructure/security-contexts/Privileged'],
    ['certificates-empty', CERTIFICATES],
    ['builders', '/infrastructure/builders'],
    ['workers-of-all', '/workers'],
    ['unknown-workers', '/workers/unknown'],
    ['retention', '/infrastructure/retention'],
  ] as const) {
    await open(admin, path);
    await take(admin, name);
  }
  await site.admin.put(CERTIFICATES, { pem: readFileSync(environment.authority(), 'utf8'), inject: true });
  await site.admin.post('/infrastructure/builders/preflight');
  for (const [name, path] of [
    ['certificates', CERTIFICATES],
    ['certificates-remove', `${CERTIFICATES}?confirm=remove`],
    ['builders-checked', '/infrastructure/builders'],
  ] as const) {
    await open(admin, path);
    await take(admin, name);
  }
  await site.admin.delete(CERTIFICATES);

  gate.release();
  await site.alice.buildEnd(running.number);
  await gate.close();
  await site.admin.delete(`/registry-credentials/${kept.id}`);
  await site.admin.delete(`/secrets/${secret.id}`);
  for (const id of made) await site.admin.delete(`/container-images/${id}`);
});

test('the documentation and API tokens fit and can be read', async ({ enter, open }, info) => {
  test.setTimeout(180_000);
  const page = await enter('alice');
  await open(page, '/docs');
  const links = await page.locator('main a[href^="/docs/"]').evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''));
  expect(links.length).toBeGreaterThan(11);
  for (const path of ['/docs', ...new Set(links)]) {
    await open(page, path);
    await judge(page, path.slice(1).replaceAll('/', '-'), info);
  }
  await open(page, '/access/tokens');
  await judge(page, 'tokens', info);
  await open(page, '/access/tokens/new');
  await page.getByLabel('Name').fill('pipeline of pictures');
  await judge(page, 'token-new', info);
  await page.getByRole('button', { name: 'Make the token' }).click();
  await expect(page.locator('#token-value')).toBeVisible();
  await judge(page, 'token-made', info);
  await open(page, '/access/tokens');
  await page.getByRole('link', { name: 'Revoke pipeline of pictures' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await judge(page, 'token-revoke', info);
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('what is shown in place of a notebook fits and can be read', async ({ site, enter, problems }, info) => {
  problems.allow(/workers\.localhost/);
  const page = await enter('alice');
  const at = (host: string) => `http://${host}.workers.localhost:${site.console.port}/lab`;
  const go = (url: string) => load(page, () => page.goto(url));
  await go(at('worker-1'));
  await judge(page, 'notebook-not-in', info);
  await go(at('no-worker'));
  await judge(page, 'notebook-no-worker', info);
  const { name } = await site.alice.workerStart({ worker_size: 'Small' });
  const { url } = await site.alice.post<{ url: string }>(`/workers/${name}/notebook`, {});
  await go(url);
  await expect(page).toHaveTitle(/JupyterLab/);
  await site.alice.post(`/workers/${name}/terminate`, { stop_reason: 'Enough was seen.' });
  await go(at(name.toLowerCase()));
  await expect(page.getByRole('heading', { name: `${name} is Terminated` })).toBeVisible();
  await expect(page.getByText('It was terminated: Enough was seen.')).toBeVisible();
  await judge(page, 'notebook-ended', info);
});

/** Judges a page in light and dark, wide and narrow. Pictures of what is wrong are kept, and with PRT_PICTURES of all. */
async function judge(page: Page, name: string, info: TestInfo): Promise<void> {
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 800 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const shot = `${name}, ${colorScheme}, ${width}`;
      const found = { sideways: await sideways(page), faint: await faint(page) };
      expect.soft(found.sideways, `${shot}: scrolls sideways`).toEqual([]);
      expect.soft(found.faint, `${shot}: hard to read`).toEqual([]);
      if (process.env.PRT_PICTURES || found.sideways.length > 0 || found.faint.length > 0) {
        await page.screenshot({ path: info.outputPath(`${name}-${width}-${colorScheme}.png`), fullPage: true, animations: 'disabled' });
      }
    }
  }
}

/** What sticks out at the side, if the page can be scrolled there. */
function sideways(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const out = [...document.body.querySelectorAll('*')].filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1);
    return out.map((element) => `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}">`).slice(0, 8);
  });
}

/** Text with less contrast than WCAG 2.2 AA asks for. */
function faint(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = [number, number, number, number];
    const parse = (text: string): Colour => {
      const [red = 0, green = 0, blue = 0, alpha = 1] = (/rgba?\(([^)]+)\)/.exec(text)?.[1] ?? '').split(/[ ,/]+/).map(Number);
      return [red, green, blue, alpha];
    };
    const over = (top: Colour, below: Colour): Colour => {
      const mix = (at: 0 | 1 | 2) => top[at] * top[3] + below[at] * (1 - top[3]);
      return [mix(0), mix(1), mix(2), 1];
    };
    const luminance = ([red, green, blue]: Colour) => {
      const part = (value: number) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
    };
    const background = (element: Element | null): Colour => {
      if (!element) return [255, 255, 255, 1];
      const own = parse(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, background(element.parentElement));
    };
    const found = new Set<string>();
    for (const element of document.body.querySelectorAll<HTMLElement>('*')) {
      const text = [...element.childNodes].map((node) => (node.nodeType === Node.TEXT_NODE ? node.textContent : '')).join('').trim();
      if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest('.sr-only, :disabled')) continue;
      // What is read of a coloured editor is the copy behind it, which is looked at, too.
      if (element.matches('.editor-shaded .editor-text')) continue;
      const style = getComputedStyle(element);
      const below = background(element);
      const [one, other] = [luminance(over(parse(style.color), below)), luminance(below)];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (contrast < (large ? 3 : 4.5)) found.add(`${contrast.toFixed(2)} ${element.className || element.tagName}: ${text.slice(0, 30)}`);
    }
    return [...found];
  });
}
