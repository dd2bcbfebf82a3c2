// Loading a page on a machine whose networks come and go.
import type { Page, Request } from '@playwright/test';

/** With a worker the machine gets a network, or loses it. What Chromium is connecting just then fails with this. */
export const NETWORK_CHANGED = 'net::ERR_NETWORK_CHANGED';

/** What Playwright says of a page that was cut off so, and of one that is loaded while the former try or Chromium's own page still is. */
const CUT =
  /net::ERR_NETWORK_CHANGED|chrome-error:|Not attached to an active page|Navigation to "([^"]+)" is interrupted by another navigation to "\1"/;

/** Loads a page; where a part of it was cut off, again, as a reader would. `go` ends when the page can be used. */
export async function load(page: Page, go: () => Promise<unknown>): Promise<void> {
  // Chromium itself also tries again what was cut off: what it is loading comes to its end first, or would end the next try.
  for (let left = 9; !(await whole(page, go, left === 0)); left--) {
    await page.waitForLoadState('load', { timeout: 10_000 }).catch(() => undefined);
  }
}

/** Whether the page came whole; on the last try it has to. */
async function whole(page: Page, go: () => Promise<unknown>, last: boolean): Promise<boolean> {
  let cut: (() => void) | undefined;
  const lost = new Promise<boolean>((resolve) => (cut = () => resolve(false)));
  const look = (request: Request) => {
    // A stream of events begins anew by itself.
    if (request.failure()?.errorText === NETWORK_CHANGED && request.resourceType() !== 'eventsource' && !last) cut?.();
  };
  page.on('requestfailed', look);
  try {
    const came = go().then(
      () => true,
      (error: unknown) => {
        if (last || !CUT.test(String(error))) throw error;
        return false;
      },
    );
    // Of a page that was given up nobody waits for the end.
    came.catch(() => undefined);
    return await Promise.race([came, lost]);
  } finally {
    page.off('requestfailed', look);
  }
}
