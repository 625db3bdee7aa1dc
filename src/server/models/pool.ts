import { Fault } from '../fault.js';
import { CAPABILITY_NAMES, type Capability } from './kinds.js';
import { PooledModel, type ServedModel } from './pooled-model.js';

/** The server's models, by all the names that clients may use for them. */
export class ModelPool {
  readonly models: readonly PooledModel[];
  readonly #byName = new Map<string, PooledModel>();

  constructor(served: readonly ServedModel[]) {
    this.models = served.map((model) => new PooledModel(model));
    for (const model of this.models) {
      for (const name of [model.name, model.served.id, ...(model.served.aliases ?? [])]) {
        for (const spelling of spellings(name)) this.#byName.set(spelling, model);
      }
    }
  }

  /**
   * The model that a client names, or else the first that can do what it wants.
   *
   * @throws {Fault} `not_found`; `invalid` if the model cannot do that; what reading its configuration throws
   */
  async find(name: string | undefined, ...wanted: readonly Capability[]): Promise<PooledModel> {
    if (name === undefined) return this.#default(wanted);
    const model = this.named(name);
    const able = await model.capabilities();
    const missing = wanted.find((capability) => !able.includes(capability));
    if (missing === undefined) return model;
    throw new Fault('invalid', `The model '${name.slice(0, 200)}' cannot ${CAPABILITY_NAMES[missing]}`, {
      param: 'model',
      code: 'model_not_supported',
    });
  }

  /** @throws {Fault} `not_found` */
  named(name: string): PooledModel {
    const found = this.#byName.get(name) ?? this.#byName.get(canonical(name)) ?? this.#byName.get('*');
    if (found) return found;
    throw new Fault('not_found', `The model '${name.slice(0, 200)}' does not exist`, {
      param: 'model',
      code: 'model_not_found',
    });
  }

  async #default(wanted: readonly Capability[]): Promise<PooledModel> {
    for (const model of this.models) {
      const able = await model.capabilities();
      if (wanted.every((capability) => able.includes(capability))) return model;
    }
    const names = wanted.map((capability) => CAPABILITY_NAMES[capability]).join(' and ');
    throw new Fault('not_found', `The server has no model that can ${names}`, {
      param: 'model',
      code: 'model_not_found',
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.models.map((model) => model.close()));
  }
}

const BUNDLED_OWNER = 'sentence-transformers/';

/** Names under which the same model goes: with and without the owner of the bundled models, and Ollama's tag. */
function spellings(name: string): string[] {
  const plain = canonical(name);
  if (plain.startsWith(BUNDLED_OWNER)) return [name, plain, plain.slice(BUNDLED_OWNER.length)];
  return plain.includes('/') ? [name, plain] : [name, plain, BUNDLED_OWNER + plain];
}

/** Ollama's clients add `:latest` to names without a tag. */
function canonical(name: string): string {
  return name.replace(/:latest$/, '');
}
