// A notebook through the console against the same Jupyter at its container's address.
import { Agent, request } from 'node:http';
import { once } from 'node:events';
import { engine } from './engine.mjs';
import { figure } from './report.mjs';
import { interleave, paired } from './stats.mjs';

const PORT = 8888;
const FILE_MIB = 256;
const DOWNLOADS = 7;
const ROUNDS = 15;
/** Requests, and messages of a kernel, in each half of a pair. */
const BURST = 60;

export async function notebook(console) {
  const worker = await console.workerStart({ worker_size: 'Medium' });
  try {
    const run = (...command) => console.post(`/workers/${worker.name}/exec`, { command });
    await run('sh', '-c', `head -c ${FILE_MIB}M /dev/urandom >"$HOME/big.bin"`);
    const { stdout: token } = await run('cat', '/run/prt/notebook-token');
    const container = await engine('GET', `/containers/prt-${worker.instance_id}-primary/json`);
    const [{ IPAddress }] = Object.values(container.NetworkSettings.Networks);
    const ours = new Side('127.0.0.1', console.port, await enter(console, worker.name));
    const direct = new Side(IPAddress, PORT, { host: `${IPAddress}:${PORT}`, authorization: `token ${token}` });
    const pairs = (count, act) =>
      interleave(
        count,
        () => act(ours),
        () => act(direct),
      );

    const downloads = paired(await pairs(DOWNLOADS, (side) => side.download('/files/big.bin', FILE_MIB << 20)));
    figure({ name: 'notebook: download of 256 MiB', unit: 'ms', ...downloads });
    const requests = paired(await pairs(ROUNDS, (side) => side.each(BURST, '/api/kernelspecs')));
    figure({ name: 'notebook: request', unit: 'ms', ...requests });
    const kernel = await ours.json('POST', '/api/kernels', {});
    const sockets = [await ours.socket(kernel.id), await direct.socket(kernel.id)];
    const [through, bare] = sockets;
    const messages = paired(
      await interleave(
        ROUNDS,
        () => through.each(BURST),
        () => bare.each(BURST),
      ),
    );
    figure({ name: 'notebook: message to a kernel and back', unit: 'ms', ...messages });
    for (const socket of sockets) socket.close();
    ours.close();
    direct.close();
  } finally {
    await console.workerEnd(worker.name);
  }
}

/** Uses a link; what a browser then sends with each request. */
async function enter(console, name) {
  const { url } = await console.post(`/workers/${name}/notebook`, {});
  const { host, pathname, search } = new URL(url);
  const call = request({ host: '127.0.0.1', port: console.port, path: pathname + search, headers: { host } }).end();
  const [answer] = await once(call, 'response');
  answer.resume();
  const [cookie] = answer.headers['set-cookie'] ?? [];
  if (!cookie) throw new Error(`the link into the notebook gives no cookie: ${answer.statusCode}`);
  return { host, cookie: cookie.split(';')[0] };
}

class Side {
  #agent = new Agent({ keepAlive: true });

  constructor(address, port, headers) {
    this.address = address;
    this.port = port;
    this.headers = headers;
  }

  close = () => this.#agent.destroy();

  async #ask(method, path, body, more = {}) {
    const headers = { ...this.headers, ...more };
    const options = { host: this.address, port: this.port, method, path, headers, agent: this.#agent };
    const call = request(options);
    call.end(body);
    const [answer] = await once(call, 'response');
    if (answer.statusCode >= 400) throw new Error(`${method} ${path} at ${this.address}:${this.port}: ${answer.statusCode}`);
    return answer;
  }

  async json(method, path, body) {
    const answer = await this.#ask(method, path, JSON.stringify(body), { 'content-type': 'application/json' });
    const pieces = await answer.toArray();
    return JSON.parse(Buffer.concat(pieces).toString());
  }

  /** Milliseconds for a file of so many bytes. */
  async download(path, size) {
    const begin = performance.now();
    const answer = await this.#ask('GET', path);
    let got = 0;
    for await (const piece of answer) got += piece.length;
    if (got !== size) throw new Error(`${got} of ${size} bytes came`);
    return performance.now() - begin;
  }

  /** Milliseconds for one of so many small requests, one after the other. */
  async each(count, path) {
    const begin = performance.now();
    for (let at = 0; at < count; at++) for await (const _ of await this.#ask('GET', path));
    return (performance.now() - begin) / count;
  }

  socket = async (kernel) => new Kernel(await upgraded(this, kernel));
}

/** A websocket by hand: the machine's own cannot name a host other than the one it connects to, nor send a cookie. */
async function upgraded(side, kernel) {
  const headers = {
    ...side.headers,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const call = request({ host: side.address, port: side.port, path: `/api/kernels/${kernel}/channels`, headers, agent: false });
  const answered = new Promise((resolve, reject) => {
    call.once('upgrade', (_, socket) => resolve(socket));
    call.once('response', (answer) => reject(new Error(`no websocket to the kernel: ${answer.statusCode}`)));
    call.once('error', reject);
  });
  call.end();
  const socket = await answered;
  socket.setNoDelay(true);
  return socket;
}

/** Asks a kernel for what it is, again and again. */
class Kernel {
  #rest = Buffer.alloc(0);
  #waiting = new Map();
  #number = 0;

  constructor(socket) {
    this.socket = socket;
    socket.on('data', (piece) => this.#read(piece));
  }

  close = () => this.socket.destroy();

  async each(count) {
    const begin = performance.now();
    for (let at = 0; at < count; at++) await this.#info();
    return (performance.now() - begin) / count;
  }

  #info() {
    const id = `bench-${this.#number++}-${process.pid}-${this.socket.localPort}`;
    const header = { msg_id: id, msg_type: 'kernel_info_request', username: '', session: id, date: new Date().toISOString(), version: '5.3' };
    const text = JSON.stringify({ header, parent_header: {}, metadata: {}, content: {}, buffers: [], channel: 'shell' });
    const answered = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the kernel does not answer')), 30_000);
      this.#waiting.set(id, () => {
        clearTimeout(late);
        resolve();
      });
    });
    this.socket.write(frame(Buffer.from(text)));
    return answered;
  }

  #read(piece) {
    this.#rest = Buffer.concat([this.#rest, piece]);
    for (;;) {
      const found = unframe(this.#rest);
      if (!found) return;
      this.#rest = this.#rest.subarray(found.end);
      if (found.opcode !== 1) continue;
      const message = JSON.parse(found.payload.toString());
      if (message.channel !== 'shell') continue;
      this.#waiting.get(message.parent_header.msg_id)?.();
      this.#waiting.delete(message.parent_header.msg_id);
    }
  }
}

/** One text frame as a client sends it; the mask is zero. */
function frame(payload) {
  const head = payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

function unframe(bytes) {
  if (bytes.length < 2) return undefined;
  let length = bytes[1] & 0x7f;
  let begin = 2;
  if (length === 126) [length, begin] = [bytes.length < 4 ? Infinity : bytes.readUInt16BE(2), 4];
  else if (length === 127) [length, begin] = [bytes.length < 10 ? Infinity : Number(bytes.readBigUInt64BE(2)), 10];
  const end = begin + length;
  return bytes.length < end ? undefined : { opcode: bytes[0] & 15, payload: bytes.subarray(begin, end), end };
}
