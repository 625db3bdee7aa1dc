import { readJsonObject } from '../../core/json-file.js';
import type { PoolingMode } from '../../native/binding.js';
import {
  type DenseConfig,
  type LayerNormConfig,
  type NormalizeConfig,
  readDense,
  readLayerNorm,
  readNormalize,
} from './layers.js';
import { type ModuleEntry, readModules, unsupportedModule } from './modules.js';
import { type PoolingConfig, plainPooling, readPooling } from './pooling.js';
import { type RouterConfig, readRouter } from './router.js';

/** What a model does with token vectors, in order. */
export type ModuleConfig = PoolingConfig | DenseConfig | LayerNormConfig | NormalizeConfig;

/** From a text to its vector: a Transformer, then modules. */
export interface Pipeline {
  /** Folder of the Transformer below the model's folder; `''` for the folder itself. */
  transformer: string;
  modules: ModuleConfig[];
}

/** Every way through a model. Without a Router, there is one. */
export interface Pipelines {
  routes: Map<string, Pipeline>;
  routeOf: RouterConfig['routeOf'];
}

/** Name of the only route of a model without Router. */
const ONLY_ROUTE = '';

/**
 * Reads the modules of a model and their configuration.
 *
 * @param pooling modes that replace all that the model does with token vectors, or undefined for its own modules
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for modules and orders that are not supported
 */
export async function readPipelines(folder: string, pooling?: PoolingMode[]): Promise<Pipelines> {
  const entries = await readModules(folder);
  if (entries === undefined) {
    const modes = pooling ?? [await defaultPooling(folder)];
    return single({ transformer: '', modules: [plainPooling(modes)] });
  }
  const place = entries.findIndex(({ type }) => type === 'Router' || type === 'Asym');
  if (place === -1) return single(await readPipeline(folder, entries, pooling));
  const { routes, routeOf } = await readRouter(folder, entries[place]);
  const pipelines = new Map<string, Pipeline>();
  for (const [route, members] of routes) {
    const path = [...entries.slice(0, place), ...members, ...entries.slice(place + 1)];
    pipelines.set(route, await readPipeline(folder, path, pooling));
  }
  return { routes: pipelines, routeOf };
}

function single(pipeline: Pipeline): Pipelines {
  const routeOf = { query: ONLY_ROUTE, document: ONLY_ROUTE, default: ONLY_ROUTE };
  return { routes: new Map([[ONLY_ROUTE, pipeline]]), routeOf };
}

/** What sentence-transformers does with a plain transformers model. */
async function defaultPooling(folder: string): Promise<PoolingMode> {
  const config = await readJsonObject(folder, 'config.json');
  const architectures = config?.get('architectures');
  const [architecture] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  const causal = typeof architecture === 'string' && architecture.endsWith('ForCausalLM');
  return causal && (config?.boolean('is_causal') ?? true) ? 'lasttoken' : 'mean';
}

async function readPipeline(
  folder: string,
  [transformer, ...rest]: ModuleEntry[],
  pooling: PoolingMode[] | undefined,
): Promise<Pipeline> {
  if (transformer?.type !== 'Transformer') {
    throw unsupportedModule('Transformer as the first module', transformer);
  }
  if (pooling) return { transformer: transformer.path, modules: [plainPooling(pooling)] };
  // In training only.
  const entries = rest.filter(({ type }) => type !== 'Dropout');
  const modules = await Promise.all(entries.map((entry) => readModule(folder, entry)));
  checkOrder(modules, entries);
  return { transformer: transformer.path, modules };
}

function readModule(folder: string, entry: ModuleEntry): Promise<ModuleConfig> {
  switch (entry.type) {
    case 'Pooling':
      return readPooling(folder, entry);
    case 'Dense':
      return readDense(folder, entry);
    case 'LayerNorm':
      return readLayerNorm(folder, entry);
    case 'Normalize':
      return readNormalize(folder, entry);
    default:
      throw unsupportedModule('a module for text embeddings', entry);
  }
}

/** Token vectors are pooled exactly once, before anything that needs one vector per text. */
function checkOrder(modules: ModuleConfig[], entries: ModuleEntry[]): void {
  const place = modules.findIndex(({ type }) => type === 'pooling');
  if (place === -1) throw unsupportedModule('Pooling after the Transformer', entries[0]);
  modules.forEach((module, i) => {
    const ofTokens = 'level' in module && module.level === 'token_embeddings';
    const fits = i < place ? ofTokens : i === place || (module.type !== 'pooling' && !ofTokens);
    if (!fits) throw unsupportedModule(`Pooling before what needs it, once,`, entries[i]);
  });
}
