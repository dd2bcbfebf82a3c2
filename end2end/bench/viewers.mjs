// A thousand viewers of one build against one.
import { connect } from 'node:net';
import { figure } from './report.mjs';
import { interleave, paired, quantile, wallClock } from './stats.mjs';

const VIEWERS = 1000;
const LINES = 120;
/** 20 lines a second: with a thousand viewers that is 20,000 events a second, for which the counting shares the machine. */
const PAUSE = '0.05';

export async function viewers(builder) {
  const run = (count) => async () => quantile(await watch(builder, count), 0.99);
  const pairs = await interleave(3, run(VIEWERS), run(1));
  figure({ name: `line to its event, p99, ${VIEWERS} viewers against 1`, unit: 'ms', ...paired(pairs), goal: { ratio: 5 } });
}

/** Milliseconds from line to viewer, for all viewers and lines. */
async function watch(builder, count) {
  const { number } = await builder.create('stamps', { ...builder.fresh(), LINES: '100000', PAUSE });
  const sockets = [];
  try {
    await builder.console.follow(number, ({ text }) => /^t 1 /.test(text ?? ''));
    // All are late for the first line, and get it.
    const states = [];
    // Not all in one moment: that would try the kernel's queue of connections.
    while (states.length < count) {
      const some = Array.from({ length: Math.min(50, count - states.length) }, () => viewer(builder.console, number, sockets));
      states.push(...(await Promise.all(some)));
    }
    const now = wallClock();
    const samples = [];
    // Lines that are printed from now on.
    const begin = now() * 1e6;
    const ends = await Promise.all(
      states.map(
        (state) =>
          new Promise((resolve, reject) => {
            let got = 0;
            state.line = (stamp) => {
              if (stamp < begin || got >= LINES) return;
              samples.push(now() - stamp / 1e6);
              if (++got === LINES) resolve(got);
            };
            state.broken = reject;
            setTimeout(() => reject(new Error(`a viewer got ${got} of ${LINES} lines within a minute`)), 60_000).unref();
          }),
      ),
    );
    if (ends.some((got) => got !== LINES)) throw new Error('lines were lost');
    return samples;
  } finally {
    for (const socket of sockets) socket.destroy();
    await builder.cancel(number);
  }
}

/** A viewer that has got line 1, as cheap for this program as can be: its work must not be what is measured. */
function viewer(console, number, sockets) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: console.port });
    sockets.push(socket);
    const state = { line: () => {}, broken: reject };
    setTimeout(() => reject(new Error('a viewer did not get line 1 within a minute')), 60_000).unref();
    const [[name, value]] = Object.entries(console.headers());
    socket.write(`GET /api/v1/builds/${number}/events HTTP/1.1\r\nhost: localhost\r\n${name}: ${value}\r\n\r\n`);
    let rest = '';
    let next = 1;
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      const text = rest + piece;
      const whole = text.lastIndexOf('\n') + 1;
      rest = text.slice(whole);
      for (const [, line, stamp] of text.slice(0, whole).matchAll(/"text":"t (\d+) (\d+)"/g)) {
        if (Number(line) !== next++) state.broken(new Error(`line ${next - 1} did not come to a viewer; ${line} did`));
        if (line === '1') resolve(state);
        state.line(Number(stamp));
      }
    });
    socket.on('error', (error) => state.broken(error));
    socket.on('close', () => state.broken(new Error(`a viewer was cut off: ${rest.slice(0, 300)}`)));
  });
}
