import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
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
