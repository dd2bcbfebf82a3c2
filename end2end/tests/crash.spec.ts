// The console is killed in the middle of a build, with the build's page open.
import { counted, Gate } from '../helpers/gate';
import { expectWhole, logFrame, readLog } from '../helpers/log';
import { reaches } from '../helpers/pages';
import { expect, test } from '../helpers/test';

test('the open page goes on by itself when the console has been killed and started again', async ({ site, enter, open, problems }) => {
  test.setTimeout(150_000);
  const worker = await site.warmBuilder();
  const request = site.console.buildRequest(worker, 'crash');
  const gate = await Gate.open();
  const build = await site.alice.buildStart(request, gate.dockerfile());
  const page = await open(await enter('alice'), `/builds/${build.number}`);
  await page.evaluate(() => Object.assign(window, { stayed: true }));
  const lines = () => logFrame(page).getAttribute('data-lines').then(Number);
  await expect.poll(lines, { timeout: 60_000 }).toBeGreaterThan(20);

  problems.allow(/^net::ERR_(CONNECTION|EMPTY|INCOMPLETE|SOCKET)\w* GET .*\/events/);
  await site.console.kill();
  await expect(page.getByText('Reconnecting…')).toBeVisible();
  const before = await lines();
  await site.console.run();
  await expect.poll(lines, { timeout: 30_000, message: 'the log goes on' }).toBeGreaterThan(before);
  gate.release();
  await reaches(page, true, /Succeeded|Failed/, 60);

  const end = await site.alice.build(build.number);
  expect(end.status, end.message).toBe('Succeeded');
  const rows = await readLog(page);
  expectWhole(rows, end.lines);
  const { found, wanted } = counted(rows.map((row) => row.text));
  expect(found).toEqual(wanted);
  expect(found.length).toBeGreaterThan(before);
  expect(rows.filter((row) => row.text.startsWith('Succeeded'))).toHaveLength(1);
  expect(await page.evaluate(() => 'stayed' in window)).toBe(true);
  const records = await site.alice.records(build.number);
  expect(records.map((record) => record.seq)).toEqual(records.map((_, at) => at + 1));
  expect(records.filter((record) => record.type === 'end')).toHaveLength(1);
  expect(records.at(-1)?.type).toBe('end');
  await gate.close();
});
