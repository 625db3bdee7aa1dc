/**
 * Pictures to vectors: the resize kernel against Pillow's, decoding and preprocessing against transformers and
 * transformers.js, and the whole way with the same model, one process each, rounds interleaved.
 *
 *   node bench/images.mjs [--rounds 5] [--pictures 48] [--threads 2] [--quick] [--no-peers]
 */
import { availableParallelism } from 'node:os';
import { loadBinding } from '../dist/native/load.js';
import { asFloats } from './lib/arrays.mjs';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine, packageVersion } from './lib/machine.mjs';
import { peer, pythonPeer, reportMissing } from './lib/peers.mjs';
import { modelId, modelsFolder, pictures } from './lib/pictures.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save, targetTable } from './lib/report.mjs';
import { median, medianRatio } from './lib/stats.mjs';
import { heading, megabytes, number, table, times } from './lib/table.mjs';

const chosen = options({ pictures: { type: 'string' }, threads: { type: 'string' } });
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 5));
const COUNT = Number(chosen.pictures ?? (chosen.quick ? 6 : 48));
const THREADS = Number(chosen.threads ?? availableParallelism());
const WARM = 8;
/** Pictures of the folder. */
const FOLDER = 1000;

/** Least cosine of two results at which they count as the same work: transformers.js resizes otherwise than Pillow. */
const AGREE = 0.9;

const OURS = 'embedlane';
const PILLOW = 'transformers, Pillow processor';
const TJS = 'transformers.js, batch 8';
const TJS_ONE = 'transformers.js, one by one';

const python = chosen.peers ? pythonPeer('Pillow', 'PIL') : undefined;
const javascript = chosen.peers && peer('@huggingface/transformers');

const pillow = {
  name: PILLOW,
  file: 'peers/images_pillow.py',
  options: { config: `${modelsFolder}${modelId}/preprocessor_config.json` },
  python,
};
const transformers = (name, extra) => ({ name, file: 'peers/images-transformers.mjs', options: extra });

const SUITES = {
  preprocessing: [
    { name: OURS, file: 'contenders/preprocess-embedlane.mjs', options: {} },
    ...(python ? [pillow] : []),
    ...(javascript ? [transformers(TJS, { batchSize: 8 }), transformers(TJS_ONE, { batchSize: 1 })] : []),
  ],
  'end to end': [
    { name: OURS, file: 'contenders/images-embedlane.mjs', options: {} },
    ...(javascript
      ? [
          transformers(TJS, { batchSize: 8, model: true }),
          transformers(TJS_ONE, { batchSize: 1, model: true }),
        ]
      : []),
  ],
};

function leastCosine(a, b, rows) {
  if (a.length !== b.length) return Number.NaN;
  const dims = a.length / rows;
  let least = 1;
  for (let row = 0; row < rows; row++) {
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = row * dims; i < (row + 1) * dims; i++) {
      dot += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    least = Math.min(least, dot / Math.sqrt(aa * bb));
  }
  return least;
}

async function measure(suite, list, paths) {
  const few = paths.slice(0, WARM);
  try {
    let reference;
    for (const contender of list) {
      progress(`${suite}: loading ${contender.name}`);
      contender.process = new Contender(contender.name, contender.file, { python: contender.python });
      await contender.process.call('init', { threads: THREADS, ...contender.options });
      contender.rounds = [];
      const vectors = asFloats(await contender.process.call('vectors', { paths: few }));
      reference ??= vectors;
      contender.cosine = leastCosine(vectors, reference, few.length);
      if (!(contender.cosine >= AGREE)) {
        throw new Error(
          `${contender.name} computes something else: cosine ${contender.cosine}, so no speed of it counts`,
        );
      }
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of list) {
        progress(`${suite}: round ${round + 1} of ${ROUNDS}, ${contender.name}`);
        await contender.process.call('warm', { paths: few });
        contender.rounds.push(await contender.process.measure('round', { paths }));
      }
    }
  } finally {
    await Promise.all(list.map((contender) => contender.process?.stop()));
    progressDone();
  }
  show(suite, list, paths);
  return list.map(({ process, file, python: _, options: __, ...rest }) => rest);
}

const seconds = (contender) => contender.rounds.map((round) => round.seconds);

function show(suite, list, paths) {
  heading(`${suite}: ${paths.length} JPEG files of 1 to 4 megapixels, ${THREADS} threads`);
  const [ours] = list;
  console.log(
    table(
      ['contender', 'pictures/s', 'ours is', 'CPU s', 'loop p99 ms', 'max', 'peak RSS', 'cosine'],
      list.map((contender) => [
        contender.name,
        number(paths.length / median(seconds(contender))),
        times(medianRatio(seconds(contender), seconds(ours))),
        number(median(contender.rounds.map((round) => round.cpu))),
        ...['p99', 'max'].map((field) =>
          number(median(contender.rounds.map((round) => round.loop?.[field] ?? Number.NaN))),
        ),
        megabytes(Math.max(...contender.rounds.map((round) => round.peak ?? 0))),
        contender.cosine.toFixed(6),
      ]),
    ),
  );
}

/** A folder in one call: what grows with the number of pictures would show. */
async function folder(paths) {
  const contender = new Contender(OURS, 'contenders/images-embedlane.mjs');
  try {
    await contender.call('init', { threads: THREADS });
    const many = Array.from({ length: FOLDER }, (_, i) => paths[i % paths.length]);
    await contender.call('warm', { paths: many.slice(0, 100) });
    progress(`a folder: 100 of ${FOLDER} pictures`);
    const few = await contender.measure('round', { paths: many.slice(0, 100) });
    progress(`a folder: ${FOLDER} pictures`);
    const all = await contender.measure('round', { paths: many });
    progressDone();
    heading(`a folder of ${FOLDER} pictures in one call`);
    console.log(
      table(
        ['pictures', 'pictures/s', 'loop p99 ms', 'max', 'peak RSS'],
        [
          [100, few],
          [FOLDER, all],
        ].map(([count, { seconds, loop, peak }]) => [
          String(count),
          number(count / seconds),
          number(loop.p99),
          number(loop.max),
          megabytes(peak),
        ]),
      ),
    );
    return { few, all };
  } finally {
    await contender.stop();
  }
}

/** The kernel alone: a whole picture resized, no crop, one thread on both sides. */
async function kernel() {
  const binding = loadBinding();
  const other = python && new Contender(PILLOW, pillow.file, { python });
  const repeats = chosen.quick ? 3 : 15;
  const rows = [];
  try {
    await other?.call('init', pillow.options);
    for (const [width, height, filter, number] of [
      [1280, 960, 'bicubic', 3],
      [2000, 1500, 'bicubic', 3],
      [2000, 1500, 'bilinear', 2],
      [2000, 1500, 'lanczos', 1],
      [400, 300, 'bicubic', 3],
    ]) {
      const [toWidth, toHeight] = [Math.trunc((256 * width) / height), 256];
      const pixels = Uint8Array.from(
        { length: 3 * width * height },
        (_, i) => Math.imul(i, 2654435761) >>> 24,
      );
      const axis = (image, resized) => ({
        image,
        canvas: image,
        offset: 0,
        resized,
        windowStart: 0,
        window: resized,
      });
      const geometry = { x: axis(width, toWidth), y: axis(height, toHeight), filter, heightFirst: true };
      const out = new Uint8Array(3 * toWidth * toHeight);
      const runs = Array.from({ length: repeats }, () => {
        const started = performance.now();
        binding.resizeImage(pixels, geometry, out);
        return (performance.now() - started) / 1000;
      });
      const theirs = await other?.call('resize', {
        width,
        height,
        toWidth,
        toHeight,
        filter: number,
        repeats,
      });
      rows.push({ width, height, filter, toWidth, toHeight, ours: median(runs), theirs: theirs?.seconds });
    }
  } finally {
    await other?.stop();
  }
  heading(`resize kernel, one thread, ${binding.simdLevel()}`);
  console.log(
    table(
      ['from', 'to', 'filter', 'ours ms', 'Pillow ms', 'ours is'],
      rows.map(({ width, height, toWidth, toHeight, filter, ours, theirs }) => [
        `${width} × ${height}`,
        `${toWidth} × ${toHeight}`,
        filter,
        number(1000 * ours),
        number(1000 * theirs),
        times(theirs / ours),
      ]),
    ),
  );
  return rows;
}

function goals(kernels, results, { few, all }) {
  const find = (suite, name) => results[suite].find((contender) => contender.name === name);
  const ratio = (suite, name) => {
    const theirs = find(suite, name);
    return theirs && medianRatio(seconds(theirs), seconds(find(suite, OURS)));
  };
  const delay = median(find('end to end', OURS).rounds.map((round) => round.loop.p99));
  const least = Math.min(...kernels.map(({ ours, theirs }) => theirs / ours));
  return [
    { label: 'resize kernel against Pillow, the worst case', measured: least || undefined, goal: '≥ 2×' },
    {
      label: 'preprocessing against transformers (Pillow)',
      measured: ratio('preprocessing', PILLOW),
      goal: '≥ 3×',
    },
    { label: 'preprocessing against transformers.js', measured: ratio('preprocessing', TJS), goal: '≥ 2×' },
    {
      label: 'end to end against transformers.js, batch 8',
      measured: ratio('end to end', TJS),
      goal: '≥ 1.5×',
    },
    {
      label: 'end to end against transformers.js, one by one',
      measured: ratio('end to end', TJS_ONE),
      goal: '≥ 1.5×',
    },
    { label: 'event-loop delay p99 while embedding', measured: delay, goal: '≤ 5 ms', unit: ' ms' },
    {
      label: `event-loop delay p99, ${FOLDER} pictures in a call`,
      measured: all.loop.p99,
      goal: '≤ 5 ms',
      unit: ' ms',
    },
    {
      label: `memory for ${FOLDER} pictures beyond that for 100`,
      measured: (all.peak - few.peak) / 1e6,
      goal: 'bounded',
      unit: ' MB',
    },
  ];
}

const about = machine();
console.log(describeMachine(about));
progress('making pictures');
const paths = await pictures(COUNT);
progressDone();
const kernels = await kernel();
const results = {};
for (const [suite, list] of Object.entries(SUITES)) results[suite] = await measure(suite, list, paths);
const many = chosen.quick ? undefined : await folder(paths);
const versions = {
  embedlane: about.embedlane,
  sharp: packageVersion('sharp'),
  'onnxruntime-node': packageVersion('onnxruntime-node'),
  ...(javascript && { '@huggingface/transformers': javascript }),
};
console.log(
  `\nVersions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}`,
);
const foreign = reportNoise(
  Object.values(results)
    .flat()
    .flatMap((contender) => contender.rounds),
);
const targets = chosen.quick ? [] : goals(kernels, results, many);
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
reportMissing();
save('images', {
  pictures: COUNT,
  threads: THREADS,
  versions,
  foreign,
  targets,
  kernels,
  results,
  folder: many,
});
