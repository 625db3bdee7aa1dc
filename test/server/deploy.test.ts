import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { QUEUE, queueAddress } from '#dist/jobs/redis.js';
import { checkServerOptions } from '#dist/server/options.js';
import { TINY, testServer } from './support.js';

const path = (name: string) => fileURLToPath(new URL(`../../examples/deploy/${name}`, import.meta.url));
const read = (name: string) => readFileSync(path(name), 'utf8');
const serve = readFileSync(
  fileURLToPath(new URL('../../src/cli/commands/serve.ts', import.meta.url)),
  'utf8',
);

/** How long the server takes to close at most, in seconds. */
const DRAIN = checkServerOptions({}).drainTimeout / 1000;

function expectEnvironment(text: string): void {
  const names = text.match(/EMBEDLANE_[A-Z_]+/g) ?? [];
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(serve).toContain(name);
}

// biome-ignore lint/suspicious/noExplicitAny: the format of another project
function compose(name: string): any {
  const [document] = parseAllDocuments(read(name));
  expect([...document.errors, ...document.warnings]).toEqual([]);
  return document.toJS();
}

function seconds(duration: string): number {
  expect(duration).toMatch(/^\d+s$/);
  return Number.parseInt(duration, 10);
}

describe('examples/deploy', () => {
  const server = testServer({ models: [TINY] });

  it('has a configuration that the server takes', () => {
    const options = checkServerOptions(JSON.parse(read('config.json')));
    expect(options.models.map(({ id }) => id)).toEqual(['all-MiniLM-L6-v2', 'efficientnet-lite0']);
  });

  it('has a Kubernetes deployment whose probes and ports are right', async () => {
    const documents = parseAllDocuments(read('kubernetes.yaml'));
    for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([]);
    // biome-ignore lint/suspicious/noExplicitAny: the format of another project
    const [deployment, service] = documents.map((document) => document.toJS() as any);
    expect([deployment.kind, service.kind]).toEqual(['Deployment', 'Service']);
    const { template, selector } = deployment.spec;
    expect(template.metadata.labels).toEqual(selector.matchLabels);
    expect(service.spec.selector).toEqual(selector.matchLabels);
    const [container] = template.spec.containers;
    const [{ containerPort }] = container.ports;
    expect(service.spec.ports[0].targetPort).toBe(containerPort);
    for (const probe of [container.readinessProbe, container.livenessProbe]) {
      expect(probe.httpGet.port).toBe(containerPort);
      expect((await server.get(probe.httpGet.path)).status).toBe(200);
    }
    expect((await server.get(template.metadata.annotations['prometheus.io/path'])).status).toBe(200);
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(DRAIN);
    expectEnvironment(read('kubernetes.yaml'));
  });

  it('has a scaler that asks for metrics which the server has', async () => {
    const [document] = parseAllDocuments(read('autoscaling.yaml'));
    expect([...document.errors, ...document.warnings]).toEqual([]);
    // biome-ignore lint/suspicious/noExplicitAny: the format of another project
    const { kind, spec } = document.toJS() as any;
    const [deployment] = parseAllDocuments(read('kubernetes.yaml'));
    expect([kind, spec.scaleTargetRef.name]).toEqual([
      'ScaledObject',
      deployment.getIn(['metadata', 'name']),
    ]);
    const metrics = (await server.get('/metrics')).body as string;
    for (const { metadata } of spec.triggers) {
      expect(Number(metadata.threshold)).toBeGreaterThan(0);
      const name = /embedlane_\w+/.exec(metadata.query)?.[0];
      expect(metrics).toMatch(new RegExp(`^${name}(\\{.*\\})? \\d`, 'm'));
    }
  });

  it('has a Compose file with servers that have time to drain, behind a balancer that knows them', () => {
    const { services, configs } = compose('replicas.compose.yaml');
    const { server: replicas, balancer } = services;
    expect(seconds(replicas.stop_grace_period)).toBeGreaterThan(DRAIN);
    expect(balancer.depends_on).toEqual({ server: { condition: 'service_healthy' } });
    const [{ source, target }] = balancer.configs;
    expect(target).toBe('/etc/caddy/Caddyfile');
    const caddyfile: string = configs[source].content;
    // Compose would replace variables.
    expect(caddyfile).not.toContain('$');
    expect(caddyfile.split('{').length).toBe(caddyfile.split('}').length);
    const [, listens, name, port] =
      /^:(\d+) [\s\S]*dynamic a \{\s+name (\w+)\s+port (\d+)/.exec(caddyfile) ?? [];
    expect(Object.keys(services)).toContain(name);
    expect(read('Dockerfile')).toContain(`EXPOSE ${port}`);
    expect(balancer.ports).toEqual([`${listens}:${listens}`]);
  });

  it('has workers whose commands, variables, queues and times are right', () => {
    const { worker, redis } = compose('workers.compose.yaml').services;
    const [deployment, scaler] = parseAllDocuments(read('workers.yaml')).map((document) => {
      expect([...document.errors, ...document.warnings]).toEqual([]);
      // biome-ignore lint/suspicious/noExplicitAny: the format of another project
      return document.toJS() as any;
    });
    const pod = deployment.spec.template.spec;
    const [container] = pod.containers;
    const job = readFileSync(
      fileURLToPath(new URL('../../src/cli/commands/job.ts', import.meta.url)),
      'utf8',
    );
    for (const [command, grace] of [
      [worker.entrypoint as string[], seconds(worker.stop_grace_period)],
      [[...container.command, ...container.args] as string[], pod.terminationGracePeriodSeconds as number],
    ] as const) {
      expect(command.slice(0, 4)).toEqual(['node', 'node_modules/embedlane/dist/cli/main.js', 'job', 'work']);
      for (const flag of command.filter((word) => word.startsWith('--'))) expect(job).toContain(flag);
      expect(grace).toBeGreaterThan(Number(command[command.indexOf('--grace') + 1]));
    }
    const names = [
      ...Object.keys(worker.environment),
      ...container.env.map(({ name }: { name: string }) => name),
    ];
    expect(new Set(names)).toEqual(new Set(['EMBEDLANE_QUEUE', 'NOTES_STORE']));
    expect(job).toContain('EMBEDLANE_QUEUE');
    // As docs/jobs.md wants it.
    expect(redis.command).toEqual([
      'redis-server',
      '--appendonly',
      'yes',
      '--maxmemory-policy',
      'noeviction',
    ]);
    expect(deployment.spec.selector.matchLabels).toEqual(deployment.spec.template.metadata.labels);
    expect(scaler.spec.scaleTargetRef.name).toBe(deployment.metadata.name);
    const { prefix } = queueAddress('url', 'redis://redis');
    expect(
      scaler.spec.triggers.map(({ metadata }: never) => (metadata as { listName: string }).listName),
    ).toEqual(['wait', 'active'].map((state) => `${prefix}:${QUEUE}:${state}`));
  });

  it('has a systemd unit', () => {
    const unit = read('embedlane.service');
    for (const line of unit.split('\n'))
      expect(line).toMatch(/^(#.*|\[(Unit|Service|Install)\]|[A-Z]\w+=.+|)$/);
    expect(Number(/TimeoutStopSec=(\d+)/.exec(unit)?.[1])).toBeGreaterThan(DRAIN);
    expect(serve).toContain('--config');
    expectEnvironment(unit);
    // Where systemd is, it knows better; a missing /usr/bin/env would be the machine's fault.
    const { error, stderr } = spawnSync('systemd-analyze', ['verify', path('embedlane.service')], {
      encoding: 'utf8',
    });
    if (!error && !/Failed to|not been booted/.test(stderr))
      expect(stderr).not.toContain('embedlane.service:');
  });

  it('has a Dockerfile whose commands are there', async () => {
    const lines = read('Dockerfile')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of lines)
      expect(line).toMatch(/^(FROM|RUN|WORKDIR|COPY|ENV|USER|EXPOSE|HEALTHCHECK|ENTRYPOINT) \S/);
    const [entry, check] = ['ENTRYPOINT ', 'HEALTHCHECK '].map((word) => {
      const line = lines.find((candidate) => candidate.startsWith(word)) ?? '';
      return JSON.parse(line.slice(line.indexOf('['))) as string[];
    });
    expect(entry.at(-1)).toBe('serve');
    expect((await server.get(/8080(\/\w+)/.exec(check.join(' '))?.[1] as string)).status).toBe(200);
    expectEnvironment(read('Dockerfile'));
  });
});
