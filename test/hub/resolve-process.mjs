// Resolves a model in a process of its own: node resolve-process.mjs <id> <options as JSON>
import { checkHubOptions, resolveModel } from '#dist/hub/index.js';

const [id, options] = process.argv.slice(2);
try {
  const { folder } = await resolveModel(id, { hub: checkHubOptions(JSON.parse(options)) });
  console.log(JSON.stringify({ folder }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
