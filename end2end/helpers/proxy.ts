// A network that can be cut: it stands between browser and console and breaks every connection. `context.setOffline` leaves open
// event streams alone.
import { createServer, connect, type Server, type Socket } from 'node:net';

export class Proxy {
  private readonly sockets = new Set<Socket>();
  private whole = true;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async before(port: number): Promise<Proxy> {
    let proxy: Proxy | undefined;
    const server = createServer((near) => proxy?.carry(near, port));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (!address || typeof address === 'string') throw new Error('the proxy has no port');
    proxy = new Proxy(server, `http://localhost:${address.port}`);
    return proxy;
  }

  private carry(near: Socket, port: number): void {
    near.on('error', () => near.destroy());
    if (!this.whole) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  }

  /** Breaks all connections, and each new one, for so many seconds. */
  async cut(seconds: number): Promise<void> {
    this.whole = false;
    for (const socket of this.sockets) socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    this.whole = true;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
