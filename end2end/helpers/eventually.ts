/** Waits until `look` gives something; it is asked again after each short pause. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined | null | false>, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
    await tick();
  }
}

const tick = () => new Promise((resolve) => setTimeout(resolve, 50));
