// What every test here uses: a console shared by the tests of one process, people who are logged in, and a watch on everything that a
// browser complains about.
import { type BrowserContext, expect, type Page, test as base } from '@playwright/test';
import { ADMIN_PASSWORD, Console, USER_PASSWORD } from './console';
import { Client } from './client';
import { environment } from './environment';
import { load, NETWORK_CHANGED } from './load';

/** A console with an admin, a group `data-science`, and the user `alice` in it. */
export class Site {
  private builders = new Map<string, Promise<string>>();
  private cookies = new Map<string, Awaited<ReturnType<BrowserContext['cookies']>>>();

  private constructor(
    readonly console: Console,
    readonly alice: Client,
  ) {}

  static async start(): Promise<Site> {
    const started = await Console.start();
    await started.admin.post('/groups', { name: 'data-science' });
    return new Site(started, await started.user('alice', ['data-science']));
  }

  get admin(): Client {
    return this.console.admin;
  }

  /** The name of alice's worker with a builder, which is started when it is first asked for. */
  builder(): Promise<string> {
    const known = this.builders.get('alice');
    if (known) return known;
    const config = { worker_size: 'Medium-restricted', image_config: { builder: true } };
    const started = this.alice.workerStart(config).then((worker) => worker.name);
    this.builders.set('alice', started);
    return started;
  }

  /** The same with the base image in the builder's cache, so that a build starts with its own steps at once. */
  async warmBuilder(): Promise<string> {
    const worker = await this.builder();
    const known = this.builders.get('warm') ?? this.warm(worker);
    this.builders.set('warm', known);
    return known;
  }

  private async warm(worker: string): Promise<string> {
    const request = this.console.buildRequest(worker, 'warm');
    const build = await this.alice.buildStart(request, `FROM ${environment.baseImage()}\nRUN true\n`);
    const end = await this.alice.buildEnd(build.number, 100);
    if (end.status !== 'Succeeded') throw new Error(`the base image could not be fetched: ${end.message}`);
    return worker;
  }

  /** Gives a browser context the session of a user, without the form. */
  async session(context: BrowserContext, username: string): Promise<void> {
    let cookies = this.cookies.get(username);
    if (!cookies) {
      const password = username === 'admin' ? ADMIN_PASSWORD : USER_PASSWORD;
      const { url } = this.console;
      const answer = await context.request.post(`${url}/_fn/login`, { form: { username, password }, headers: { origin: url } });
      if (!answer.ok()) throw new Error(`${username} cannot log in: ${answer.status()} ${await answer.text()}`);
      cookies = await context.cookies();
      this.cookies.set(username, cookies);
    }
    await context.addCookies(cookies);
  }
}

/** What browsers complained about. A test in which anything is left fails. */
export class Problems {
  private found: string[] = [];
  private allowed: RegExp[] = [];

  /** This is what the test is about. */
  allow(pattern: RegExp): void {
    this.allowed.push(pattern);
  }

  left(): string[] {
    return this.found.filter((line) => !this.allowed.some((pattern) => pattern.test(line)));
  }

  watch(context: BrowserContext): void {
    context.on('weberror', (error) => this.found.push(`page error: ${error.error().stack ?? error.error()}`));
    context.on('console', (message) => {
      // What could not be loaded is reported below, with its address.
      // And a preload that is used late: a busy machine, or a browser without scripts.
      const said = ['error', 'warning', 'assert'].includes(message.type()) && !/^Failed to load resource|was preloaded using/.test(message.text());
      if (said) this.found.push(`console ${message.type()} on ${message.page()?.url()}: ${message.text()}`);
    });
    context.on('response', (response) => {
      if (response.status() >= 400) this.found.push(`${response.status()} ${response.request().method()} ${response.url()}`);
    });
    context.on('requestfailed', (request) => {
      // A page that is left gives up what it was waiting for.
      const reason = request.failure()?.errorText ?? 'failed';
      // A browser without scripts says so when a page announces one; a violated policy is a message on the console as well.
      // Whether a page goes on when the network has changed is for its test.
      if (!['net::ERR_ABORTED', NETWORK_CHANGED, 'csp'].includes(reason)) this.found.push(`${reason} ${request.method()} ${request.url()}`);
    });
  }
}

interface Fixtures {
  problems: Problems;
  /** A page of somebody who is logged in, in a browser profile of their own. */
  enter: (username: string, options?: Parameters<import('@playwright/test').Browser['newContext']>[0]) => Promise<Page>;
  /** Goes to an address and waits until the page works: at once without scripts, after hydration with them. */
  open: (page: Page, path: string) => Promise<Page>;
}

export const test = base.extend<Fixtures, { site: Site }>({
  site: [
    async ({}, use) => {
      const site = await Site.start();
      await use(site);
      await site.console.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ site }, use) => use(site.console.url),
  problems: [
    async ({ site }, use, info) => {
      const problems = new Problems();
      await use(problems);
      if (info.status !== info.expectedStatus) await info.attach('console.log', { body: site.console.log(100), contentType: 'text/plain' });
      expect(problems.left(), 'what the browser complained about').toEqual([]);
    },
    { auto: true },
  ],
  context: async ({ context, problems }, use) => {
    problems.watch(context);
    await use(context);
  },
  enter: async ({ browser, site, problems }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (username, options) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      await site.session(context, username);
      problems.watch(context);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
  open: async ({ javaScriptEnabled }, use) => {
    await use(async (page, path) => {
      await load(page, async () => {
        await page.goto(path);
        if (javaScriptEnabled !== false) await hydrated(page);
      });
      return page;
    });
  },
});

export { expect };

/** Waits until WebAssembly has taken the page over. */
export async function hydrated(page: Page): Promise<void> {
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached', timeout: 45_000 });
}

/** Both kinds of browser: `for (const script of BOTH) test.describe(script.name, () => { test.use(script.use); … })`. */
export const BOTH = [
  { name: 'with scripts', live: true, use: { javaScriptEnabled: true } },
  { name: 'without scripts', live: false, use: { javaScriptEnabled: false } },
];
