/** @type {import('next').NextConfig} */
export default {
  serverExternalPackages: ['embedlane'],
  output: 'standalone',
  // The addon, the programs of the lanes and the model are named by no import that Next.js could follow.
  outputFileTracingIncludes: {
    '/nearest': [
      './node_modules/embedlane/{dist,prebuilds}/**',
      './node_modules/embedlane-model-all-minilm-l6-v2/**',
      './node_modules/onnxruntime-node/bin/napi-v6/linux/x64/**',
    ],
  },
};
