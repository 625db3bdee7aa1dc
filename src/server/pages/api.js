import { byId } from './dom.js';

const KEY = 'embedlane-key';

/** A request that the server refused, in the server's words, or did not answer: then its status is 0. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Calls a route of this server with the visitor's key, if there is one, and asks for it if there has to be. */
export async function call(path, body, signal) {
  const response = await send(path, body === undefined ? 'GET' : 'POST', JSON.stringify(body), signal);
  const text = await response.text();
  const answer = parse(text);
  if (response.ok) return answer;
  throw new Refusal(
    response.status,
    answer?.error?.message ?? answer?.error ?? answer?.detail ?? answer?.message ?? text,
  );
}

export async function send(path, method, body, signal) {
  const key = sessionStorage.getItem(KEY);
  const response = await fetch(path, {
    method,
    body,
    signal,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(key && { authorization: `Bearer ${key}` }),
    },
  }).catch((error) => {
    // Browsers have words of their own for this, and none of them says what happened.
    throw error instanceof TypeError ? new Refusal(0, 'The server does not answer.') : error;
  });
  if (response.status === 401) {
    byId('key').hidden = false;
    byId('key-wrong').hidden = !key;
  }
  return response;
}

/** Calls `again` whenever the visitor has given a key. */
export function onKey(again) {
  byId('key').addEventListener('submit', (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, byId('key-input').value.trim());
    byId('key').hidden = true;
    again();
  });
}

/** One vector per input, in their order. */
export async function embed(model, input, signal) {
  const { data } = await call('/v1/embeddings', { model, input, encoding_format: 'base64' }, signal);
  return data.map(({ embedding }) => {
    const bytes = Uint8Array.from(atob(embedding), (character) => character.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
