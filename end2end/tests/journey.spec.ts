// The whole way of a user and an admin, in the browser, with the network cut in the middle of the build.
import { environment } from '../helpers/environment';
import { counted, Gate } from '../helpers/gate';
import { expectWhole, logFrame, readLog } from '../helpers/log';
import { access, buildNumber, container, fillBuild, imageField, reaches, refusal, workerName } from '../helpers/pages';
import { Proxy } from '../helpers/proxy';
import { expect, test } from '../helpers/test';

const LIST = '/infrastructure/container-images';

test('from a refusal by way of a build to a worker on the new image, and its end', async ({ site, enter, open, problems }) => {
  test.setTimeout(180_000);
  problems.allow(/^403 POST .*\/_fn\/create_worker$/);
  const registry = environment.registry();
  const repository = site.console.repository('practicus-minimal-my');
  const image = `${repository}:25.5.3`;
  const gate = await Gate.open();
  const proxy = await Proxy.before(site.console.port);
  const user = await enter('alice', { baseURL: proxy.url });
  const admin = await enter('admin');
  const startOn = async (wanted: string) => {
    await open(user, '/workers/new');
    await imageField(user).fill(wanted);
    await user.getByLabel('Size').selectOption('X-Small');
  };
  const start = () => user.getByRole('button', { name: 'Start the worker' }).click();

  await test.step('refused, before and after pressing the button', async () => {
    await startOn(image);
    await expect(user.locator('[data-verdict=denied]')).toContainText(image);
    await start();
    await expect(refusal(user)).toContainText('Infrastructure > Container Images');
    await expect(refusal(user)).toContainText(image);
  });

  await test.step('the admin grants the group access', async () => {
    await open(admin, LIST);
    await admin.getByRole('link', { name: 'Add a Container Image' }).click();
    await imageField(admin).fill(`^${repository.replaceAll('.', '\\.').replaceAll('/', '\\/')}`);
    await admin.getByLabel('Name', { exact: true }).fill('The journey');
    await admin.getByLabel('An image').fill(image);
    await expect(admin.locator('#try-answer')).toContainText('Matches');
    await access(admin, 'data-science').check();
    await admin.getByRole('button', { name: 'Add' }).click();
    await expect(admin.getByRole('row', { name: 'The journey' })).toContainText('data-science');
  });

  await test.step('the user is told so at the very next look', async () => {
    await startOn(image);
    await expect(user.locator('[data-verdict=allowed]')).toContainText(image);
  });

  await test.step('the user starts a worker with a builder', async () => {
    await open(user, '/workers');
    await user.getByRole('link', { name: 'Start a worker' }).first().click();
    await imageField(user).fill('practicus-minimal');
    await user.getByLabel('Size').selectOption('Medium-restricted');
    await user.getByLabel('Builds container images').check();
    await user.getByLabel("Builder's share").fill('60');
    await expect(user.locator('.split-preview')).toContainText('Builder');
    await start();
    await workerName(user);
    await reaches(user, true, /Running/);
    await expect(container(user, 'Primary')).toContainText('Running');
    await expect(container(user, 'Builder')).toContainText('Running');
  });

  await test.step('the user builds', async () => {
    await user.getByRole('link', { name: 'Build an image' }).click();
    await fillBuild(user, {
      dockerfile: gate.dockerfile('COPY hello.txt /home/ubuntu/hello.txt\n'),
      files: [{ name: 'hello.txt', text: 'Hello from the custom container image!' }],
      name: repository,
      tag: '25.5.3',
      login: registry,
    });
    await user.getByRole('button', { name: 'Build', exact: true }).click();
  });
  const number = await buildNumber(user);
  await user.evaluate(() => Object.assign(window, { stayed: true }));

  await test.step('lines arrive while the build runs, and again after the network was cut for 15 s', async () => {
    const lines = () => logFrame(user).getAttribute('data-lines').then(Number);
    await expect.poll(lines, { timeout: 90_000 }).toBeGreaterThan(20);
    await expect(user.getByText(/^counting \d+$/).last()).toBeInViewport();
    await expect(user.getByText('Live', { exact: true })).toBeVisible();
    await reaches(user, true, /Running/);
    problems.allow(/^net::ERR_(CONNECTION|EMPTY|INCOMPLETE|SOCKET)\w* GET .*\/events/);
    const cut = proxy.cut(15);
    await expect(user.getByText('Reconnecting…')).toBeVisible();
    const before = await lines();
    await cut;
    expect((await site.alice.build(number)).status, 'the build still runs when the network comes back').toBe('Running');
    await expect.poll(lines, { message: 'lines of the time without network arrive' }).toBeGreaterThan(before + 100);
    await expect(user.getByText('Live', { exact: true })).toBeVisible();
  });

  await test.step('nothing is missing and nothing is there twice, without having loaded the page again', async () => {
    gate.release();
    await reaches(user, true, /Succeeded|Failed/, 90);
    const build = await site.alice.build(number);
    expect(build.status, build.message).toBe('Succeeded');
    const rows = await readLog(user);
    expectWhole(rows, build.lines);
    const { found, wanted } = counted(rows.map((row) => row.text));
    expect(found).toEqual(wanted);
    expect(await user.evaluate(() => 'stayed' in window)).toBe(true);
    await expect(user.locator('[data-digest]')).toHaveAttribute('data-digest', build.digest ?? '');
    // The steps stand as in the Dockerfile; BuildKit tells of them in any order.
    const steps = (await user.locator('.step-name').allTextContents()).flatMap((name) => /\[(\d)\/3\]/.exec(name)?.[1] ?? []);
    expect(steps).toEqual(['1', '2', '3']);
  });

  await test.step('a worker runs on the image', async () => {
    await user.getByRole('link', { name: 'Start a worker with this image' }).click();
    await expect(imageField(user)).toHaveValue(image);
    await user.getByLabel('Size').selectOption('X-Small');
    await user.getByLabel('Registry user', { exact: true }).fill(registry.username);
    await user.getByLabel('Registry password').fill(registry.password);
    await start();
    const name = await workerName(user);
    await reaches(user, true, /Running|Failed/, 90);
    const worker = await site.alice.worker(name);
    expect(worker.status, worker.message).toBe('Running');
    expect(worker.image_digest).toBe((await site.alice.build(number)).digest);
    expect(await site.alice.exec(name, 'cat', '/home/ubuntu/hello.txt')).toBe('Hello from the custom container image!');
  });

  await test.step('the admin takes the access back, and the very next try is refused', async () => {
    await startOn(image);
    await expect(user.locator('[data-verdict=allowed]')).toBeVisible();
    await admin.getByRole('link', { name: 'The journey' }).click();
    await access(admin, 'data-science').uncheck();
    await admin.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(admin.getByRole('row', { name: 'The journey' })).toContainText('Nobody');
    await start();
    await expect(refusal(user)).toContainText('Infrastructure > Container Images');
  });
  await user.close();
  await proxy.close();
  await gate.close();
});
