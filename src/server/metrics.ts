import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TextEmbedder } from '../text/index.js';
import type { ModelPool } from './models/pool.js';

/** Seconds; a single short text takes a few milliseconds. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

export interface RequestRecord {
  route: string;
  status: number;
  seconds: number;
  model?: string;
  texts?: number;
  tokens?: number;
}

/** What `/metrics` shows, in the format of Prometheus. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'route' | 'status'>;
  readonly #duration: Histogram<'route'>;
  readonly #texts: Counter<'model'>;
  readonly #tokens: Counter<'model'>;
  readonly #inputs: Histogram;

  constructor(pool: ModelPool, active: () => number) {
    const registers = [this.#registry];
    const name = (suffix: string) => `embedlane_${suffix}`;
    this.#requests = new Counter({
      name: name('requests_total'),
      help: 'Requests answered',
      labelNames: ['route', 'status'],
      registers,
    });
    this.#duration = new Histogram({
      name: name('request_duration_seconds'),
      help: 'Time from request to answer',
      labelNames: ['route'],
      buckets: DURATIONS,
      registers,
    });
    this.#texts = new Counter({
      name: name('texts_total'),
      help: 'Texts, pictures and pairs computed for clients',
      labelNames: ['model'],
      registers,
    });
    this.#tokens = new Counter({
      name: name('tokens_total'),
      help: 'Tokens of these texts',
      labelNames: ['model'],
      registers,
    });
    this.#inputs = new Histogram({
      name: name('request_texts'),
      help: 'Texts in one request',
      buckets: BATCH_SIZES,
      registers,
    });
    new Gauge({
      name: name('requests_active'),
      help: 'Requests in progress',
      registers,
      collect() {
        this.set(active());
      },
    });
    this.#models(pool, registers);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  record({ route, status, seconds, model, texts, tokens }: RequestRecord): void {
    this.#requests.inc({ route, status });
    this.#duration.observe({ route }, seconds);
    if (model === undefined || texts === undefined) return;
    this.#texts.inc({ model }, texts);
    this.#tokens.inc({ model }, tokens ?? 0);
    this.#inputs.observe(texts);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Gauges that are read from the models when someone asks. */
  #models(pool: ModelPool, registers: Registry[]): void {
    const gauge = (suffix: string, help: string, value: (stats: ModelStats) => number) =>
      new Gauge({
        name: `embedlane_model_${suffix}`,
        help,
        labelNames: ['model'] as const,
        registers,
        collect() {
          this.reset();
          for (const { name, loaded } of pool.models) {
            if (loaded?.kind === 'text') this.set({ model: name }, value(loaded.model.stats()));
          }
        },
      });
    gauge('queue_texts', 'Texts that wait for a run of the model', ({ waiting }) => waiting);
    gauge('running_texts', 'Texts in a run of the model', ({ running }) => running);
    gauge('batches', 'Runs of the model since it was loaded', ({ batches }) => batches);
    gauge('batch_texts_mean', 'Texts per run', ({ texts, batches }) => texts / Math.max(1, batches));
    gauge('tokens', 'Tokens run, padding not included', ({ tokens }) => tokens);
    gauge('padded_tokens', 'Tokens run, padding included', ({ paddedTokens }) => paddedTokens);
    gauge('shared_texts', 'Texts that were computed once for several callers', ({ shared }) => shared);
    gauge('latency_p99_seconds', '99th percentile of a call', ({ latency }) => latency.p99 / 1000);
  }
}

type ModelStats = ReturnType<TextEmbedder['stats']>;
