// Checks examples/deploy against the schemas of Kubernetes (strictly: unknown fields are errors) and of Compose, from
// PyPI, in a scratch folder. Needs python3.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['kubernetes-validate==1.37.0', 'compose-spec==0.2.1'];
const COMPOSE =
  'import sys, compose_spec; compose_spec.PyCompose.from_yaml(open(sys.argv[1]).read()).validate()';

const examples = fileURLToPath(new URL('../examples/deploy/', import.meta.url));
const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));
const folder = mkdtempSync(join(tmpdir(), 'embedlane-deploy-'));
try {
  execFileSync('python3', ['-m', 'venv', folder]);
  const python = join(folder, 'bin/python');
  execFileSync(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES]);
  for (const name of files) {
    const path = join(examples, name);
    const isCompose = name.endsWith('.compose.yaml');
    // The package has no schemas of KEDA's resources.
    const isForeign = !isCompose && !/^apiVersion: (apps\/)?v1$/m.test(readFileSync(path, 'utf8'));
    const { status } = isCompose
      ? spawnSync(python, ['-c', COMPOSE, path], { stdio: 'inherit' })
      : spawnSync(join(folder, 'bin/kubernetes-validate'), ['--strict', '--quiet', path], {
          stdio: 'inherit',
        });
    console.log(`${status === 0 ? (isForeign ? 'not checked' : 'ok') : 'WRONG'}: ${name}`);
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
