// Loading a page on a machine whose networks come and go.
import type { Page, Request } from '@playwright/test';

/** With a worker the machine gets a network, or loses it. What Chromium is connecting just then fails with this. */
export const NETWORK_CHANGED = 'net::ERR_NETWORK_CHANGED';

/** Loads a page; where a part of it was cut off so, once more, as a reader would. `go` ends when the page can be used. */
export async function load(page: Page, go: () => Promise<unknown>): Promise<void> {
  let cut = false;
  let tell: (() => void) | undefined;
  const look = (request: Request) => {
    // A stream of events begins anew by itself.
    if (request.failure()?.errorText !== NETWORK_CHANGED || request.resourceType() === 'eventsource') return;
    cut = true;
    tell?.();
  };
  const lost = new Promise<void>((resolve) => (tell = resolve));
  page.on('requestfailed', look);
  try {
    const first = go().catch((error: unknown) => {
      cut ||= String(error).includes(NETWORK_CHANGED);
      if (!cut) throw error;
    });
    await Promise.race([first, lost]);
  } finally {
    page.off('requestfailed', look);
  }
  if (cut) await go();
}
