import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';
import type { Device } from './options.js';

const CUDA_PROVIDER = 'libonnxruntime_providers_cuda.so';

/** What was found out about a device that could not be used. */
export interface DeviceFindings {
  /** Program that downloads onnxruntime-node's CUDA libraries. */
  installer: string;
  /** Whether those libraries are there. */
  installed: boolean;
  /** Shared libraries that they need and the system does not have. */
  missing: readonly string[];
}

/** Says why a graph could not be opened on a device, and what to do about it. */
export function deviceError(
  device: Device,
  cause: Error,
  findings: DeviceFindings = investigate(),
): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_DEVICE',
    `Expected to compute on device '${device}' but ${device === 'cuda' ? cudaReason(cause, findings) : cause.message}`,
    { cause },
  );
}

function cudaReason({ message }: Error, { installer, installed, missing }: DeviceFindings): string {
  if (!installed) {
    return (
      'onnxruntime-node came without its CUDA libraries; download them with: ' +
      `node "${installer}" --onnxruntime-node-install=cuda12`
    );
  }
  if (missing.length > 0) {
    return (
      `the system lacks ${missing.join(', ')}; with NVIDIA's package repository set up, install CUDA 12 and cuDNN 9 ` +
      'with: apt-get install cuda-libraries-12-9 cudnn9-cuda-12'
    );
  }
  return `onnxruntime reported: ${message}; check that nvidia-smi lists the GPU`;
}

/** Only on failure: it looks at files and starts a program. */
function investigate(): DeviceFindings {
  const root = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  const provider = join(root, 'bin/napi-v6', process.platform, process.arch, CUDA_PROVIDER);
  const installed = existsSync(provider);
  return {
    installer: join(root, 'script/install.js'),
    installed,
    missing: installed ? missingLibraries(provider) : [],
  };
}

function missingLibraries(file: string): string[] {
  try {
    const lines = execFileSync('ldd', [file], { encoding: 'utf8', timeout: 5000 }).split('\n');
    return lines.filter((line) => line.includes('not found')).map((line) => line.trim().split(' ')[0]);
  } catch {
    // No ldd, or not allowed to start it: onnxruntime's own message has to do.
    return [];
  }
}
