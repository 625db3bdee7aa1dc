import { coldStart } from '../lib/cold-start.mjs';
import { median } from '../lib/stats.mjs';
import { DTYPE, ROUNDS } from './settings.mjs';

/** From `load` to the first vector, in fresh processes. */
export const measure = () => coldStart(ROUNDS * 4, DTYPE);

export function goals({ total }) {
  return [
    {
      label: "cold start to the first vector, beyond Node's own start",
      measured: median(total),
      unit: ' ms',
      goal: '≤ 400 ms',
    },
  ];
}
