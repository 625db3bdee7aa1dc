import { describe, expect, it } from 'vitest';
import { chooseOutputs, readOutput } from '#dist/image/lane/outputs.js';

const graph = (...names: [string, number][]) => names.map(([name, rank]) => ({ name, rank }));
const VIT = graph(['last_hidden_state', 3], ['pooler_output', 2]);
const RESNET = graph(['last_hidden_state', 4], ['pooler_output', 4]);

describe('chooseOutputs', () => {
  it.each([
    ["ViT's class token", VIT, 'vit', 'last_hidden_state', 'cls'],
    ["DINOv2's pooled output", VIT, 'dinov2', 'pooler_output', 'none'],
    ["ResNet's pooled output", RESNET, 'resnet', 'pooler_output', 'none'],
    [
      "CLIP's projection",
      graph(['last_hidden_state', 3], ['image_embeds', 2]),
      'clip',
      'image_embeds',
      'none',
    ],
    ['the features beside logits', graph(['logits', 2], ['features', 2]), 'efficientnet', 'features', 'none'],
    ['a class token alone', graph(['last_hidden_state', 3]), '', 'last_hidden_state', 'cls'],
    ['a map alone', graph(['last_hidden_state', 4]), '', 'last_hidden_state', 'mean'],
    ['an only output of another name', graph(['output', 2]), '', 'output', 'none'],
  ])('%s', (_, outputs, type, name, reduce) => {
    expect(chooseOutputs(outputs, type, undefined).features).toEqual({ name, reduce });
  });

  it('finds no features in logits', () => {
    const { features, logits } = chooseOutputs(graph(['logits', 2]), 'vit', undefined);
    expect([features, logits]).toEqual([undefined, { name: 'logits', reduce: 'none' }]);
  });

  it('does as the caller says, if the graph can', () => {
    const chosen = (pooling: 'cls' | 'mean' | 'pooler') => chooseOutputs(VIT, 'vit', pooling).features;
    expect(chosen('cls')).toEqual({ name: 'last_hidden_state', reduce: 'cls' });
    expect(chosen('mean')).toEqual({ name: 'last_hidden_state', reduce: 'mean' });
    expect(chosen('pooler')).toEqual({ name: 'pooler_output', reduce: 'none' });
    expect(() => chooseOutputs(graph(['image_embeds', 2]), 'clip', 'cls')).toThrow(/last_hidden_state/);
  });
});

describe('readOutput', () => {
  const data = Float32Array.from({ length: 24 }, (_, i) => i);
  const read = (shape: number[], reduce: 'none' | 'cls' | 'mean', batch = 2) =>
    readOutput({ data, shape }, batch, { name: 'x', reduce });

  it('takes vectors, class tokens and means', () => {
    expect(read([2, 12], 'none')).toEqual({ data, dims: 12 });
    expect(read([2, 12, 1, 1], 'none').dims).toBe(12);
    expect([...read([2, 3, 4], 'cls').data]).toEqual([0, 1, 2, 3, 12, 13, 14, 15]);
    expect([...read([2, 3, 4], 'mean').data]).toEqual([4, 5, 6, 7, 16, 17, 18, 19]);
    expect([...read([2, 3, 2, 2], 'mean').data]).toEqual([1.5, 5.5, 9.5, 13.5, 17.5, 21.5]);
  });

  it('refuses other shapes', () => {
    for (const [shape, reduce] of [
      [[1, 24], 'none'],
      [[2, 3, 4], 'none'],
      [[2, 12], 'cls'],
      [[2, 3, 2, 2], 'cls'],
    ] as const) {
      expect(() => read([...shape], reduce)).toThrow(expect.objectContaining({ code: 'ERR_MODEL_INVALID' }));
    }
  });
});
