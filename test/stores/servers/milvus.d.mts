import type { DatabaseServer } from './server.mjs';

export declare const hasMilvus: boolean;
export declare const hasMilvusCore: boolean;
export declare function startMilvus(): Promise<DatabaseServer>;
export declare function startMilvusCore(): Promise<DatabaseServer>;
export declare function startGuardedMilvus(credentials: string): Promise<DatabaseServer>;
