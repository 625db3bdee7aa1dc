import { onKey, send } from './api.js';
import { byId, element, say } from './dom.js';

/** Longest answer that is shown: one vector more or less says nothing to a reader. */
const MOST_CHARACTERS = 4000;

async function load() {
  const document = await (await send('/openapi.json', 'GET')).json();
  byId('about').textContent = `Version ${document.info.version}. ${document.info.description}`;
  const groups = new Map();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag] = operation.tags;
      groups.set(tag, [...(groups.get(tag) ?? []), route(path, method, operation)]);
    }
  }
  byId('routes').replaceChildren(
    ...[...groups].map(([tag, routes]) =>
      element('section.card', { ariaLabel: tag }, element('h2', {}, tag), ...routes),
    ),
  );
}

function route(path, method, operation) {
  const head = element(
    'summary',
    {},
    element('span.method', {}, method.toUpperCase()),
    element('code', {}, path),
    element('span.note', {}, operation.summary),
  );
  const details = element('details', {}, head);
  // Filled when it is first opened: most never are.
  details.addEventListener('toggle', () => details.append(...body(path, method, operation)), { once: true });
  return details;
}

function body(path, method, { description, requestBody, responses, parameters }) {
  const parts = description ? [element('p.note', {}, description)] : [];
  const content = requestBody?.content['application/json'];
  if (content) parts.push(element('h3', {}, 'Body'), schemaOf(content.schema));
  const answer = responses[200].content?.['application/json'];
  if (answer) parts.push(element('h3', {}, 'Answer'), schemaOf(answer.schema));
  if (!parameters) parts.push(...trial(path, method, content));
  return parts;
}

function schemaOf(schema) {
  return element('pre', { tabIndex: 0 }, JSON.stringify(schema, undefined, 2));
}

function trial(path, method, content) {
  const input = element('textarea.code', {
    rows: 6,
    spellcheck: false,
    ariaLabel: `Body for ${path}`,
    value: JSON.stringify(content?.example ?? {}, undefined, 2),
  });
  const output = element('pre', { hidden: true, tabIndex: 0 });
  output.setAttribute('role', 'status');
  const button = element('button', { type: 'button' }, 'Send');
  button.addEventListener('click', async () => {
    try {
      const response = await send(path, method.toUpperCase(), content ? input.value : undefined);
      const text = await response.text();
      const more = text.length > MOST_CHARACTERS ? `\n… ${text.length} characters` : '';
      output.textContent = `${response.status} ${response.statusText}\n${text.slice(0, MOST_CHARACTERS)}${more}`;
    } catch (error) {
      output.textContent = error.message;
    }
    output.hidden = false;
  });
  return [element('h3', {}, 'Try it'), ...(content ? [input] : []), button, output];
}

/** A key given later is for the next trial: what is written in the fields stays. */
onKey(() => {});
load().catch((error) => say('about', error.message, true));
