import type { Activation } from '../../config/index.js';

/** Klambauer et al., Self-Normalizing Neural Networks. */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/** PyTorch's activation functions with the parameters that their constructors default to, in float64. */
export const ACTIVATION_FUNCTIONS: Record<Activation, (x: number) => number> = {
  Identity: (x) => x,
  Tanh: Math.tanh,
  Sigmoid: sigmoid,
  ReLU: (x) => Math.max(x, 0),
  ReLU6: (x) => Math.min(Math.max(x, 0), 6),
  LeakyReLU: (x) => (x >= 0 ? x : 0.01 * x),
  ELU: (x) => (x > 0 ? x : Math.expm1(x)),
  GELU: (x) => (x * erfc(-x * Math.SQRT1_2)) / 2,
  SiLU: (x) => x * sigmoid(x),
  Mish: (x) => x * Math.tanh(softplus(x)),
  Softplus: softplus,
  CELU: (x) => (x > 0 ? x : Math.expm1(x)),
  Hardsigmoid: hardSigmoid,
  Hardswish: (x) => x * hardSigmoid(x),
  Hardtanh: (x) => Math.min(Math.max(x, -1), 1),
  LogSigmoid: (x) => -softplus(-x),
  SELU: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
  Softsign: (x) => x / (1 + Math.abs(x)),
  Tanhshrink: (x) => x - Math.tanh(x),
};

function hardSigmoid(x: number): number {
  return Math.min(Math.max(x + 3, 0), 6) / 6;
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/**
 * Complementary error function, relative error below 1.2e-7 everywhere: Press et al., Numerical Recipes, 2nd
 * edition, section 6.2 (a Chebyshev fit). That is the resolution of the float32 that it ends up in.
 */
function erfc(x: number): number {
  const z = Math.abs(x);
  const t = 1 / (1 + z / 2);
  const polynomial = COEFFICIENTS.reduceRight((sum, c) => sum * t + c, 0);
  const value = t * Math.exp(-z * z + polynomial);
  return x >= 0 ? value : 2 - value;
}

const COEFFICIENTS = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
  -0.82215223, 0.17087277,
];
