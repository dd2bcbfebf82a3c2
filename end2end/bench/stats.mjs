// Numbers from samples.

const sorted = (samples) => [...samples].sort((a, b) => a - b);

/** The value below which `part` (0 to 1) of the samples lie. */
export function quantile(samples, part) {
  if (samples.length === 0) throw new Error('nothing was measured');
  const all = sorted(samples);
  return all[Math.min(all.length - 1, Math.floor(all.length * part))];
}

export function median(samples) {
  const all = sorted(samples);
  if (all.length === 0) throw new Error('nothing was measured');
  const middle = all.length >> 1;
  return all.length % 2 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
}

/**
 * Medians of both sides, and of the pairs' ratios with their least and greatest: a machine that is slow for a while is so for both
 * halves of a pair.
 */
export function paired(pairs) {
  const ratios = pairs.map(([ours, reference]) => ours / reference);
  return {
    value: median(pairs.map(([ours]) => ours)),
    reference: median(pairs.map(([, reference]) => reference)),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    pairs: pairs.length,
  };
}

/** Runs both sides `count` times; which one goes first changes from pair to pair. */
export async function interleave(count, ours, reference) {
  const pairs = [];
  for (let pair = 0; pair < count; pair++) {
    const pairOf = [];
    for (const side of pair % 2 ? [1, 0] : [0, 1]) pairOf[side] = await [ours, reference][side](pair);
    pairs.push(pairOf);
  }
  return pairs;
}

/**
 * The time of day in milliseconds, finer than Date.now(). Made anew for each run: the two clocks drift apart by more than what is
 * measured within minutes. The browser gets its text, so it uses nothing from here.
 */
export function wallClock() {
  const tick = Date.now();
  let now = tick;
  while (now === tick) now = Date.now();
  const offset = now - performance.now();
  return () => offset + performance.now();
}
