// The log as a reader sees it: only the lines in sight are in the page.
import { expect, type Locator, type Page } from '@playwright/test';

export const logFrame = (page: Page): Locator => page.getByRole('log', { name: 'Build log' });

export interface Row {
  seq: number;
  line: number | null;
  text: string;
}

/** Scrolls through the whole log and gives every row that was seen, in order. A row that stands in the page twice is an error. */
export async function readLog(page: Page): Promise<Row[]> {
  const earlier = page.locator('.log-earlier');
  while (await earlier.count()) {
    const before = await earlier.textContent();
    await earlier.click();
    await expect(earlier.filter({ hasText: before ?? '' })).toHaveCount(0);
  }
  return logFrame(page).evaluate(async (frame) => {
    const frames = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const seen = new Map<string, Row>();
    const look = () => {
      const here = new Set<string>();
      for (const row of frame.querySelectorAll<HTMLElement>('.log-row[data-seq]')) {
        const key = `${row.dataset.seq} ${row.className.replace(' log-at', '')}`;
        if (here.has(key)) throw new Error(`the row ${key} is in the page twice`);
        here.add(key);
        const line = row.dataset.line ? Number(row.dataset.line) : null;
        seen.set(key, { seq: Number(row.dataset.seq), line, text: row.querySelector('.log-text')?.textContent ?? '' });
      }
    };
    frame.scrollTop = 0;
    for (;;) {
      await frames();
      look();
      const at = frame.scrollTop;
      frame.scrollTop = at + frame.clientHeight;
      if (frame.scrollTop === at) break;
    }
    return [...seen.values()].sort((a, b) => a.seq - b.seq);
  });
}

/** Every line once, none missing, in the order of their numbers. */
export function expectWhole(rows: Row[], lines: number): void {
  const numbers = rows.flatMap((row) => row.line ?? []);
  expect(numbers).toEqual(Array.from({ length: lines }, (_, at) => at + 1));
}
