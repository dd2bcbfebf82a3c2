// A builder worker with the builds that are measured, through the console and by the same command without it.
import { readFileSync } from 'node:fs';
import { pause } from './console.mjs';
import { docker } from './engine.mjs';
import { environment } from './environment.mjs';

/** Prints numbered lines with the time of day in nanoseconds. */
const STAMPS = `import sys, time
for line in range(1, int(sys.argv[1]) + 1):
    sys.stdout.write(f"t {line} {time.time_ns()}\\n")
    sys.stdout.flush()
    time.sleep(float(sys.argv[2]))
`;

/** Prints many lines as fast as it can; \`manyLine\` below is the same. */
const MANY = `import sys
for line in range(1, int(sys.argv[1]) + 1):
    sys.stdout.write(f"{line:08} compiling module {line * 7919 % 1000} of what is being built here, with words to fill a line\\n")
`;

export const manyLine = (line) =>
  `${String(line).padStart(8, '0')} compiling module ${(line * 7919) % 1000} of what is being built here, with words to fill a line\n`;

/** A line of STAMPS. */
export const STAMP = /^t (\d+) (\d+)$/;

// BUST is in the scope of RUN, so another value runs the step again.
const contexts = (base) => ({
  cached: {
    Dockerfile: `FROM ${base}\nCOPY hello.txt /tmp/hello.txt\nRUN cat /tmp/hello.txt\nRUN echo done\n`,
    'hello.txt': 'Hello!\n',
  },
  // Most of it passes in waiting, the rest in printing, writing and packing a layer.
  slow: {
    Dockerfile: `FROM ${base}\nARG BUST\nRUN for line in $(seq 200); do echo "line $line of $BUST"; sleep 0.025; done; head -c 4000000 /dev/urandom >/tmp/layer\n`,
  },
  stamps: {
    Dockerfile: `FROM ${base}\nARG LINES\nARG PAUSE\nCOPY print.py /tmp/print.py\nARG BUST\nRUN python3 /tmp/print.py $LINES $PAUSE\n`,
    'print.py': STAMPS,
  },
  many: {
    Dockerfile: `FROM ${base}\nARG LINES\nCOPY print.py /tmp/print.py\nARG BUST\nRUN python3 /tmp/print.py $LINES\n`,
    'print.py': MANY,
  },
});

/** Where the bare command finds what the console gives to its own: Dockerfiles, and logins in memory. */
const BARE = '/tmp/bench-bare';
const LOGIN = '/dev/shm/bench-bare';

// Prints the command line of the build that runs, and keeps a copy of its folder and logins.
const CAPTURE = `
set -eu
for spool in /tmp/prt-builds/*; do :; done
read -r pid _ <"$spool/command"
mkdir -p ${BARE} && cp -r "$spool/dockerfile" ${BARE}/captured
outer=/dev/shm/prt-login."\${spool##*/}"
chmod 700 "$outer"
rm -rf ${LOGIN} && cp -r "$outer"/* ${LOGIN}
for context in ${Object.keys(contexts('')).join(' ')}; do
  cp -r ${BARE}/captured ${BARE}/$context && cp /build/$context/Dockerfile ${BARE}/$context/Dockerfile
done
echo "$spool"
tr '\\0' '\\n' <"/proc/$pid/cmdline"
`;

let bust = Date.now();

export class Builder {
  constructor(console) {
    this.console = console;
    this.image = `${environment.registry()}/bench/image`;
    this.login = {
      host: environment.registry(),
      username: environment.registryUser(),
      password: readFileSync(environment.registryPasswordFile(), 'utf8').trim(),
    };
  }

  async start() {
    const worker = await this.console.workerStart({ worker_size: 'Medium-restricted', image_config: { builder: true } });
    this.worker = worker.name;
    this.container = `prt-${worker.instance_id}-builder`;
    this.base = `${environment.registry()}/practicusai/practicus-minimal:${environment.version()}`;
    for (const [context, files] of Object.entries(contexts(this.base))) {
      for (const [name, text] of Object.entries(files)) await this.console.file(this.worker, `${context}/${name}`, text);
    }
    // The first build pulls the base image. The second one prints until its command is known.
    await this.build('cached');
    const { number } = await this.create('stamps', { LINES: '100000', PAUSE: '0.05' });
    let captured;
    await this.console.follow(number, ({ text }) => STAMP.test(text ?? ''));
    try {
      captured = (await docker(['exec', this.container, 'sh', '-c', CAPTURE])).split('\n').slice(0, -1);
    } finally {
      await this.cancel(number);
    }
    const [spool, ...argv] = captured;
    this.spool = spool;
    this.argv = argv;
    if (argv[0] !== 'buildctl') throw new Error(`not a build's command: ${argv.join(' ')}`);
    await this.bare('cached');
  }

  /** Ends a build and waits for it. */
  async cancel(number) {
    await this.console.post(`/builds/${number}/cancel`);
    await this.console.follow(number);
    await this.settle();
  }

  /** After its end a build is tidied up in the builder; the next measurement must not share the machine with that. */
  settle = () => pause(500);

  create(context, args = {}) {
    return this.console.post('/builds', {
      worker: this.worker,
      name: this.image,
      tag: 'bench',
      push_image: false,
      context,
      build_args: args,
      registry_credentials: [this.login],
    });
  }

  /** Builds through the console; milliseconds from the request to the log's last record. */
  async build(context, args, each) {
    const begin = performance.now();
    const { number } = await this.create(context, args);
    await this.console.buildEnd(number, each);
    const took = performance.now() - begin;
    await this.settle();
    this.number = number;
    return took;
  }

  /** The same with nobody who looks on: only the end is waited for. */
  async buildUnseen(context, args) {
    const begin = performance.now();
    const { number } = await this.create(context, args);
    await this.console.ended(number);
    const took = performance.now() - begin;
    await this.settle();
    this.number = number;
    return took;
  }

  /** The command without the console; milliseconds. */
  async bare(context, args = {}, onStderr) {
    const begin = performance.now();
    await docker(['exec', '-e', `DOCKER_CONFIG=${LOGIN}`, this.container, ...this.#command(context, args)], { onStderr });
    const took = performance.now() - begin;
    await this.settle();
    return took;
  }

  /** The same with its progress in a file in the builder. */
  async bareToFile(context, args = {}) {
    const words = ['sh', '-c', `exec "$@" 2>${BARE}/progress`, 'sh', ...this.#command(context, args)];
    const begin = performance.now();
    await docker(['exec', '-e', `DOCKER_CONFIG=${LOGIN}`, this.container, ...words]);
    const took = performance.now() - begin;
    await this.settle();
    return took;
  }

  #command(context, args) {
    const argv = this.argv
      .map((word) => word.replace(`${this.spool}/dockerfile`, `${BARE}/${context}`).replace(this.spool, BARE))
      .map((word) => word.replace(/^context=.*$/, `context=/build/${context}`));
    // The build arguments of the one that was captured make room for these.
    const without = argv.filter((word, at) => !word.startsWith('build-arg:') && !argv[at + 1]?.startsWith('build-arg:'));
    const options = Object.entries(args).sort().flatMap(([name, value]) => ['--opt', `build-arg:${name}=${value}`]);
    without.splice(without.indexOf('--output'), 0, ...options);
    return without;
  }

  /** Waits until nothing of the builds before takes time: the file of a long log is written into the builder after the end. */
  async quiet() {
    const ticks = () => readFileSync(`/proc/${this.console.pid}/stat`, 'utf8').split(') ').pop().split(' ').slice(11, 13).reduce((sum, part) => sum + Number(part), 0);
    const end = Date.now() + 120_000;
    for (let before = ticks(); ; ) {
      await pause(1000);
      const now = ticks();
      // A hundredth of a second of work in a second.
      if (now - before <= 1) return;
      if (Date.now() > end) throw new Error('the console still works after two minutes');
      before = now;
    }
  }

  /** A value that no build has had. */
  fresh = () => ({ BUST: String(bust++) });
}
