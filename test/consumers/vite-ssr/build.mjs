// Vite leaves dependencies outside of a server's bundle by itself.
import { build } from 'vite';

await build({ logLevel: 'error', root: import.meta.dirname, build: { ssr: 'app.mjs', outDir: 'out' } });
