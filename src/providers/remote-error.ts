import { EmbedlaneError } from '../core/errors.js';

export interface RemoteErrorDetails {
  /** HTTP status, if there was an answer. */
  status?: number;
  /** The provider's own code for what went wrong, for example `insufficient_quota` or `Throttling`. */
  providerCode?: string;
  /** What the provider said. */
  providerMessage?: string;
  /** Milliseconds after which the provider wants to be asked again. */
  retryAfter?: number;
  /** Whether the same request may succeed later. */
  retryable?: boolean;
  cause?: unknown;
}

/** A provider refused a request, could not be reached, or answered with something that is no embedding. */
export class RemoteError extends EmbedlaneError {
  readonly status: number | undefined;
  readonly providerCode: string | undefined;
  readonly providerMessage: string | undefined;
  readonly retryAfter: number | undefined;
  readonly retryable: boolean;

  constructor(message: string, details: RemoteErrorDetails = {}) {
    super('ERR_REMOTE', message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = details.status;
    this.providerCode = details.providerCode;
    this.providerMessage = details.providerMessage;
    this.retryAfter = details.retryAfter;
    this.retryable = details.retryable ?? false;
  }
}

/** Most of a provider's message that is kept: some quote the whole request. */
const MAX_MESSAGE = 1000;

/** Code and message of an error body in any of the providers' dialects. */
export function readErrorBody(text: string): { code?: string; message?: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { message: clip(titleOf(text) ?? text.trim()) };
  }
  const { error, message, detail, code, type, error_type: errorType } = fields(body);
  // OpenAI, DashScope's compatible mode: { error: { message, code, type } }.
  if (typeof error === 'object' && error !== null) {
    const inner = fields(error);
    return { code: word(inner.code) ?? word(inner.type), message: sentence(inner.message) };
  }
  // Ollama: { error }. TEI: { error, error_type }. DashScope, TEI's OpenAI route, Cohere: { message, code, type }.
  // Jina, Voyage: { detail }, a list of objects with `msg` where a framework refused the body.
  const list = Array.isArray(detail)
    ? detail.map((item) => sentence(fields(item).msg)).join('; ')
    : undefined;
  return {
    code: word(errorType) ?? word(code) ?? word(type),
    message: sentence(error) ?? sentence(message) ?? list ?? sentence(detail),
  };
}

/** What a page of HTML says, of a gateway for example: the rest of it is style. */
function titleOf(text: string): string | undefined {
  if (!/^\s*<(!doctype|html)\b/i.test(text)) return undefined;
  return /<title[^>]*>([^<]*[^<\s][^<]*)</i.exec(text)?.[1].trim();
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function word(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? clip(value) : undefined;
}

function sentence(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? clip(value) : undefined;
}

function clip(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}
