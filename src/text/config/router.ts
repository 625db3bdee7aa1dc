import { invalidModelFile, JsonObject, readJson } from '../../core/json-file.js';
import { folderBelow, lastSegment, type ModuleEntry } from './modules.js';

/** What texts are embedded for; a Router sends each down its own route. */
export type Task = 'query' | 'document';

/** A Router module: several lists of modules, one of which is used per call. */
export interface RouterConfig {
  routes: Map<string, ModuleEntry[]>;
  /** Route of `encode`, `encodeQuery` and `encodeDocument`; undefined where a task has none. */
  routeOf: Record<Task | 'default', string | undefined>;
}

/** The older class, Asym, kept its settings in `config.json`. */
const FILES = ['router_config.json', 'config.json'];

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the field that is wrong */
export async function readRouter(folder: string, { path }: ModuleEntry): Promise<RouterConfig> {
  const config = await readFirst(folder, path);
  const types = config.strings('types') ?? {};
  const structure = new JsonObject(`${config.file} (structure)`, config.get('structure'));
  const routes = new Map<string, ModuleEntry[]>();
  for (const route of structure.keys()) {
    const ids = structure.get(route);
    if (!Array.isArray(ids)) throw structure.invalid('a list of modules', `'${route}'`, ids);
    routes.set(
      route,
      ids.map((id: unknown) => {
        if (typeof id !== 'string' || !Object.hasOwn(types, id)) {
          throw structure.invalid(`modules among ${Object.keys(types).join(', ')}`, `'${route}'`, id);
        }
        const below = folderBelow(id);
        if (!below) throw structure.invalid("folders inside the model's folder", `'${route}'`, id);
        return { type: lastSegment(types[id]), path: path === '' ? below : `${path}/${below}` };
      }),
    );
  }
  if (routes.size === 0) throw config.invalid('at least one route', "'structure'", config.get('structure'));
  return { routes, routeOf: resolveRoutes(config, routes) };
}

async function readFirst(folder: string, path: string): Promise<JsonObject> {
  for (const name of FILES) {
    const file = path === '' ? name : `${path}/${name}`;
    const value = await readJson(folder, file);
    if (value !== undefined) return new JsonObject(file, value);
  }
  const file = path === '' ? FILES[0] : `${path}/${FILES[0]}`;
  throw invalidModelFile(file, 'a Router configuration', 'the Router', undefined);
}

/** As the Router of sentence-transformers resolves a task for texts. */
function resolveRoutes(config: JsonObject, routes: Map<string, unknown>): RouterConfig['routeOf'] {
  const parameters = new JsonObject(`${config.file} (parameters)`, config.get('parameters') ?? {});
  const mappings = parameters.strings('route_mappings') ?? {};
  for (const [key, route] of Object.entries(mappings)) {
    if (!routes.has(route)) {
      throw parameters.invalid(`one of the routes ${[...routes.keys()].join(', ')}`, `'${key}'`, route);
    }
  }
  const byDefault = parameters.string('default_route');
  if (byDefault !== undefined && !routes.has(byDefault)) {
    throw parameters.invalid(`one of ${[...routes.keys()].join(', ')}`, "'default_route'", byDefault);
  }
  const first = (parameters.boolean('allow_empty_key') ?? true) ? [...routes.keys()][0] : undefined;
  // Keys are Python tuples of a task and a modality, as its repr() writes them.
  const mapped = (...keys: string[]) => keys.map((key) => mappings[key]).find((route) => route !== undefined);
  const forAnyTask = () => mapped("(None, 'text')", '(None, None)');
  const named = (...names: string[]) => names.find((name) => routes.has(name));
  const forTask = (task: Task, ...otherNames: string[]) =>
    mapped(`('${task}', 'text')`, `('${task}', None)`) ?? forAnyTask() ?? named(task, ...otherNames, 'text');
  return {
    query: forTask('query'),
    // Older models call the route of documents by other names.
    document: forTask('document', 'doc', 'passage', 'corpus'),
    default: forAnyTask() ?? named('text') ?? byDefault ?? first,
  };
}
