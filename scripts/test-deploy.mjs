// Checks examples/deploy against the schemas of Kubernetes, KEDA and Compose, from PyPI, in a scratch folder: unknown
// fields are errors, and each field that is misspelt on purpose has to be one. Needs python3.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

const PACKAGES = ['kubernetes-validate==1.37.0', 'cloudcoil-models-keda==2.16.1.0', 'compose-spec==0.2.1'];
const COMPOSE =
  'import sys, compose_spec; compose_spec.PyCompose.from_yaml(open(sys.argv[1]).read()).validate()';
const VALIDATE = fileURLToPath(new URL('validate-manifests.py', import.meta.url));

const examples = fileURLToPath(new URL('../examples/deploy/', import.meta.url));
const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));
const folder = mkdtempSync(join(tmpdir(), 'embedlane-deploy-'));
const python = join(folder, 'bin/python');
try {
  execFileSync('python3', ['-m', 'venv', folder]);
  execFileSync(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES]);
  for (const name of files) {
    const isRight = name.endsWith('.compose.yaml') ? isCompose(join(examples, name)) : isManifest(name);
    console.log(`${isRight ? 'ok' : 'WRONG'}: ${name}`);
    if (!isRight) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function isCompose(path) {
  return spawnSync(python, ['-c', COMPOSE, path], { stdio: 'inherit' }).status === 0;
}

function isManifest(name) {
  const documents = parseAllDocuments(readFileSync(join(examples, name), 'utf8'));
  const resources = documents.map((document) => document.toJS());
  const misspelt = resources.flatMap((resource) =>
    Object.keys(resource.spec).map((field) => misspell(resource, field)),
  );
  const said = JSON.parse(
    execFileSync(python, [VALIDATE], { input: JSON.stringify([...resources, ...misspelt]) }),
  );
  const faults = said.slice(0, resources.length).filter((reason) => reason !== null);
  for (const reason of faults) console.error(reason);
  const missed = misspelt.filter((_, i) => said[resources.length + i] === null);
  for (const { kind, spec } of missed) console.error(`${kind}: nobody minds one of ${Object.keys(spec)}`);
  return faults.length + missed.length === 0;
}

/** The resource with one field of its `spec` under another name. */
function misspell(resource, field) {
  const { [field]: value, ...spec } = resource.spec;
  return { ...resource, spec: { ...spec, [`${field}s`]: value } };
}
