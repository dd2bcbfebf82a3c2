// The log of a build: long, coloured, hostile.
import { readFileSync } from 'node:fs';
import { environment } from '../helpers/environment';
import { counted, Gate } from '../helpers/gate';
import { expectWhole, logFrame, readLog } from '../helpers/log';
import { reaches } from '../helpers/pages';
import { expect, test } from '../helpers/test';

const LINES = 20_000;

test('20,000 lines', async ({ site, enter, open }) => {
  test.setTimeout(180_000);
  const worker = await site.warmBuilder();
  const request = site.console.buildRequest(worker, 'long');
  const build = await site.alice.buildStart(request, `FROM ${environment.baseImage()}\nRUN seq -f 'line number %.0f' 1 ${LINES}\n`);
  const page = await open(await enter('alice', { permissions: ['clipboard-read', 'clipboard-write'] }), `/builds/${build.number}`);
  const frame = logFrame(page);

  await test.step('they arrive, and the page answers meanwhile', async () => {
    const switches = page.getByLabel('Wrap');
    await switches.click({ timeout: 5000 });
    await switches.click({ timeout: 5000 });
    await reaches(page, true, /Succeeded|Failed/, 90);
    const end = await site.alice.build(build.number);
    expect(end.status, end.message).toBe('Succeeded');
    await expect(frame).toHaveAttribute('data-lines', String(end.lines));
  });
  const { lines } = await site.alice.build(build.number);
  const offset = lines - LINES;

  await test.step('few of them are in the page, wherever one looks', async () => {
    for (const part of [0, 0.37, 1]) {
      await frame.evaluate((element, at) => element.scrollTo(0, element.scrollHeight * at), part);
      await expect(frame.locator('.log-row').first()).toBeVisible();
      expect(await frame.locator('.log-row').count()).toBeLessThan(200);
    }
    expect(await page.locator('*').count()).toBeLessThan(1500);
  });

  await test.step('a page that is opened late has the end, and gets all that came before', async () => {
    await open(page, `/builds/${build.number}`);
    const more = async () => Number(/\((\d+) more\)/.exec((await page.locator('.log-earlier').textContent()) ?? '')?.[1]);
    const before = await more();
    expect(before).toBeGreaterThan(LINES - 3000);
    await frame.evaluate((element) => element.scrollTo(0, 0));
    const first = (await frame.locator('.log-row[data-line]').first().getAttribute('data-line')) ?? '';
    await page.locator('.log-earlier').click();
    await expect.poll(more).toBe(before - 2000);
    // What the reader was looking at is still there.
    await expect(page.locator(`#L${first}`)).toBeInViewport();
  });

  await test.step('a line has an address', async () => {
    const wanted = 12_345 + offset;
    const row = page.locator(`#L${wanted}`);
    const shown = async () => {
      await expect(row).toBeInViewport();
      await expect(row).toContainText('line number 12345');
      await expect(row).toHaveClass(/log-at/);
    };
    await open(page, '/builds');
    await open(page, `/builds/${build.number}#L${wanted}`);
    await shown();
    // The same by a link within the page.
    await open(page, `/builds/${build.number}`);
    await expect(row).toHaveCount(0);
    await page.evaluate((line) => location.assign(`#L${line}`), wanted);
    await shown();
    await page.locator(`#L${wanted + 1}`).getByRole('link').click();
    await expect(page).toHaveURL(new RegExp(`#L${wanted + 1}$`));
    await expect(page.locator(`#L${wanted + 1}`)).toHaveClass(/log-at/);
  });

  await test.step('all of them are copied, and downloaded as a file', async () => {
    const whole = await (await page.request.get(`/api/v1/builds/${build.number}/log`)).text();
    expect(whole.match(/line number \d+$/gm)).toHaveLength(LINES);
    const copy = page.getByRole('button', { name: 'Copy the log' });
    await copy.click();
    await expect(copy).toHaveText('Copied');
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(whole);
    const arrives = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download', exact: true }).click();
    const file = await arrives;
    expect(file.suggestedFilename()).toBe(`build-${build.number}.log`);
    expect(readFileSync(await file.path(), 'utf8')).toBe(whole);
  });
});

test('following the end pauses when the reader scrolls up', async ({ site, enter, open }) => {
  test.setTimeout(120_000);
  const worker = await site.warmBuilder();
  const request = site.console.buildRequest(worker, 'follow');
  const gate = await Gate.open();
  const build = await site.alice.buildStart(request, gate.dockerfile());
  const page = await open(await enter('alice'), `/builds/${build.number}`);
  const frame = logFrame(page);
  const lines = () => frame.getAttribute('data-lines').then(Number);
  await expect.poll(lines, { timeout: 60_000 }).toBeGreaterThan(80);
  const follow = page.getByLabel('Follow');
  await expect(follow).toBeChecked();
  const atEnd = () => frame.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 12);
  await expect.poll(atEnd).toBe(true);
  await frame.hover();
  await page.mouse.wheel(0, -600);
  await expect(follow).not.toBeChecked();
  const top = await frame.evaluate((element) => element.scrollTop);
  const before = await lines();
  await expect.poll(lines).toBeGreaterThan(before + 40);
  expect(await frame.evaluate((element) => element.scrollTop)).toBe(top);
  await follow.check();
  await expect.poll(atEnd).toBe(true);
  gate.release();
  await reaches(page, true, /Succeeded|Failed/, 60);
  const end = await site.alice.build(build.number);
  expect(end.status, end.message).toBe('Succeeded');
  const rows = await readLog(page);
  expectWhole(rows, end.lines);
  const { found, wanted } = counted(rows.map((row) => row.text));
  expect(found).toEqual(wanted);
  await gate.close();
});

test('colours are shown, everything else is text', async ({ site, enter, open }) => {
  const worker = await site.warmBuilder();
  const request = site.console.buildRequest(worker, 'ansi');
  const hostile = [
    String.raw`\033[31mred\033[0m and \033[1;32mbold green\033[0m`,
    String.raw`<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b>`,
    String.raw`hidden \033[2Kline and \342\200\256reversed`,
    String.raw`<a href="javascript:alert(3)">a link</a> &amp; &lt;`,
  ];
  const dockerfile = `FROM ${environment.baseImage()}\nCOPY lines /lines\nRUN while IFS= read -r line; do printf "$line\\n"; done < /lines\n`;
  await site.alice.file(worker, 'lines', `${hostile.join('\n')}\n`);
  const build = await site.alice.buildStart(request, dockerfile);
  const end = await site.alice.buildEnd(build.number);
  expect(end.status, end.message).toBe('Succeeded');
  for (const script of [true, false]) {
    await test.step(script ? 'with scripts' : 'without scripts', async () => {
      const page = await enter('alice', { javaScriptEnabled: script });
      page.on('dialog', (dialog) => {
        throw new Error(`the log opened a dialog: ${dialog.message()}`);
      });
      await (script ? open(page, `/builds/${build.number}`) : page.goto(`/builds/${build.number}`));
      const log = logFrame(page);
      await expect(log.locator('.fg1', { hasText: 'red' })).toBeVisible();
      await expect(log.locator('.fg2.bold', { hasText: 'bold green' })).toBeVisible();
      await expect(log).toContainText('<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b>');
      await expect(log).toContainText('<a href="javascript:alert(3)">a link</a> &amp; &lt;');
      await expect(log.locator('.log-control', { hasText: '^[[2K' })).toBeVisible();
      await expect(log.locator('.log-control', { hasText: '<U+202E>' })).toBeVisible();
      expect(await log.locator('img, script, b, a[href^=javascript]').count()).toBe(0);
    });
  }
});
