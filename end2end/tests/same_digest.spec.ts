// The same inputs by the form, by prtcli and in a notebook, each in a builder that has built nothing before: one image.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../helpers/environment';
import { enterNotebook, newNotebook, output, run } from '../helpers/notebook';
import { buildNumber, fillBuild, reaches } from '../helpers/pages';
import { expect, type Site, test } from '../helpers/test';

// What makes it reproducible: SOURCE_DATE_EPOCH is the time of the image and of its files, and nothing in it asks for time or chance.
const EPOCH = '1767225600';
const HELLO = 'Hello from the custom container image!';
const dockerfile = () => `FROM ${environment.baseImage()}\nARG WHO\nCOPY hello.txt /home/ubuntu/hello.txt\nRUN echo "$WHO" >/home/ubuntu/who.txt\n`;

const builder = async (site: Site) =>
  (await site.alice.workerStart({ worker_size: 'Medium-restricted', image_config: { builder: true } })).name;

test('form, prtcli and notebook make the same image of the same inputs', async ({ site, enter, open, problems }) => {
  test.setTimeout(300_000);
  problems.allow(/workers\.localhost/);
  const registry = environment.registry();
  const name = site.console.repository('same');
  const page = await enter('alice');

  const byForm = await test.step('form', async () => {
    const worker = await builder(site);
    await open(page, `/builds/new?worker=${worker}`);
    await fillBuild(page, { dockerfile: dockerfile(), files: [{ name: 'hello.txt', text: HELLO }], name, tag: 'form', login: registry });
    await page.getByText('More', { exact: true }).click();
    await page.getByLabel('Build args').fill(`SOURCE_DATE_EPOCH=${EPOCH}\nWHO=tests`);
    await page.getByRole('button', { name: 'Build', exact: true }).click();
    const number = await buildNumber(page);
    await reaches(page, true, /Succeeded|Failed/, 90);
    return site.alice.build(number);
  });

  const byPrtcli = await test.step('prtcli', async () => {
    const worker = await builder(site);
    const folder = mkdtempSync(join(tmpdir(), 'prt-same-'));
    try {
      writeFileSync(join(folder, 'Dockerfile'), dockerfile());
      writeFileSync(join(folder, 'hello.txt'), HELLO);
      const env = { PATH: process.env.PATH, HOME: folder, PRT_URL: site.console.url, PRT_TOKEN: site.alice.token, PRT_REGISTRY_PASSWORD: registry.password };
      const login = `${registry.host},${registry.username}`;
      const build = ['build', '.', '--worker', worker, '-t', `${name}:prtcli`, '--push', '--quiet', '--registry-credential', login];
      const args = ['--build-arg', `SOURCE_DATE_EPOCH=${EPOCH}`, '--build-arg', 'WHO=tests'];
      const { stdout } = await promisify(execFile)(environment.prtcli(), [...build, ...args], { env, cwd: folder });
      return stdout.trim();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const byNotebook = await test.step('notebook', async () => {
    const worker = await builder(site);
    const tab = await enterNotebook(await open(page, `/workers/${worker}`));
    await newNotebook(tab);
    await run(
      tab,
      [
        `open("/home/ubuntu/build/hello.txt", "wt").write(${JSON.stringify(HELLO)})`,
        `open("/home/ubuntu/build/Dockerfile", "wt").write(${JSON.stringify(dockerfile())})`,
        'import practicuscore as prt',
        `login = (${[registry.host, registry.username, registry.password].map((word) => JSON.stringify(word)).join(', ')})`,
        `args = {"SOURCE_DATE_EPOCH": "${EPOCH}", "WHO": "tests"}`,
        `built = prt.containers.build_image(name=${JSON.stringify(name)}, tag="notebook", registry_credentials=[login], build_args=args)`,
        'print("built:", built)',
      ].join('\n'),
    );
    await expect(output(tab, /built: (True|False)/)).toBeVisible({ timeout: 120_000 });
    const [build] = await site.alice.get<{ number: number }[]>(`/builds?worker=${worker}`);
    return site.alice.build(build?.number ?? 0);
  });

  for (const build of [byForm, byNotebook]) expect(build, build.message).toMatchObject({ status: 'Succeeded', push_image: true });
  expect(byForm.digest).toMatch(/^sha256:/);
  expect({ byPrtcli, byNotebook: byNotebook.digest }).toEqual({ byPrtcli: byForm.digest, byNotebook: byForm.digest });
});
