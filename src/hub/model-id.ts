import { invalidArgument } from '../core/errors.js';

/** A model of a hub: `org/name`, and after `@` a branch, tag or commit. */
export interface ModelId {
  /** `org/name`, or the bare name of a bundled model. */
  name: string;
  revision: string | undefined;
}

/** The Hub's own rule for each half of a repository's name: at most 96 characters, no `.` or `-` at the ends. */
const SEGMENT = /^(?=.{1,96}$)\w([\w.-]*\w)?$/;
/** Longest branch, tag or commit name that the Hub's storage takes. */
const MAX_REVISION = 255;

/**
 * Splits a model id. Ids become paths below the cache and parts of URLs, so nothing passes here that could
 * leave either.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function parseModelId(id: string): ModelId {
  const at = id.indexOf('@');
  const name = at < 0 ? id : id.slice(0, at);
  const segments = name.split('/');
  if (segments.length > 2 || !segments.every(isSegment)) {
    throw invalidArgument(
      'model',
      "a model name like 'org/name', or a path that is absolute or starts with './' or '../',",
      id,
    );
  }
  return { name, revision: at < 0 ? undefined : checkRevision(id.slice(at + 1)) };
}

/** Checks the name of a branch or tag (`main`, `refs/pr/1`) or a commit. */
export function checkRevision(value: unknown): string {
  const valid =
    typeof value === 'string' &&
    value.length <= MAX_REVISION &&
    /^[\w.-]+(\/[\w.-]+)*$/.test(value) &&
    !value.split('/').some((part) => part === '.' || part.includes('..') || part.endsWith('.lock'));
  if (!valid) throw invalidArgument('revision', 'the name of a branch, a tag or a commit', value);
  return value;
}

/** Whether a revision is a full commit id, which never changes its meaning. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

function isSegment(segment: string): boolean {
  // '--' separates organisation and name in the cache.
  return SEGMENT.test(segment) && !segment.includes('..') && !segment.includes('--');
}
