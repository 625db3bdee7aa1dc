/** Deterministic random numbers (xorshift32), so that a failure repeats. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (seed * 2654435761 + 1) | 0 || 1;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 2 ** 32;
  }

  /** Uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Roughly normal. */
  normal(): number {
    return (this.uniform() + this.uniform() + this.uniform() + this.uniform() - 2) * Math.sqrt(3);
  }

  vector(length: number, scale = 1): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length }, () => this.normal() * scale);
  }
}
