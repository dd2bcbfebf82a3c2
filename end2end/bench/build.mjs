// A build through the console against the same command in the same builder.
import { figure } from './report.mjs';
import { interleave, median, paired } from './stats.mjs';

export async function build(builder) {
  for (const [name, context, count, goal, least] of [
    ['build of at least 5 s', 'slow', 7, 1.02, 5000],
    ['build, all cached', 'cached', 21, 1.15, 0],
  ]) {
    const args = () => (context === 'slow' ? builder.fresh() : {});
    const pairs = await interleave(
      count,
      () => builder.build(context, args()),
      () => builder.bare(context, args()),
    );
    const { value, reference, ...rest } = paired(pairs);
    if (context === 'cached') {
      const more = pairs.map(([ours, bare]) => ours - bare);
      figure({ name: `${name}: what the console adds`, value: median(more), unit: 'ms', goal: { most: 30 } });
    }
    if (reference < least) throw new Error(`${name}: the bare build took only ${reference} ms`);
    figure({ name, value: value / 1000, unit: 's', reference: reference / 1000, ...rest, goal: { ratio: goal } });
  }
}
