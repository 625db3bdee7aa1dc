import type { DatabaseServer } from './server.mjs';

export declare const hasSeekdb: boolean;
export declare function startSeekdb(): Promise<DatabaseServer>;
export declare function answers(port: number): Promise<void>;
