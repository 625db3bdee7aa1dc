/** The element of the page with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Makes an element. Texts are set as text: nothing that a visitor or a server sends becomes markup.
 *
 * @param {string} name tag, with its classes after points: `td.best`
 */
export function element(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const made = Object.assign(document.createElement(tag), properties);
  made.classList.add(...classes);
  made.append(...children);
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Writes a line under the results, which screen readers read out. */
export function say(id, message, bad = false) {
  const line = byId(id);
  line.textContent = message;
  line.classList.toggle('bad', bad);
}

/** Fills a list to choose a model from; the first is chosen. */
export function offer(id, models) {
  byId(id).replaceChildren(...models.map(({ id: name }) => element('option', { value: name }, name)));
}

/** Runs the last of many calls only, when there have been none for a while. */
export function debounced(task, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(task, milliseconds);
  };
}
