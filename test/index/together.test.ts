import { join } from 'node:path';
import { FlatIndex } from 'embedlane';
import { expect, it } from 'vitest';
import { Random } from '../native/random.js';
import { contentsOf, randomMatrix, temporaryFolder } from './support.js';

const folder = await temporaryFolder();
const DIMS = 16;

// Every call is given its answer by an index of its own that holds what the first one held at that moment.
it.each([undefined, 'int8'] as const)(
  'searching, adding, removing, compacting and saving one index at once answers each as of its call (%s)',
  async (accelerate) => {
    const random = new Random(17);
    const query = randomMatrix(3, DIMS, 1);
    const make = () => new FlatIndex({ dims: DIMS, accelerate });
    const first = make();
    first.add(randomMatrix(3_000, DIMS, 2));
    await first.save(join(folder, `live-${accelerate}`));
    await first.close();
    const index = await FlatIndex.open(join(folder, `live-${accelerate}`));
    const checks: Promise<void>[] = [];
    for (let step = 0; step < 40; step++) {
      switch (random.below(5)) {
        case 0:
          index.add(randomMatrix(200, DIMS, 10 + step));
          break;
        case 1:
          index.remove([...index.ids()].filter(() => random.below(20) === 0));
          break;
        case 2:
          checks.push(random.below(2) === 0 ? index.compact() : index.flush());
          break;
        case 3: {
          const path = join(folder, `saved-${accelerate}-${step}`);
          const wanted = contentsOf(index);
          const saved = index.save(path);
          checks.push(
            saved.then(async () => {
              const again = await FlatIndex.open(path, { verify: 'full', readOnly: true });
              expect(contentsOf(again)).toEqual(wanted);
              await again.close();
            }),
          );
          break;
        }
      }
      const reference = make();
      const rows = contentsOf(index);
      reference.add(
        { data: Float32Array.from(rows.flatMap(([, vector]) => vector)), rows: rows.length, dims: DIMS },
        rows.map(([id]) => id as number),
      );
      const { ids, scores } = reference.searchSync(query, { k: 7 });
      await reference.close();
      const found = index.search(query, { k: 7 });
      checks.push(found.then((answer) => expect([answer.ids, answer.scores]).toEqual([ids, scores])));
      if (random.below(4) === 0) await new Promise(setImmediate);
    }
    await Promise.all(checks);
    const left = contentsOf(index);
    await index.close();
    const again = await FlatIndex.open(join(folder, `live-${accelerate}`), { verify: 'full' });
    expect(contentsOf(again)).toEqual(left);
    await again.close();
  },
  30_000,
);
