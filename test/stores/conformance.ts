import { describe } from 'vitest';
import { embedding } from './conformance/embedding.js';
import { metadata } from './conformance/metadata.js';
import { misuse } from './conformance/misuse.js';
import { searching } from './conformance/searching.js';
import type { ConformanceTarget } from './conformance/target.js';
import { writing } from './conformance/writing.js';

/** Everything that every store has to do alike, against an oracle that shares nothing with them. */
export function conformance(target: ConformanceTarget): void {
  describe('conformance: searching', () => searching(target));
  describe('conformance: writing', () => writing(target));
  describe('conformance: metadata', () => metadata(target));
  describe('conformance: embedding', () => embedding(target));
  describe('conformance: misuse', () => misuse(target));
}
