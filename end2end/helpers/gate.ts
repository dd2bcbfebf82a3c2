// A build step that prints until the test has seen enough: how fast a machine is must not decide what a test sees.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { environment } from './environment';

export class Gate {
  private readonly waiting: ServerResponse[] = [];

  private constructor(
    private readonly server: Server,
    private readonly url: string,
  ) {}

  static async open(): Promise<Gate> {
    const address = environment.bridge();
    let gate: Gate | undefined;
    const server = createServer((_, answer) => gate?.waiting.push(answer));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve));
    const at = server.address();
    if (!at || typeof at === 'string') throw new Error('the gate has no port');
    gate = new Gate(server, `http://${address}:${at.port}/`);
    return gate;
  }

  /** A Dockerfile whose last step prints `counting 1`, `counting 2` … until `release`. */
  dockerfile(more = ''): string {
    return `FROM ${environment.baseImage()}
${more}RUN python3 -u <<EOF
import threading, time, urllib.request
wait = threading.Thread(target=lambda: urllib.request.urlopen("${this.url}").read())
wait.start()
number = 0
while wait.is_alive():
    number += 1
    print("counting", number)
    time.sleep(0.04)
EOF
`;
  }

  /** Lets the step come to its end. */
  release(): void {
    for (const answer of this.waiting.splice(0)) answer.end('done');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Whether these are all of the step's lines, each once, in order. */
export function counted(texts: string[]): { found: string[]; wanted: string[] } {
  const found = texts.filter((text) => /^counting \d+$/.test(text));
  return { found, wanted: found.map((_, at) => `counting ${at + 1}`) };
}
