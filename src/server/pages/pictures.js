import { embed } from './api.js';
import { byId, element, offer, say, svg } from './dom.js';
import { cosine, nearestPairs, principalPlane } from './math.js';

const MOST_PAIRS = 8;
const MOST_PICTURES = 64;
/** Requests at a time. */
const PARALLEL = 4;
const PICTURE = { width: 12, height: 9 };
const MAP = { width: 100, height: 75 };

/** @type {{ name: string, url: string, source: string, vector?: Float32Array }[]} */
let pictures = [];
/** Counts what makes work in progress useless: another model, no pictures. */
let turn = 0;
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
    add(Array.from(event.dataTransfer.files).filter(({ type }) => type.startsWith('image/')));
  });
  byId('pictures-clear').addEventListener('click', clear);
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

async function add(files) {
  const room = MOST_PICTURES - pictures.length;
  const mine = turn;
  const read = await Promise.all(
    files.slice(0, room).map(async (file) => ({
      name: file.name,
      url: URL.createObjectURL(file),
      source: await dataUri(file),
    })),
  );
  if (mine !== turn) return;
  pictures.push(...read);
  await compute();
}

function recompute() {
  turn++;
  for (const picture of pictures) picture.vector = undefined;
  byId('found').hidden = true;
  compute();
}

function clear() {
  turn++;
  for (const { url } of pictures) URL.revokeObjectURL(url);
  pictures = [];
  byId('found').hidden = true;
  show();
  say('pictures-status', '');
}

/** Embeds what has no vector yet, a request per picture: together they could be larger than a request may be. */
async function compute() {
  const mine = turn;
  const model = byId('pictures-model').value;
  const waiting = pictures.filter(({ vector }) => !vector);
  const failed = [];
  const start = performance.now();
  const queue = waiting.values();
  let done = 0;
  const work = async () => {
    for (const picture of queue) {
      say('pictures-status', `Embedding ${++done} of ${waiting.length} …`);
      try {
        [picture.vector] = await embed(model, [{ image: picture.source }]);
      } catch (error) {
        failed.push(`${picture.name}: ${error.message}`);
        pictures = pictures.filter((other) => other !== picture);
      }
      if (mine !== turn) return;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  if (mine !== turn) return;
  const ms = Math.round(performance.now() - start);
  if (failed.length > 0) say('pictures-status', failed.join('; '), true);
  else if (waiting.length > 0) say('pictures-status', `${waiting.length} pictures in ${ms} ms.`);
  show();
}

function show() {
  const ready = pictures.filter(({ vector }) => vector);
  const words = models.find(({ id }) => id === byId('pictures-model').value)?.capabilities.includes('embed');
  byId('find').hidden = !(words && ready.length > 0);
  byId('pictures-clear').hidden = ready.length === 0;
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
  try {
    const [query] = await embed(byId('pictures-model').value, [words]);
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
