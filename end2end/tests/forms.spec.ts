// Every form, in a browser with scripts and in one without: what it does, and that a refusal keeps what was typed.
import { USER_PASSWORD } from '../helpers/console';
import { environment } from '../helpers/environment';
import { eventually } from '../helpers/eventually';
import { access, buildNumber, container, fillBuild, imageField, reaches, refusal, workerName } from '../helpers/pages';
import { BOTH, expect, test } from '../helpers/test';

const LIST = '/infrastructure/container-images';

for (const script of BOTH) {
  const { live } = script;

  test.describe(script.name, () => {
    test.use(script.use);

    test('login and logout', async ({ page, open, problems }) => {
      await open(page, '/builds?status=Failed');
      await expect(page).toHaveURL(/\/login\?next=/);
      await page.getByLabel('User name').fill('alice');
      await page.getByLabel('Password').fill('not the password');
      await page.getByRole('button', { name: 'Log in' }).click();
      await expect(refusal(page)).toContainText('password');
      await expect(page.getByLabel('User name')).toHaveValue('alice');
      await expect(page.getByLabel('Password')).toHaveValue('');
      await page.getByLabel('Password').fill(USER_PASSWORD);
      await page.getByRole('button', { name: 'Log in' }).click();
      // Back where they were sent away from.
      await expect(page).toHaveURL(/\/builds\?status=Failed$/);
      await open(page, '/workers');
      await page.locator('summary', { hasText: 'alice' }).click();
      await page.getByRole('button', { name: 'Log out' }).click();
      await expect(page.getByText('You are logged out.')).toBeVisible();
      await open(page, '/workers');
      await expect(page).toHaveURL(/\/login/);
      problems.allow(/^401 /);
    });

    test('theme', async ({ page, site, context, open }) => {
      await site.session(context, 'alice');
      await open(page, '/builds');
      for (const [name, theme] of [
        ['Dark', 'dark'],
        ['Light', 'light'],
        ['System', 'system'],
      ] as const) {
        const menu = page.locator('.user-menu');
        if (!(await menu.evaluate((details: HTMLDetailsElement) => details.open))) await menu.locator('summary').click();
        await page.getByRole('button', { name, exact: true }).click();
        await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
        await expect(page).toHaveURL(/\/builds$/);
        await open(page, '/builds');
        await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
      }
    });

    test('a worker: refused, started, terminated', async ({ site, enter, open, problems }) => {
      problems.allow(/^(400|403|422) POST .*\/_fn\/create_worker$/);
      const page = await open(await enter('alice'), '/workers/new');
      const image = imageField(page);
      const submit = page.getByRole('button', { name: 'Start the worker' });

      await test.step('what cannot be read is named at its field', async () => {
        await image.fill('practicus-minimal');
        await page.getByLabel('Size').selectOption('X-Small');
        await page.getByLabel('Builds container images').check();
        await page.getByLabel("Builder's share").fill('half');
        await page.getByText('More', { exact: true }).click();
        await page.getByLabel('Environment').fill('NO_EQUALS_SIGN');
        await submit.click();
        await expect(refusal(page)).toContainText('2 fields are wrong.');
        await expect(page.locator('#f-image-config-builder-capacity-error')).toContainText('whole percentage');
        await expect(page.locator('#f-env-variables-error')).toContainText('Line 1 has no "="');
        await expect(image).toHaveValue('practicus-minimal');
        await expect(page.getByLabel('Size')).toHaveValue('X-Small');
        await expect(page.getByLabel('Builds container images')).toBeChecked();
        await expect(page.getByLabel("Builder's share")).toHaveValue('half');
        await expect(page.getByLabel('Environment')).toHaveValue('NO_EQUALS_SIGN');
      });

      await test.step('an image without a grant is refused in clear words', async () => {
        await image.fill('my-registry.my-company.com/demo/x:1');
        await page.getByLabel("Builder's share").fill('');
        await page.getByLabel('Builds container images').uncheck();
        await page.getByLabel('Environment').fill('GREETING=hello there');
        await submit.click();
        await expect(refusal(page)).toContainText('Infrastructure > Container Images');
        await expect(image).toHaveValue('my-registry.my-company.com/demo/x:1');
        await expect(page.getByLabel('Environment')).toHaveValue('GREETING=hello there');
      });

      await image.fill('practicus-minimal');
      await submit.click();
      const name = await workerName(page);
      await expect(page.getByText('The worker is being started.').first()).toBeVisible();
      await reaches(page, live, /Running/);
      await expect(container(page, 'Primary')).toContainText('Running');
      expect(await site.alice.exec(name, 'printenv', 'GREETING')).toBe('hello there\n');

      await page.getByRole('link', { name: 'Terminate' }).click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toContainText(`Terminate ${name}?`);
      await dialog.getByRole('link', { name: 'Keep it' }).click();
      await expect(dialog).toHaveCount(0);
      expect((await site.alice.worker(name)).status).toBe('Running');
      await page.getByRole('link', { name: 'Terminate' }).click();
      await dialog.getByLabel('Reason').fill('no longer needed');
      await dialog.getByRole('button', { name: 'Terminate' }).click();
      // The answer waits a while for the engine.
      await expect(page.getByText('The worker is being terminated.')).toBeVisible({ timeout: 45_000 });
      await reaches(page, live, /Terminated/);
      await expect(page.getByText('no longer needed').first()).toBeVisible();
      expect((await site.alice.worker(name)).stop_reason).toBe('no longer needed');
    });

    test('a build: refused, started with an uploaded file', async ({ site, enter, open, problems }) => {
      problems.allow(/^(400|422) POST .*\/_fn\/start_build$/);
      const registry = environment.registry();
      const worker = await site.builder();
      const page = await open(await enter('alice'), `/builds/new?worker=${worker}`);
      const text = `Hello from a browser ${live ? 'with' : 'without'} scripts!`;
      const dockerfile = 'FROM scratch\nARG WHO\nLABEL who=$WHO\nCOPY hello.txt /\n';
      await fillBuild(page, {
        dockerfile,
        files: [{ name: 'hello.txt', text }],
        name: site.console.repository('UPPER/case'),
        tag: 'no spaces',
        login: { ...registry, password: 'not the password' },
      });
      if (live) await expect(page.getByText('1 file to send')).toBeVisible();
      await page.getByText('More', { exact: true }).click();
      await page.getByLabel('Build args').fill('WHO=tests');
      await page.getByRole('button', { name: 'Build', exact: true }).click();
      await expect(refusal(page)).toBeVisible();
      await expect(page.locator('#f-name-error')).toContainText('lower');
      await expect(page.getByLabel('Dockerfile', { exact: true })).toHaveValue(dockerfile);
      await expect(page.locator('#f-tag')).toHaveValue('no spaces');
      await expect(page.getByLabel('Build args')).toHaveValue('WHO=tests');
      await expect(page.getByLabel('Registry host 1')).toHaveValue(registry.host);
      await expect(page.getByLabel('User 1', { exact: true })).toHaveValue(registry.username);

      const name = site.console.repository(`forms-${live}`);
      await test.step('a wrong password is told before anything is built', async () => {
        await fillBuild(page, { name, tag: '25.5.3', login: { ...registry, password: 'not the password' } });
        await page.getByRole('button', { name: 'Build', exact: true }).click();
        await expect(refusal(page)).toContainText(registry.host);
        await expect(page.getByLabel('Image name')).toHaveValue(name);
      });

      await fillBuild(page, { login: registry });
      await page.getByRole('button', { name: 'Build', exact: true }).click();
      const number = await buildNumber(page);
      await expect(page.getByText('The build was started.')).toBeVisible();
      await reaches(page, live, /Succeeded|Failed/);
      const build = await site.alice.build(number);
      expect(build, build.message).toMatchObject({ status: 'Succeeded', push_image: true, build_args: { WHO: 'tests' } });
      await expect(page.locator('[data-digest]')).toHaveAttribute('data-digest', build.digest ?? '');
      expect(await site.alice.exec(worker, 'cat', '/home/ubuntu/build/hello.txt')).toBe(text);
    });

    test('a build: canceled, run again', async ({ site, enter, open, problems }) => {
      problems.allow(/^(400|422) POST .*\/_fn\/rerun_build$/);
      const worker = await site.warmBuilder();
      const request = site.console.buildRequest(worker, 'again');
      const slow = await site.alice.buildStart(request, `FROM ${environment.baseImage()}\nRUN echo started; sleep 300\n`);
      const printed = async () => (await site.alice.records(slow.number)).some((record) => record.text === 'started');
      await eventually('the step runs', printed);
      const page = await open(await enter('alice'), `/builds/${slow.number}`);
      await page.getByRole('link', { name: 'Cancel' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('link', { name: 'Let it go on' }).click();
      await expect(dialog).toHaveCount(0);
      expect((await site.alice.build(slow.number)).status).toBe('Running');
      await page.getByRole('link', { name: 'Cancel' }).click();
      await dialog.getByRole('button', { name: 'Cancel the build' }).click();
      await reaches(page, live, /Canceled/);
      await expect(page.locator('.log')).toContainText('started');

      // It used a login, and logins are not kept.
      await site.alice.file(worker, 'Dockerfile', 'FROM scratch\nCOPY Dockerfile /\n');
      await page.getByRole('link', { name: 'Run again' }).click();
      await dialog.getByRole('checkbox', { name: 'Without using the cache' }).check();
      await dialog.getByRole('button', { name: 'Run again' }).click();
      await expect(refusal(page)).toContainText('login');
      await expect(dialog.getByRole('checkbox', { name: 'Without using the cache' })).toBeChecked();
      await dialog.getByLabel('Password of').fill(environment.registry().password);
      await dialog.getByRole('button', { name: 'Run again' }).click();
      await page.waitForURL((url) => /\/builds\/\d+$/.test(url.pathname) && !url.pathname.endsWith(`/${slow.number}`));
      await reaches(page, live, /Succeeded/);
      const again = await site.alice.build(await buildNumber(page));
      expect(again).toMatchObject({ status: 'Succeeded', no_cache: true, rerun_of: slow.number });

      // Without logins it takes one click.
      const plain = await site.alice.buildStart({ ...request, registry_credentials: [] }, 'FROM scratch\nCOPY Dockerfile /\n');
      await site.alice.buildEnd(plain.number);
      await open(page, `/builds/${plain.number}`);
      await page.getByRole('button', { name: 'Run again', exact: true }).click();
      await page.waitForURL((url) => /\/builds\/\d+$/.test(url.pathname) && !url.pathname.endsWith(`/${plain.number}`));
      await reaches(page, live, /Succeeded/);
      expect(await site.alice.build(await buildNumber(page))).toMatchObject({ no_cache: false, rerun_of: plain.number });
    });

    test('a Container Image: refused, added, changed, deleted', async ({ site, enter, open, problems }) => {
      problems.allow(/^(400|409|422) POST .*\/_fn\/save_container_image$/);
      const page = await open(await enter('admin'), `${LIST}/new`);
      const image = imageField(page);
      const name = `Forms ${script.name}`;
      await image.fill('^my-registry\\.my-company\\.com\\/(demo\\/');
      await page.getByLabel('Name', { exact: true }).fill(name);
      await page.getByLabel('Startup script').fill('echo one\necho two');
      await access(page, 'data-science').check();
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(refusal(page)).toBeVisible();
      await expect(page.locator('#f-image-error')).toBeVisible();
      await expect(page.getByLabel('Name', { exact: true })).toHaveValue(name);
      await expect(page.getByLabel('Startup script')).toHaveValue('echo one\necho two');
      await expect(access(page, 'data-science')).toBeChecked();

      await image.fill('^my-registry\\.my-company\\.com\\/demo\\/');
      await page.getByLabel('Registry user name').fill('robot');
      await page.getByLabel('Registry password').fill('secret of the robot');
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(page.getByText('The Container Image was added.')).toBeVisible();
      const row = page.getByRole('row', { name });
      await expect(row).toContainText('data-science');
      await expect(row).toContainText('Pattern');
      const find = async () => (await site.admin.get<Rule[]>('/container-images')).find((rule) => rule.name === name);
      expect(await find()).toMatchObject({ groups: ['data-science'], users: [], repo_username: 'robot', has_repo_password: true });

      await row.getByRole('link', { name }).click();
      await expect(page.getByLabel('Registry password')).toHaveValue('');
      await access(page, 'data-science').uncheck();
      await access(page, 'alice').check();
      await page.getByLabel('Order').fill('high');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.locator('#f-order-error')).toContainText('high is not a whole number.');
      await expect(access(page, 'alice')).toBeChecked();
      await page.getByLabel('Order').fill('7');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByText('The Container Image was saved.')).toBeVisible();
      const saved = await find();
      expect(saved).toMatchObject({ groups: [], users: ['alice'], order: 7, has_repo_password: true, startup_script: 'echo one\necho two' });

      await test.step('an edit that crosses another is found out', async () => {
        await row.getByRole('link', { name }).click();
        await page.getByLabel('Description').fill('mine');
        const { id, revision, match_kind, has_repo_password, updated_ms, ...rest } = saved as Rule;
        expect([match_kind, has_repo_password, updated_ms > 0]).toEqual(['pattern', true, true]);
        await site.admin.put(`/container-images/${id}`, { ...rest, description: 'theirs', revision });
        await page.getByRole('button', { name: 'Save', exact: true }).click();
        await expect(page.getByText('Two changes at once')).toBeVisible();
        await expect(page.getByLabel('Description')).toHaveValue('mine');
        await page.getByLabel('Save mine over it').check();
        await page.getByRole('button', { name: 'Save', exact: true }).click();
        await expect(page.getByText('The Container Image was saved.')).toBeVisible();
        expect((await find())?.description).toBe('mine');
      });

      await row.getByRole('link', { name }).click();
      await page.getByRole('link', { name: 'Delete' }).click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toContainText('1 user loses the access');
      await dialog.getByRole('button', { name: 'Delete' }).click();
      await expect(page.getByText('The Container Image was deleted.')).toBeVisible();
      await expect(row).toHaveCount(0);
      expect(await find()).toBeUndefined();
    });

    test('a registry credential: refused, added, tested, changed, deleted', async ({ site, enter, open, problems }) => {
      problems.allow(/^4\d\d POST .*\/_fn\/(save|test)_registry_credential$/);
      const registry = environment.registry();
      const page = await open(await enter('admin'), '/infrastructure/registries');
      await page.getByRole('link', { name: 'Add a credential' }).click();
      const name = `robot-${live ? 'live' : 'plain'}`;
      const field = (label: string) => page.getByLabel(label, { exact: false });
      await field('Name').first().fill('Not a Name');
      await field('Registry').fill(registry.host);
      await field('User name').fill(registry.username);
      await field('Password or token').fill('wrong');
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(page.locator('#f-name-error')).toBeVisible();
      await expect(field('Registry')).toHaveValue(registry.host);
      await expect(field('User name')).toHaveValue(registry.username);
      await field('Name').first().fill(name);
      await field('Password or token').fill('wrong');
      await page.getByLabel('For').selectOption('Everyone');
      await page.getByRole('button', { name: 'Add' }).click();
      await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
      const find = async () => (await site.admin.get<{ name: string; scope: string }[]>('/registry-credentials')).find((one) => one.name === name);
      expect(await find()).toMatchObject({ scope: 'everyone' });

      await page.getByRole('button', { name: 'Test' }).click();
      await expect(refusal(page)).toBeVisible();
      await field('Password or token').fill(registry.password);
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByText('The registry credential was saved.')).toBeVisible();
      await page.getByRole('row', { name }).getByRole('link', { name }).click();
      await expect(field('Password or token')).toHaveValue('');
      await page.getByRole('button', { name: 'Test' }).click();
      await expect(page.getByText('The registry let the login in.')).toBeVisible();
      await expect(refusal(page)).toHaveCount(0);

      await page.getByRole('link', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await expect(page.getByRole('heading', { level: 1, name: 'Registries' })).toBeVisible();
      await expect(page.getByRole('row', { name })).toHaveCount(0);
      expect(await find()).toBeUndefined();
    });

    test('trying a rule, and the filters of the lists', async ({ site, enter, open }) => {
      const rule = await site.admin.post<Rule>('/container-images', { image: '^example\\.com\\/try\\/' });
      const page = await open(await enter('admin'), `${LIST}/${rule.id}`);
      const answer = page.locator('#try-answer');
      for (const [tried, words] of [
        ['example.com/try/x:1', 'Matches'],
        ['example.com.evil.io/try/x:1', 'Does not match'],
      ] as const) {
        await page.getByLabel('An image').fill(tried);
        if (!live) await page.getByRole('button', { name: 'Try the saved rule' }).click();
        await expect(answer).toContainText(words);
        await expect(answer).toContainText(tried);
      }
      await open(page, LIST);
      const find = page.getByRole('searchbox', { name: 'Find a Container Image' });
      await find.fill('nothing like this');
      if (!live) await find.press('Enter');
      await expect(page.getByText('No rule contains "nothing like this".')).toBeVisible();
      await page.getByRole('link', { name: 'Show all' }).click();
      await expect(page.getByRole('row', { name: 'example\\.com' })).toBeVisible();
      await site.admin.delete(`/container-images/${rule.id}`);

      await open(page, '/builds');
      await page.getByLabel('Status').selectOption('Canceled');
      if (!live) await page.getByRole('button', { name: 'Filter' }).click();
      await expect(page).toHaveURL(/status=Canceled/);
      await expect(page.getByLabel('Status')).toHaveValue('Canceled');
      await expect(page.locator('tbody [data-status]:not([data-status="Canceled"])')).toHaveCount(0);
    });
  });
}

interface Rule {
  id: string;
  image: string;
  name: string;
  description: string;
  users: string[];
  groups: string[];
  revision: number;
  match_kind: string;
  has_repo_password: boolean;
  updated_ms: number;
}
