// The REST API, for what a test needs before it begins and for what it checks behind the page's back.
import { eventually } from './eventually';

export interface Worker {
  name: string;
  status: string;
  ready: boolean;
  message: string;
  image: string;
  image_digest?: string;
  builder: boolean;
  stop_reason?: string;
}

export interface Build {
  number: number;
  status: 'Pending' | 'Running' | 'Canceling' | 'Succeeded' | 'Failed' | 'Canceled';
  message: string;
  reference: string;
  digest?: string;
  push_image: boolean;
  no_cache: boolean;
  rerun_of?: number;
  build_args: Record<string, string>;
  lines: number;
}

export interface BuildRequest {
  worker: string;
  name: string;
  tag: string;
  push_image?: boolean;
  no_cache?: boolean;
  build_args?: Record<string, string>;
  registry_credentials?: { host: string; username: string; password: string }[];
}

export interface BuildRecord {
  seq: number;
  type: string;
  line?: number;
  text?: string;
}

export interface ContainerImage {
  id: string;
  image: string;
  name: string;
  users: string[];
  groups: string[];
  revision: number;
  has_repo_password: boolean;
}

export class Client {
  private constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  static async login(url: string, username: string, password: string): Promise<Client> {
    const { value } = await new Client(url, '').post<{ value: string }>('/login', { username, password });
    return new Client(url, value);
  }

  get = <T>(path: string) => this.call<T>('GET', path);
  post = <T>(path: string, body: unknown = {}) => this.call<T>('POST', path, JSON.stringify(body), 'application/json');
  put = <T>(path: string, body: unknown) => this.call<T>('PUT', path, JSON.stringify(body), 'application/json');
  delete = (path: string) => this.call<void>('DELETE', path);

  private async call<T>(method: string, path: string, body?: string, type?: string): Promise<T> {
    const answer = await this.send(method, path, body, type);
    const text = await answer.text();
    return (text && answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text) as T;
  }

  private async send(method: string, path: string, body?: string, type?: string): Promise<Response> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      body,
      headers: { ...(this.token && { authorization: `Bearer ${this.token}` }), ...(type && { 'content-type': type }) },
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  workers = (all = false) => this.get<Worker[]>(`/workers${all ? '?all=true' : ''}`);
  worker = (name: string) => this.get<Worker>(`/workers/${name}`);

  /** Starts a worker and waits until it answers. */
  async workerStart(config: Record<string, unknown>): Promise<Worker> {
    const { name } = await this.post<Worker>('/workers', { worker_image: 'practicus-minimal', ...config });
    const worker = await this.get<Worker>(`/workers/${name}/wait?timeout_s=120`);
    if (!worker.ready) throw new Error(`${name} is not ready: ${worker.status}, ${worker.message}`);
    return worker;
  }

  /** Writes a file into a worker's build folder. */
  async file(worker: string, path: string, content: string): Promise<void> {
    await this.send('PUT', `/workers/${worker}/files?path=${encodeURIComponent(path)}`, content, 'application/octet-stream');
  }

  /** What a worker's container prints on a command. */
  async exec(worker: string, ...command: string[]): Promise<string> {
    return (await this.post<{ stdout: string }>(`/workers/${worker}/exec`, { command })).stdout;
  }

  builds = () => this.get<Build[]>('/builds');
  build = (number: number) => this.get<Build>(`/builds/${number}`);
  records = (number: number) => this.get<BuildRecord[]>(`/builds/${number}/records`);

  /** Starts a build of this Dockerfile. */
  async buildStart(request: BuildRequest, dockerfile: string): Promise<Build> {
    await this.file(request.worker, 'Dockerfile', dockerfile);
    return this.post<Build>('/builds', request);
  }

  /** Waits for the end of a build. */
  buildEnd(number: number, seconds = 60): Promise<Build> {
    return eventually(
      `build #${number} ends`,
      async () => {
        const build = await this.build(number);
        return ['Succeeded', 'Failed', 'Canceled'].includes(build.status) && build;
      },
      seconds,
    );
  }
}
