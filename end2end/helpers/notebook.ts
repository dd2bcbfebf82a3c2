// A worker's JupyterLab, used as a person does.
import { expect, type Locator, type Page } from '@playwright/test';

/** Enters a notebook as the context's user does: by the button on the worker's page, in a tab of its own. */
export async function enterNotebook(page: Page): Promise<Page> {
  const opened = page.waitForEvent('popup');
  await page.getByRole('button', { name: 'Open notebook' }).click();
  const tab = await opened;
  await tab.waitForURL(/\/lab/);
  return tab;
}

/** A new notebook with an empty cell. */
export async function newNotebook(tab: Page): Promise<void> {
  await tab.locator('.jp-LauncherCard[data-category="Notebook"]').first().click();
  await expect(tab.locator('.jp-Notebook .jp-Cell')).toBeVisible({ timeout: 45_000 });
}

/** Writes into the cell that has the focus, runs it, and adds an empty one. */
export async function run(tab: Page, code: string): Promise<void> {
  const cell = tab.locator('.jp-Notebook .jp-Cell.jp-mod-active');
  await cell.locator('.cm-content').click();
  await tab.keyboard.insertText(code);
  // JupyterLab drops what is run before it has connected to the kernel, also when no console is between them.
  await expect(async () => {
    await tab.keyboard.press('Control+Enter');
    await expect(cell.locator('.jp-InputPrompt')).not.toHaveText(/^\[ \]:?$/, { timeout: 2000 });
  }).toPass({ timeout: 60_000 });
  await tab.keyboard.press('Escape');
  await tab.keyboard.press('b');
}

export const output = (tab: Page, text: string | RegExp): Locator => tab.locator('.jp-OutputArea-output', { hasText: text });
