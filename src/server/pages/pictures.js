import { embed, Refusal } from './api.js';
import { byId, element, offer, say, svg } from './dom.js';
import { cosine, nearestPairs, principalPlane } from './math.js';

const MOST_PAIRS = 8;
const MOST_PICTURES = 64;
/** Files that are named when many could not be read. */
const MOST_FAULTS = 5;
/** Statuses by which the server refuses what it was sent. */
const OF_THE_PICTURE = [400, 413, 415, 422];
/** Requests at a time. */
const PARALLEL = 4;
const PICTURE = { width: 12, height: 9 };
const MAP = { width: 100, height: 75 };

/** @type {{ name: string, url: string, file: File, vector?: Float32Array }[]} */
let pictures = [];
/** Counts what makes work in progress useless: another model, no pictures. */
let turn = 0;
/** The run in progress. */
let run;
let models = [];

export function startPictures() {
  const files = byId('files');
  files.addEventListener('change', () => {
    add(Array.from(files.files));
    files.value = '';
  });
  const drop = byId('drop');
  for (const name of ['dragenter', 'dragover']) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  for (const name of ['dragleave', 'drop']) drop.addEventListener(name, () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    const dropped = Array.from(event.dataTransfer.files);
    const others = dropped.filter(({ type }) => !type.startsWith('image/'));
    add(
      dropped.filter((file) => !others.includes(file)),
      others.map(({ name }) => `${name}: not a picture`),
    );
  });
  byId('pictures-clear').addEventListener('click', clear);
  byId('pictures-again').addEventListener('click', () => compute());
  byId('pictures-model').addEventListener('change', recompute);
  byId('find').addEventListener('submit', (event) => {
    event.preventDefault();
    find();
  });
}

export function offerPictureModels(list) {
  models = list;
  offer('pictures-model', list);
  byId('pictures-work').hidden = list.length === 0;
  byId('pictures-none').hidden = list.length > 0;
  byId('pictures-none').textContent =
    'No model of this server knows pictures. Start it with one: embedlane serve --model all-MiniLM-L6-v2 --model efficientnet-lite0';
}

/** @param {string[]} failed what to say of files that were not taken */
function add(files, failed = []) {
  const taken = files.slice(0, MOST_PICTURES - pictures.length);
  if (taken.length < files.length)
    failed.push(
      `${files.length - taken.length} of ${files.length} pictures left out: ${MOST_PICTURES} are the most`,
    );
  pictures.push(...taken.map((file) => ({ name: file.name, file, url: URL.createObjectURL(file) })));
  compute(failed);
}

function recompute() {
  turn++;
  for (const picture of pictures) picture.vector = undefined;
  byId('found').hidden = true;
  compute();
}

function clear() {
  turn++;
  pictures.forEach(remove);
  byId('found').hidden = true;
  byId('pictures-again').hidden = true;
  show();
  say('pictures-status', '');
}

function remove(picture) {
  URL.revokeObjectURL(picture.url);
  pictures = pictures.filter((other) => other !== picture);
}

/** Embeds what has no vector yet, a request per picture: together they could be larger than a request may be. */
async function compute(failed = []) {
  // What is added during a run joins it.
  if (run?.turn === turn) return run.failed.push(...failed);
  const mine = { turn, failed, begun: new Set(), stopped: undefined };
  run = mine;
  byId('pictures-again').hidden = true;
  const model = byId('pictures-model').value;
  const start = performance.now();
  const waiting = () => pictures.filter((picture) => !picture.vector && !mine.begun.has(picture));
  const work = async () => {
    for (let [next] = waiting(); next && !mine.stopped && mine.turn === turn; [next] = waiting()) {
      mine.begun.add(next);
      say('pictures-status', `Embedding ${mine.begun.size} of ${mine.begun.size + waiting().length} …`);
      try {
        const [vector] = await embed(model, [{ image: await dataUri(next.file) }]);
        if (mine.turn === turn) next.vector = vector;
      } catch (error) {
        if (mine.turn !== turn) return;
        if (isOfServer(error)) mine.stopped = error.message;
        else {
          failed.push(`${next.name}: ${error.message}`);
          remove(next);
        }
      }
    }
  };
  // Those who have nothing to do come back for what is added while others still work.
  do await Promise.all(Array.from({ length: PARALLEL }, work));
  while (mine.turn === turn && !mine.stopped && waiting().length > 0);
  if (mine.turn !== turn) return;
  run = undefined;
  report(mine, Math.round(performance.now() - start));
  show();
}

/** Whether it is the server that cannot now, not the picture that it refuses. */
function isOfServer(error) {
  return error instanceof Refusal && !OF_THE_PICTURE.includes(error.status);
}

function report({ failed, stopped, begun }, ms) {
  const left = pictures.filter(({ vector }) => !vector).length;
  byId('pictures-again').hidden = left === 0;
  const more = failed.length > MOST_FAULTS ? [`${failed.length - MOST_FAULTS} more`] : [];
  const faults = [...failed.slice(0, MOST_FAULTS), ...more];
  if (stopped) faults.unshift(`${stopped} Pictures that still wait: ${left}`);
  if (faults.length > 0) say('pictures-status', faults.join('\n'), true);
  else if (begun.size > 0)
    say('pictures-status', `${begun.size === 1 ? '1 picture' : `${begun.size} pictures`} in ${ms} ms.`);
}

function show() {
  const ready = pictures.filter(({ vector }) => vector);
  const words = models.find(({ id }) => id === byId('pictures-model').value)?.capabilities.includes('embed');
  byId('find').hidden = !(words && ready.length > 0);
  byId('pictures-clear').hidden = pictures.length === 0;
  byId('pictures-results').hidden = ready.length < 2;
  if (ready.length < 2) return;
  const vectors = ready.map(({ vector }) => vector);
  byId('pairs').replaceChildren(
    ...nearestPairs(vectors, MOST_PAIRS).map(({ a, b, score }) =>
      element('li', {}, thumbnail(ready[a]), thumbnail(ready[b]), score.toFixed(3)),
    ),
  );
  drawMap(ready, principalPlane(vectors));
}

function thumbnail({ url, name }) {
  return element('img', { src: url, alt: name, title: name });
}

function drawMap(list, { points, explained }) {
  const scale = (axis, size, room) => {
    const most = Math.max(...points.map((point) => Math.abs(point[axis]))) || 1;
    return (value) => size / 2 + (value / most) * (size - room - 4) * 0.5;
  };
  const x = scale(0, MAP.width, PICTURE.width);
  const y = scale(1, MAP.height, PICTURE.height);
  const axes = [
    svg('line', { x1: 0, x2: MAP.width, y1: MAP.height / 2, y2: MAP.height / 2 }),
    svg('line', { x1: MAP.width / 2, x2: MAP.width / 2, y1: 0, y2: MAP.height }),
  ];
  const images = list.map(({ url, name }, i) =>
    svg(
      'image',
      {
        href: url,
        ...PICTURE,
        preserveAspectRatio: 'xMidYMid slice',
        x: x(points[i][0]) - PICTURE.width / 2,
        y: y(-points[i][1]) - PICTURE.height / 2,
      },
      svg('title', {}, name),
    ),
  );
  byId('map-points').replaceChildren(...axes, ...images);
  const [first, second] = explained.map((share) => `${Math.round(100 * share)} %`);
  byId('map-caption').textContent =
    `${list.length} pictures by their two principal components: ${first} of the differences across, ${second} up and down.`;
}

async function find() {
  const words = byId('find-input').value.trim();
  if (words === '') return;
  const mine = turn;
  try {
    const [query] = await embed(byId('pictures-model').value, [words]);
    // A vector of another model has nothing to do with these.
    if (mine !== turn) return;
    const ranked = pictures
      .filter(({ vector }) => vector)
      .map((picture) => ({ picture, score: cosine(query, picture.vector) }))
      .sort((a, b) => b.score - a.score);
    byId('found').replaceChildren(
      ...ranked.map(({ picture, score }) => element('li', {}, thumbnail(picture), score.toFixed(3))),
    );
    byId('found').hidden = false;
  } catch (error) {
    say('pictures-status', error.message, true);
  }
}

function dataUri(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
